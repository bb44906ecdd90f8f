"""Intake: reading CAP into values, beside two other libraries and beside the bare parser; and the hostile set.

- Ours is everything :func:`tocsin.cap.xml.read` does: limits, parse, the OASIS schema, the values with polygons decoded
  and judged, times against each other. The peers leave polygons as text; none of them validates unless it must.
- The limit is lxml's hardened parse of the same bytes, in this process, in turn with us.
- Each hostile document is read in a process of its own, which says how long it took and the most memory it ever had.
"""

from __future__ import annotations

import io
import itertools
import json
import math
import random
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import numpy as np
from lxml import etree

from tocsin.bench import Case, case
from tocsin.bench._peers import Peer, PeerError, in_turn, timed
from tocsin.cap.alert import Alert, Area, Info, Named, Polygon, Reference
from tocsin.cap.xml import read, write

_PEERS = """
from xsdata.formats.dataclass.parsers import XmlParser
from xsdata.formats.dataclass.context import XmlContext
WORKS = {}
try:
    from cap_tools.models import Alert
    _parser = XmlParser(context=XmlContext())
    for _name, _text in GIVEN.items():
        WORKS["cap-tools " + _name] = lambda data=_text.encode(): _parser.from_bytes(data, Alert)
except ImportError:
    pass
try:
    from capparselib.parsers import CAPParser
    for _name, _text in GIVEN.items():
        WORKS["capparselib " + _name] = lambda text=_text: CAPParser(text).as_dict()
except ImportError:
    pass
"""
_NAMES = ("cap-tools", "capparselib")
_BARE = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
_SENTENCE = (
    "Air attack possible today, anywhere in the region. Falling debris and blasts can kill. Choose your shelter, "
    "charge your phone, keep shoes and water ready. If an air alert sounds, go to shelter at once. "
)


def cases(quick: bool) -> Iterator[Case]:
    """The cases of this bench: 2kb, 20kb, 500kb beside each peer, and each hostile document."""
    sizes = {"2kb": message(1, 5, 1), "20kb": message(5, 50, 2), "500kb": message(1, 2_500, 10)}
    rounds = {"2kb": 200, "20kb": 30, "500kb": 2}
    runs = 5 if quick else 25
    try:
        peer = Peer(_PEERS, {name: data.decode() for name, data in sizes.items()})
    except PeerError as wrong:
        for name, data in sizes.items():
            yield _alone(name, data, rounds[name], runs, str(wrong))
    else:
        with peer:
            for name, data in sizes.items():
                yield from _beside(peer, name, data, max(1, rounds[name] // (4 if quick else 1)), runs)
    for name, made in HOSTILE.items():
        yield _hostile(name, made)


def _beside(peer: Peer, name: str, data: bytes, rounds: int, runs: int) -> Iterator[Case]:
    for other in _NAMES:
        try:
            peer.time(f"{other} {name}", 1)
        except PeerError as wrong:
            yield _alone(name, data, rounds, runs, f"{other}: {wrong}")
            continue

        def theirs(other: str = other) -> float:
            return peer.time(f"{other} {name}", max(1, rounds // 10)) * rounds / max(1, rounds // 10)

        own, bare, their = in_turn(runs, timed(lambda: read(data), rounds), timed(lambda: _parse(data), rounds), theirs)
        yield _case(name, data, rounds, runs, own, bare, (other, their))


def _alone(name: str, data: bytes, rounds: int, runs: int, why: str) -> Case:
    own, bare = in_turn(runs, timed(lambda: read(data), rounds), timed(lambda: _parse(data), rounds))
    return _case(name, data, rounds, runs, own, bare, None, why)


def _case(
    name: str,
    data: bytes,
    rounds: int,
    runs: int,
    own: float,
    bare: float,
    peer: tuple[str, float] | None,
    why: str = "",
) -> Case:
    each = own / rounds
    note = f"{len(data):,} bytes; {own / bare:.2f} x the time of a bare parse{f'; {why}' if why else ''}"
    beside = None if peer is None else (peer[0], peer[1] / rounds)
    return case("intake", name, 1, each, peer=beside, limit=("bare lxml parse", rounds / bare), runs=runs, note=note)


def _parse(data: bytes) -> object:
    return etree.fromstring(data, _BARE)


def message(infos: int, points: int, areas: int) -> bytes:
    """A faultless alert of ``infos`` texts with ``areas`` areas each, whose polygons have ``points`` points.

    It is indented, as feeds and the standard's own examples are.
    """
    chance = random.Random(20241120)
    at = datetime(2024, 11, 20, 5, tzinfo=UTC)
    tags = ("en", "uk", "de", "fr", "pl", "ro", "cs", "sk", "hu")
    made = []
    for number in range(infos):
        where = []
        for area in range(areas):
            angles = np.linspace(0, 2 * math.pi, points, endpoint=False)
            far = 0.3 + (0.02 * np.array([chance.random() for _ in range(points)]) if points > 40 else 0)
            ring = np.stack(
                (50.45 + 0.6 * area / 2 + far * np.sin(angles), 30.5 + area / 5 + far * np.cos(angles)), axis=1
            )
            rows = np.rint(np.concatenate((ring, ring[:1])) * 1e6).astype(np.int64)
            where.append(
                Area(f"Kyiv and its surroundings {area + 1}", (Polygon("", rows),), (), (Named("ISO3166-2", "UA-30"),))
            )
        made.append(
            Info(
                language=tags[number],
                categories=("Safety", "Security"),
                event="Air attack possible",
                response_types=("Prepare", "Monitor"),
                urgency="Expected",
                severity="Extreme",
                certainty="Possible",
                effective=at,
                onset=at,
                expires=at.replace(hour=23),
                sender_name="Civil protection of the city of Kyiv",
                headline="Air attack possible today in all of Ukraine: be ready",
                description=_SENTENCE,
                instruction="Know your shelter. Be ready. Wait for the all-clear; silence is not an all-clear.",
                web="https://alert.example/a/7K3F",
                parameters=(Named("tocsin:phase", "prepare"), Named("tocsin:version", "1")),
                areas=tuple(where),
            )
        )
    written = write(
        Alert(
            identifier="urn:oid:2.49.0.1.804.0.2024.11.20.5.0.0",
            sender="warn@alert.example",
            sent=at,
            status="Actual",
            msg_type="Update",
            scope="Public",
            references=(Reference("warn@alert.example", "kyiv-1", "2024-11-20T03:00:00+00:00"),),
            infos=tuple(made),
        )
    )
    tree = etree.fromstring(written)
    etree.indent(tree)
    return etree.tostring(tree, xml_declaration=True, encoding="UTF-8")


# --- the hostile set ------------------------------------------------------------------------------------------------

_OPEN = b'<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">'
_CLOSE = b"</alert>"


def _bomb() -> bytes:
    names = "abcdefghij"
    entities = "".join(f'<!ENTITY {inner} "{f"&{outer};" * 10}">' for outer, inner in itertools.pairwise(names))
    start = f'<?xml version="1.0"?><!DOCTYPE alert [<!ENTITY a "lol">{entities}]>'
    return start.encode() + _OPEN + b"<identifier>&j;</identifier>" + _CLOSE


def _zip_bomb() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("alert.xml", bytes(40_000_000))
    return packed.getvalue()


def _area(inside: bytes) -> bytes:
    return _OPEN + b"<info><area>" + inside + b"</area></info>" + _CLOSE


HOSTILE: dict[str, Callable[[], bytes]] = {
    "hostile entity-bomb": _bomb,
    "hostile entity-bomb-utf16": lambda: _bomb().decode().encode("utf-16"),
    "hostile quadratic": lambda: (
        b'<!DOCTYPE alert [<!ENTITY a "'
        + b"x" * 100_000
        + b'">]>'
        + _OPEN
        + b"<note>"
        + b"&a;" * 5_000
        + b"</note></alert>"
    ),
    "hostile external-entity": lambda: (
        b'<!DOCTYPE alert [<!ENTITY a SYSTEM "file:///etc/hostname">]>' + _OPEN + b"<note>&a;</note></alert>"
    ),
    "hostile spoofed-text": lambda: b'<!DOCTYPE alert [<!ENTITY a "b">]>' + _OPEN + b"<note>&a;</note></alert>",
    "hostile elements": lambda: _OPEN + b"<a/>" * 480_000 + _CLOSE,
    "hostile elements-allowed": lambda: _OPEN + b"<info/>" * 29_900 + _CLOSE,
    "hostile attributes": lambda: _OPEN[:-1] + b"".join(b' a%d="1"' % n for n in range(150_000)) + b"/>",
    "hostile namespaces": lambda: (
        _OPEN[:-1] + b"".join(b' xmlns:a%d="u"' % n for n in range(9_000)) + b">" + b"<x/>" * 30_000 + _CLOSE
    ),
    "hostile depth": lambda: b"<a>" * 200_000,
    "hostile size": lambda: _OPEN + b"<note>" + b"x" * 11_000_000 + b"</note></alert>",
    "hostile comments": lambda: _OPEN + b"<!---->" * 280_000 + _CLOSE,
    "hostile ampersands": lambda: _OPEN + b"<note>" + b"&" * 1_900_000 + b"</note></alert>",
    "hostile polygons": lambda: _area(b"<polygon>1,1 2,2 1,2 2,1 1,1</polygon>" * 29_900),
    "hostile polygon-garbage": lambda: _area(b"<polygon>" + b"(1,2 " * 390_000 + b"</polygon>"),
    "hostile polygon-crossing": lambda: _area(
        b"<polygon>" + b" ".join(b"%d,%d" % (80 * (n % 2), n % 160) for n in range(100_000)) + b"</polygon>"
    ),
    "hostile digits": lambda: _area(b"<polygon>" + b"1" * 1_900_000 + b"</polygon>"),
    "hostile zip-bomb": _zip_bomb,
    "hostile json-depth": lambda: b"[" * 1_900_000,
    "hostile json-flood": lambda: b"[" + b"{}," * 600_000 + b"{}]",
    "hostile binary": lambda: bytes(range(256)) * 7_000,
}

_JUDGE = """
import json, sys, time
from tocsin.cap.xml import read
data = sys.stdin.buffer.read()
start = time.perf_counter()
reading = read(data)
seconds = time.perf_counter() - start
# The kernel's own high-water mark of this program; rusage would also count the one that started it.
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
verdict = reading.refused.code if reading.refused else f"read, {len(reading.problems)} problems"
print(json.dumps([seconds, peak, verdict]))
"""


def _hostile(name: str, made: Callable[[], bytes]) -> Case:
    done = subprocess.run([sys.executable, "-c", _JUDGE], input=made(), capture_output=True, check=False)
    if done.returncode:
        return case("intake", name, 1, 0.0, runs=1, note=f"DIED: {done.stderr.decode()[-200:]}")
    seconds, peak, verdict = json.loads(done.stdout)
    over = seconds > 0.3 or peak > 100 * 1024
    note = f"{verdict}; peak {peak / 1024:.0f} MB{'; OVER 300 ms or 100 MB' if over else ''}"
    return case("intake", name, 1, seconds, runs=1, note=note)
