"""kill -9: whatever a store acknowledged is there afterwards, once, in an intact chain."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from tocsin.clock import SystemClock
from tocsin.journal import follow, verify
from tocsin.store.sqlite import SqliteStore

WRITER = """
import sys, threading
from tocsin.journal import fact
from tocsin.store.sqlite import SqliteStore

store, run = SqliteStore(sys.argv[1]), sys.argv[2]
out, lock = sys.stdout, threading.Lock()

def say(*words):
    with lock:
        out.write(" ".join(map(str, words)) + "\\n")
        out.flush()

def appends(name):
    n = 0
    while True:
        names = [f"{run}-{name}-{n + i}" for i in range(n % 4 + 1)]
        made = store.append_new([fact("test:said", each, {"x": "y" * 200}) for each in names])
        for entry in made:
            say("said", entry.subject, entry.seq)
        n += len(made)

def steps():
    # A follower as every room has one: each entry of the appenders makes exactly one entry of its own.
    while True:
        found = store.read(store.cursor("echo"), 20, ["test:said"])
        if found:
            store.step("echo", found[-1].seq, [fact("test:echoed", e.subject, {}) for e in found])
            say("echo", store.cursor("echo"), 0)

for name in "ab":
    threading.Thread(target=appends, args=(name,), daemon=True).start()
threading.Thread(target=steps, daemon=True).start()
threading.Event().wait()
"""


def test_kill_9_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """Killed at random moments again and again: every acknowledged entry is there once, the chain is intact, and a
    follower's steps are neither missing nor doubled."""
    moments = random.Random(20241120)
    acknowledged: dict[str, int] = {}
    cursor = 0
    for run in range(6):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(run)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        lines = [process.stdout.readline()]
        time.sleep(moments.uniform(0.01, 0.25))  # the moment of a death is real time; nothing is awaited here
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.read().split("\n")[:-1]  # a line that was cut off acknowledges nothing
        process.wait()
        process.stdout.close()
        for line in lines:
            words = line.split()
            if len(words) == 3 and words[0] == "said":
                acknowledged[words[1]] = int(words[2])
            elif len(words) == 3:
                cursor = int(words[1])
        with SqliteStore(tmp_path, SystemClock()) as store:
            entries = list(follow(store, 0))
            assert verify(entries, store.head()) == len(entries)
            said = [e.subject for e in entries if e.kind == "test:said"]
            assert len(said) == len(set(said))
            at = {e.subject: e.seq for e in entries if e.kind == "test:said"}
            assert acknowledged.items() <= at.items()
            assert store.cursor("echo") >= cursor
            echoed = [e.subject for e in entries if e.kind == "test:echoed"]
            assert echoed == [e.subject for e in entries if e.kind == "test:said" and e.seq <= store.cursor("echo")]
    assert len(acknowledged) > 100
