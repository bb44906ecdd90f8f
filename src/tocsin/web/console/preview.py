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

from tocsin.cap.alert import Alert
from tocsin.cap.length import cb_pages, gsm7_septets, sms_parts
from tocsin.cap.lint import BLOCKING, lint
from tocsin.cap.phase import Phase
from tocsin.errors import TocsinError
from tocsin.journal import EXERCISE
from tocsin.warn.compile import Compiled
from tocsin.warn.draft import Content, Draft

if TYPE_CHECKING:
    from tocsin.web.console.desk_room import DeskRoom


class Tier(Struct, frozen=True):
    """One length of a text and what it takes: letters, the alphabet it goes out in, SMS parts, cell-broadcast pages."""

    name: str
    text: str
    letters: int
    alphabet: str
    sms: int
    pages: int


class Remark(Struct, frozen=True):
    """What the linter or a guard says. ``asks`` is the code of a guard that wants a reason."""

    code: str
    sentence: str
    blocking: bool
    asks: str = ""


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
    said = spoken(room, compiled, content)
    return Preview(
        said=said,
        retraction=_words(room, compiled.retraction),
        guards=tuple(
            Remark(one.code, one.sentence, one.blocking, one.code if one.reason else "") for one in guards
        ),
        digest=compiled.digest,
        people=desk.census(content.where),
        persons=rule.persons,
        rule=rule.name,
        rule_says=rule.says,
        escalate=rule.escalate,
        break_glass=rule.break_glass,
        sms=sum(one.tiers[0].sms for one in said if one.tiers),
    )


def spoken(room: DeskRoom, compiled: Compiled, content: Content) -> tuple[Said, ...]:
    """The alert's words with lengths and remarks, language by language."""
    alert, found = compiled.alert, {}
    for one in lint(alert):
        found.setdefault(one.path, []).append(Remark(one.code, one.message, one.code in BLOCKING))
    shown = []
    for number, said in enumerate(_words(room, alert), 1):
        extra = content.extra.get(said.language)
        short = _short(room, alert, content, said)
        whole = "\n".join(part for part in (said.headline, said.description, *said.steps) if part)
        middle = "\n".join(part for part in (said.headline, *said.steps) if part)
        shown.append(
            Said(
                said.language,
                said.name,
                said.headline,
                said.description,
                said.steps,
                said.area,
                (_tier("short", short), _tier("middle", middle), _tier("whole", whole)),
                tuple(found.get(f"alert/info[{number}]", ())),
                extra.confirmed_by if extra and extra.text.strip() else "",
                bool(extra and extra.text.strip() and not extra.confirmed_by),
            )
        )
    return tuple(shown)


def _words(room: DeskRoom, alert: Alert | None) -> tuple[Said, ...]:
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


def _short(room: DeskRoom, alert: Alert, content: Content, said: Said) -> str:
    """The shortest text of this language: what a cell broadcast or one SMS says."""
    kit = room.desk.kit
    if content.phase == Phase.RETRACTED or content.starts is None:
        return said.headline
    zone = kit.gazetteer.get(content.where.codes[0]).zone if content.where.codes else room.zone
    words = kit.phrases.phrase(
        content.hazard,
        content.phase,
        said.language,
        place=said.area,
        time=kit.phrases.time(content.starts, zone, said.language),
        until=kit.phrases.time(content.ends or content.starts, zone, said.language),
        sender=kit.issuer.sender_name,
    )
    mark = f"{kit.phrases.exercise(said.language)}. " if kit.issuer.realm == EXERCISE else ""
    return mark + words.short


def _tier(name: str, text: str) -> Tier:
    return Tier(name, text, len(text), "GSM-7" if gsm7_septets(text) is not None else "UCS-2", sms_parts(text), cb_pages(text))


def language_name(language: str) -> str:
    """What a language calls itself."""
    return (Locale.parse(language[:2]).get_display_name(language[:2]) or language).capitalize()
