"""The schema in a process of many threads."""

from __future__ import annotations

import subprocess
import sys

FIRST = """
import threading
from tocsin.cap.schema import schema
together, wrong = threading.Barrier(8), []
def first():
    together.wait()
    try:
        schema()
    except Exception as one:
        wrong.append(repr(one))
threads = [threading.Thread(target=first) for _ in range(8)]
for one in threads: one.start()
for one in threads: one.join()
schema()
assert not wrong, wrong
"""


def test_the_first_messages_may_come_at_once() -> None:
    """Eight threads that each read their first message at the same moment all can, and so can whoever comes after them."""
    for _ in range(16):
        done = subprocess.run([sys.executable, "-c", FIRST], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, (done.returncode, done.stderr)
