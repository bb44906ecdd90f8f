"""The review of what was done at the desk: its figures are those of the journal, and its file can be checked."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.contracts.web.console.conftest import opened
from tests.contracts.web.console.desk import furnish
from tests.contracts.web.console.test_work import Desk
from tocsin.account.review import decode, encode, public, review
from tocsin.cli import tocsin
from tocsin.errors import NotFoundError
from tocsin.store.key import signed_by
from tocsin.warn.draft import DRAFT_BEGUN
from tocsin.warn.person import Role
from tocsin.warn.publish import ALERT_PUBLISHED
from tocsin.web.console.desk_room import STOPWATCH_STOPPED, Stopped


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """An office with a desk, in the actual realm."""
    office = opened(tmp_path)
    furnish(office)
    office.building.hear()
    yield Desk(office.building, office.identity, office.app)
    office.building.store.close()


async def sent(desk: Desk) -> tuple[str, str]:
    """Two persons bring out one warning; the persons' ids."""
    first, ann = await desk.hire(Role.AUTHOR, Role.AUDITOR)
    second, ben = await desk.hire(Role.APPROVER)
    address = await desk.propose(ann)
    assert (await desk.approve(ben, address)).status == 303
    answer = await desk.send(ann, address)
    assert answer.status == 303, answer.text
    assert "data-sends=" in (await ann.get(address)).text
    desk.wait(15)
    for _ in range(200):
        await ann.get(address)
        if desk.published():
            break
    desk.ann = ann  # type: ignore[attr-defined]
    return first, second


async def test_who_wrote_who_approved_and_how_long_it_took(desk: Desk) -> None:
    """The review tells author, approver, rule, times and the armed retraction as the journal has them."""
    ann, ben = await sent(desk)
    (done,) = desk.published()
    store = desk.building.store
    made = review(store, done.event_id, datetime(2024, 11, 21, tzinfo=UTC))
    (issue,) = made.issues
    assert (issue.author, issue.approvers, issue.version, issue.phase) == (ann, (ben,), 1, "prepare")
    assert issue.retractable
    (begun,), (entry,) = desk.building.entries(DRAFT_BEGUN), desk.building.entries(ALERT_PUBLISHED)
    assert issue.timing.total_s == (entry.at - begun.at).total_seconds()
    (stopped,) = desk.building.entries(STOPWATCH_STOPPED)
    assert issue.timing.machine_s is not None
    assert issue.timing.machine_s * 1000 == pytest.approx(stopped.read(Stopped).machine_ms)
    assert issue.timing.machine_s > 0
    assert made.steps[0].kind == DRAFT_BEGUN
    assert {step.kind for step in made.steps} >= {
        "draft:proposed",
        "draft:approved",
        "alert:published",
        "stopwatch:stopped",
    }
    assert made.journal.hash == store.head().hash.hex()
    assert {"not-ended", "no-deliveries"} <= set(made.gaps)
    assert review(store, done.identifier, made.made) == review(store, done.draft, made.made) == made
    with pytest.raises(NotFoundError):
        review(store, "evt.nobody", made.made)


async def test_the_public_edition_names_nobody(desk: Desk) -> None:
    """Neither a person's id nor a reason nor a draft stands in the edition for everybody."""
    ann, ben = await sent(desk)
    (done,) = desk.published()
    full = review(desk.building.store, done.event_id, datetime(2024, 11, 21, tzinfo=UTC))
    assert ann.encode() in encode(full)
    told = encode(public(full))
    for hidden in (ann, ben, done.draft.join('""'), "Kyiv City is wide"):
        assert hidden.encode() not in told
    assert public(full).issues[0].headline == full.issues[0].headline


async def test_the_pages_and_the_files_are_signed_and_can_be_checked(desk: Desk, tmp_path: Path) -> None:
    """An auditor lists, reads and takes away the review; its signature holds for exactly its bytes."""
    await sent(desk)
    ann = desk.ann  # type: ignore[attr-defined]
    (done,) = desk.published()
    listed = await ann.get("/console/reviews")
    assert f'href="/console/reviews/{done.event_id}"' in listed.text
    whole = await ann.get(f"/console/reviews/{done.event_id}")
    assert whole.status == 200
    assert "Signed and published" in whole.text
    answer = await ann.get(f"/console/reviews/{done.event_id}/review.json")
    found = json.loads(answer.body)
    content = answer.body[len(b'{"review":') : answer.body.rindex(b',"signature":')]
    keys = desk.building.house.keys
    assert signed_by(keys.public_pem, content, base64.b64decode(found["signature"]["value"]))
    assert decode(content).event == done.event_id
    page = await ann.get(f"/console/reviews/{done.event_id}/review.html?public=1")
    assert "src=" not in page.text.partition("<script")[0]
    assert (await ann.get("/console/reviews/evt.nobody")).code == "person.not-found"


async def test_an_author_who_may_not_read_the_journal_sees_no_review(desk: Desk) -> None:
    """Reviews are for those who may read the journal."""
    _, ben = await desk.hire(Role.AUTHOR)
    assert (await ben.get("/console/reviews")).code == "person.not-allowed"


async def test_the_command_writes_and_checks_a_file(desk: Desk, tmp_path: Path) -> None:
    """A file made by the command is known again, and one that was changed by a byte is not."""
    await sent(desk)
    (done,) = desk.published()
    data = desk.building.store.path.parent
    file = tmp_path / "review.html"
    run = CliRunner().invoke(tocsin, ["review", done.event_id, "--data", str(data), "--out", str(file)])
    assert run.exit_code == 0, run.output
    check = CliRunner().invoke(tocsin, ["review", str(file), "--data", str(data), "--check"])
    assert (check.exit_code, "unchanged" in check.output) == (0, True), check.output
    file.write_bytes(file.read_bytes().replace(b'"version":1', b'"version":2'))
    assert CliRunner().invoke(tocsin, ["review", str(file), "--data", str(data), "--check"]).exit_code == 1
    unknown = CliRunner().invoke(tocsin, ["review", "evt.nobody", "--data", str(data)])
    assert unknown.exit_code != 0
    assert "Traceback" not in unknown.output
