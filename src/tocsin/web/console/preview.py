"""A preview: what a draft comes to before anybody agrees to it, word for word, with what it costs and what ails it.

- It is made from the same compiled messages that the digest covers; what stands here is what is signed (req. 53).
- Every language is shown with its lengths in each channel's own encoding, since one letter decides (L10).
- Findings of the linter and of the guards stand beside the words; what blocks says so first.
- The retraction is part of it: nobody agrees to a warning without having its retraction before them (F2).
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from babel import Locale
from msgspec import Struct
from msgspec.structs import replace

from tocsin.cap.alert import Alert
from tocsin.errors import TocsinError
from tocsin.warn.compile import Compiled
from tocsin.warn.draft import Content, Draft
from tocsin.warn.finding import Finding
from tocsin.warn.tier import Tier, tiers

if TYPE_CHECKING:
    from tocsin.web.console.desk_room import DeskRoom


class Remark(Struct, frozen=True):
    """What a guard says. ``asks`` is the code of one that wants a reason, ``type_this`` the name that has to be typed."""

    code: str
    sentence: str
    blocking: bool
    asks: str = ""
    type_this: str = ""


class Said(Struct, frozen=True):
    """One message in one language."""

    language: str
    name: str
    headline: str
    description: str
    steps: tuple[str, ...]
    area: str
    tiers: tuple[Tier, ...] = ()
    remarks: tuple[Remark, ...] = ()
    confirmed: str = ""
    unconfirmed: bool = False


class Preview(Struct, frozen=True):
    """Everything an approver is shown. ``wrong`` is why there is nothing to show yet."""

    said: tuple[Said, ...] = ()
    retraction: tuple[Said, ...] = ()
    beside: tuple[tuple[Said, ...], ...] = ()
    guards: tuple[Remark, ...] = ()
    digest: str = ""
    people: int | None = None
    persons: int = 0
    rule: str = ""
    rule_says: str = ""
    escalate: int = 0
    break_glass: int = 0
    sms: int = 0
    wrong: str = ""
    wrong_code: str = ""

    @property
    def blocked(self) -> bool:
        """Whether something stands in the way of proposing it."""
        return bool(self.wrong) or any(one.blocking for said in self.said for one in said.remarks) or any(
            one.blocking or one.asks for one in self.guards
        )

    @property
    def remarks(self) -> int:
        """How many remarks there are."""
        return sum(len(said.remarks) for said in self.said) + len(self.guards)


def preview(room: DeskRoom, draft: Draft, at: datetime) -> Preview:
    """What ``draft`` comes to at ``at``."""
    desk, content = room.desk, draft.content
    try:
        compiled = desk.compiled(content)
        rule = desk.rule(draft, at)
        guards = desk.findings(draft, compiled)
    except TocsinError as wrong:
        return Preview(wrong=wrong.detail or str(wrong), wrong_code=wrong.code)
    said = spoken(compiled, content, [one for one in guards if one.path])
    return Preview(
        said=said,
        retraction=_words(compiled.retraction),
        beside=tuple(_words(one) for one in compiled.beside),
        guards=tuple(_remark(one) for one in guards if not one.path),
        digest=compiled.digest,
        people=desk.census(content.where),
        persons=rule.persons,
        rule=rule.name,
        rule_says=rule.says,
        escalate=rule.escalate,
        break_glass=rule.break_glass,
        sms=sum(one.tiers[0].sms_parts for one in said if one.tiers),
    )


def _remark(one: Finding) -> Remark:
    asks = one.code if one.reason or one.type_this else ""
    return Remark(one.code, one.sentence, one.blocking, asks, one.type_this)


def spoken(compiled: Compiled, content: Content, found: list[Finding]) -> tuple[Said, ...]:
    """The alert's words with their lengths and what the linter says of them, language by language."""
    shown = []
    for number, (info, said) in enumerate(zip(compiled.alert.infos, _words(compiled.alert), strict=True), 1):
        extra = content.extra.get(said.language)
        written = extra is not None and bool(extra.text.strip())
        shown.append(
            replace(
                said,
                tiers=tiers(info),
                remarks=tuple(_remark(one) for one in found if one.path == f"alert/info[{number}]"),
                confirmed=extra.confirmed_by if extra is not None and written else "",
                unconfirmed=extra is not None and written and not extra.confirmed_by,
            )
        )
    return tuple(shown)


def _words(alert: Alert | None) -> tuple[Said, ...]:
    if alert is None:
        return ()
    return tuple(
        Said(
            info.language,
            language_name(info.language),
            info.headline,
            info.description,
            tuple(line for line in info.instruction.splitlines() if line.strip()),
            ", ".join(area.description for area in info.areas),
        )
        for info in alert.infos
    )


def language_name(language: str) -> str:
    """What a language calls itself."""
    return (Locale.parse(language[:2]).get_display_name(language[:2]) or language).capitalize()
