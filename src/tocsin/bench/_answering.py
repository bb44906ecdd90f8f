"""The other side of ``answers``: a whole Tocsin in a process of its own, with a roster and an open roll call.

- ``python -m tocsin.bench._answering FOLDER N`` makes N people, starts a roll call, serves on a port of the system's
  choice, and says in one JSON line where, with the links and a signed-in console.
- Started again in the same folder it goes on with what is there.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import msgspec
from msgspec import Struct

from tocsin.account.roster import Details, Kind, Member, Way
from tocsin.app import Program
from tocsin.clock import SystemClock
from tocsin.settings import Settings
from tocsin.warn.enrolment import Way as SignIn
from tocsin.warn.person import PERSON_ENROLLED, Enrolled, Role
from tocsin.web.console.session import COOKIE, Sessions
from tocsin.web.rolls import ANSWER


class Open(Struct, frozen=True):
    """Where it is open: the address, the process, the roll call, every link and the cookie of a console."""

    address: str
    pid: int
    rollcall: str
    links: tuple[str, ...]
    cookie: str


def people(n: int) -> list[tuple[Member, Details]]:
    """So many people in zones of fifty."""
    return [
        (
            Member("", Kind.STAFF, f"Zone {number // 50}", (), ("en",), ("sms",)),
            Details(f"Person {number}", str(number), (Way("sms", f"+1555{number:07}"),)),
        )
        for number in range(n)
    ]


def serve(folder: Path, n: int) -> None:
    """Serve until killed."""
    settings = Settings(realm="exercise", bind="127.0.0.1:0", public_url="http://localhost:1")
    program = Program(settings, folder, SystemClock())
    rolls, identity = program.rolls, program.identity
    rolls.take_in()
    if not rolls.calls.by_id:
        new, *_ = rolls.roster.plan(people(n))
        rolls.roster.take_in(new, (), ())
        rolls.start("Bench", "bench")
        identity.record(identity.fact(PERSON_ENROLLED, "bench", Enrolled(tuple(Role))))
    (call,) = rolls.calls.by_id.values()
    links = tuple(rolls.book.link(ANSWER, call.id, seat) for seat in sorted(call.zones))
    secret = Sessions(identity).begin("bench", SignIn.PASSKEY)
    cookie = f"{identity.origin.cookie(COOKIE)}={secret}"

    def started(address: str) -> None:
        print(msgspec.json.encode(Open(address, os.getpid(), call.id, links, cookie)).decode(), flush=True)

    asyncio.run(program.run(started=started))


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]))
