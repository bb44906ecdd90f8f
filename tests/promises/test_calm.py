"""What is not needed at the start is loaded in the calm after it: not before the server listens, and never at the alarm."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

_SERVES = """
import asyncio, json, sys
from pathlib import Path
from tocsin import calm
from tocsin.app import Program
from tocsin.clock import SystemClock
from tocsin.settings import load

def loaded():
    return sorted(name for name in calm._NAMED if name in sys.modules)

async def serve(data):
    program = Program(load(data, {}, bind="127.0.0.1:0"), data, SystemClock())
    ready, seen = asyncio.get_running_loop().create_future(), []
    def started(address):
        seen.extend(loaded())
        ready.set_result(address)
    task = asyncio.create_task(program.run(started=started))
    await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
    # The readback may listen once everything is loaded.
    await program.readback._future()
    after = loaded()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    program.close()
    print(json.dumps([sorted(calm._NAMED), seen, after]))

asyncio.run(serve(Path(sys.argv[1])))
"""


def test_loaded_once_the_server_listens(tmp_path: Path) -> None:
    """When a page can be opened none of them is loaded yet; before the first alert can be read back all of them are."""
    done = subprocess.run([sys.executable, "-c", _SERVES, tmp_path], capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr
    named, at_start, after = json.loads(done.stdout)
    assert {"aiohttp", "aiomqtt", "joserfc.jwt", "segno", "webauthn"} <= set(named)
    assert at_start == []
    assert after == named


def test_used_before_the_calm_it_loads_itself() -> None:
    """Whoever needs a library sooner has it by using it."""
    code = (
        "import sys; from tocsin.calm import in_calm; given = in_calm('segno'); assert 'segno' not in sys.modules; "
        "assert given.make is sys.modules['segno'].make; assert in_calm('segno') is given"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr
