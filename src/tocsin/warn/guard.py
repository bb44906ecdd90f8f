"""Guards: what stops or questions a draft before it is proposed, each of them because of something that happened.

- The linter's blocking rules stop; its others advise. L11 is judged by the hazard that was chosen as well (F25).
- An area far from the source's, a whole country, very many people, or three times as many as usual ask for a reason or
  for the area's name to be typed (F1, F4; practice.md section 6).
- A free text that names no place is stopped until it does, or until somebody says why not (Los Angeles 2025).
- No double standard: what staff are told and the public is not needs a reason in the journal (req. 25).
- Languages never stop a warning: what is missing is sent later (F14). Nothing in a text may change the realm (F16).

Each guard is a function of the draft and what it compiles to; :func:`standard` binds them to one desk's surroundings.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import partial

from msgspec.structs import replace

from tocsin.cap.alert import Alert
from tocsin.cap.lint import BLOCKING, asks, lint, unfit
from tocsin.cap.phase import Phase
from tocsin.cap.realm import mark, realm
from tocsin.cap.vocabulary import vocabulary
from tocsin.errors import TocsinError
from tocsin.remark import remark, word
from tocsin.warn.approval import Policy
from tocsin.warn.compile import Compiled, Kit
from tocsin.warn.draft import Content, Draft, Where
from tocsin.warn.extent import codes_under, difference
from tocsin.warn.fatigue import Tally
from tocsin.warn.finding import Finding, Guard
from tocsin.warn.hazard import hazard
from tocsin.warn.publish import WARNS
from tocsin.warn.twin import twins

DROP = 0.30
"""From this share on, an area that differs from the source's needs a word why."""
USUAL = 3
"""An alert for so many times as many people as usual needs the area's name typed."""

_LONG = re.compile(r"[^\W\d_]{4,}")
_VOWELS = re.compile(r"[aeiouyäöüéèêëàâîïôùûаеиіїоуюяєы]")


def wording(draft: Draft, compiled: Compiled, *, kit: Kit, domains: tuple[str, ...] = ()) -> tuple[Finding, ...]:
    """L1 to L16 on the alert and its retraction, in every language."""
    proper = _proper(draft.content, compiled, kit)
    found: dict[tuple[str, str], Finding] = {}
    messages = [compiled.alert] if compiled.retraction is None else [compiled.alert, compiled.retraction]
    for alert in messages:
        for one in lint(replace(alert, sent=None), domains):
            if one.code != "L15":  # numbers and places across languages have a guard of their own
                quoted = one.said.values.get("detail")
                # "Los Angeles time" is a name and no abbreviation, whatever its first word looks like.
                named = one.code == "L7" and str(quoted).strip("“”").casefold() in proper
                kept = Finding(one.code, one.said, blocking=one.code in BLOCKING and not named, path=one.path)
                found.setdefault((one.code, one.path), kept)
    return tuple(found.values())


def _proper(content: Content, compiled: Compiled, kit: Kit) -> frozenset[str]:
    """The words of the names that the gazetteer gives: of the area's places and of its time zone."""
    names = [kit.gazetteer.name(code, tag) for code in content.where.codes for tag in kit.issuer.languages]
    names += [kit.gazetteer.get(code).zone for code in codes_under(content.where, kit.gazetteer)]
    return frozenset(word.casefold() for name in names for word in re.findall(r"[^\W_]+", name))


def action(draft: Draft, compiled: Compiled) -> tuple[Finding, ...]:
    """Whether any text asks for what harms in the hazard that was chosen (F25)."""
    forbidden = hazard(draft.content.hazard).forbidden
    if Phase(draft.content.phase) not in WARNS:
        return ()
    found = []
    for number, info in enumerate(compiled.alert.infos, 1):
        words = vocabulary(info.language)
        if words is None:
            continue
        said = f"{info.headline}\n{info.description}\n{info.instruction}"
        asked = {name for name in forbidden if name in words.actions and asks(words.actions[name], said)}
        if asked:
            harms = unfit(word("hazard", draft.content.hazard), asked)
            found.append(Finding("L11", harms, blocking=True, path=f"alert/info[{number}]"))
    return tuple(found)


def same_in_every_language(draft: Draft, compiled: Compiled) -> tuple[Finding, ...]:
    """L15: the book's words must agree in numbers and times, free texts among those languages that have one (req. 106)."""
    content = draft.content
    written = {tag: extra.text for tag, extra in content.extra.items() if extra.text.strip()}
    plain = tuple(
        replace(info, description=_without(info.description, written.get(info.language, "")))
        for info in compiled.alert.infos
    )
    found = [
        Finding("L15", one.said, blocking=True, path=one.path)
        for one in lint(replace(compiled.alert, infos=plain))
        if one.code == "L15"
    ]
    free = tuple(
        replace(info, headline="", description=written[info.language], instruction="")
        for info in compiled.alert.infos
        if info.language in written
    )
    found += [
        Finding("L15", one.said, reason=True, path=one.path)
        for one in lint(replace(compiled.alert, infos=free))
        if one.code == "L15"
    ]
    return tuple(found)


def _without(text: str, part: str) -> str:
    return text.rpartition("\n")[0] if part and text.endswith(part.strip()) else text


def languages(draft: Draft, compiled: Compiled, *, required: Callable[[Where], Iterable[str]]) -> tuple[Finding, ...]:
    """Which languages that the area needs are missing; it is sent all the same, and the rest follows."""
    content, found = draft.content, []
    spoken = {info.language for info in compiled.alert.infos}
    missing = sorted({*required(content.where)} - spoken)
    if missing:
        said = remark("guard.languages", "No reviewed words in {tags}: send them after.", tags=tuple(missing))
        found.append(Finding("languages", said, follow_up=True))
    written = {tag for tag, extra in content.extra.items() if extra.text.strip()}
    if written and (lacking := sorted(spoken - written)):
        said = remark("guard.languages-free", "The free text is missing in {tags}: send it after.", tags=tuple(lacking))
        found.append(Finding("languages-free", said, follow_up=True))
    if unread := sorted(tag for tag in written if not content.extra[tag].confirmed_by):
        said = remark(
            "guard.unconfirmed", "Nobody has read the free text in {tags}; it is marked so.", tags=tuple(unread)
        )
        found.append(Finding("unconfirmed", said))
    if unsaid := sorted(written - spoken):
        said = remark("guard.unsaid", "The free text in {tags} goes nowhere.", tags=tuple(unsaid))
        found.append(Finding("unsaid", said, blocking=True))
    if content.where.name and (unnamed := sorted(spoken - {*content.where.name})) and not content.where.codes:
        said = remark("guard.unnamed", "The area has no name in {tags}.", tags=tuple(unnamed))
        found.append(Finding("unnamed", said, follow_up=True))
    return tuple(found)


def reviewed(draft: Draft, compiled: Compiled, *, kit: Kit) -> tuple[Finding, ...]:
    """No act in words that nobody has read, and none in the words of another hazard without saying so."""
    content = draft.content
    found = []
    tags = [info.language for info in compiled.alert.infos]
    if unread := [tag for tag in tags if not kit.phrases.usable(content.hazard, content.phase, tag)]:
        said = remark("guard.unreviewed", "Nobody has reviewed these words in {tags}.", tags=tuple(unread))
        found.append(Finding("unreviewed", said, blocking=True))
    if content.hazard != "other" and content.phase not in kit.phrases.phases(content.hazard):
        said = remark(
            "guard.general",
            "There are no words for {hazard} in {phase}; the general ones are taken.",
            hazard=word("hazard", content.hazard),
            phase=word("phase", content.phase),
        )
        found.append(Finding("general", said, reason=True))
    return tuple(found)


def area(draft: Draft, compiled: Compiled, *, kit: Kit) -> tuple[Finding, ...]:
    """The area against the source's own: more than 30 % away from it needs a word why (F4)."""
    content = draft.content
    if not content.source_where:
        return ()
    try:
        differs = difference(content.where, content.source_where, kit.gazetteer)
    except TocsinError as wrong:
        why = remark("guard.area-wrong", "The area cannot be compared with the source's: {wrong}", wrong=wrong.remark)
        return (Finding("area", why, reason=True),)
    if differs is None:
        return (
            Finding(
                "area", remark("guard.area-unknown", "The area cannot be compared with the source's."), reason=True
            ),
        )
    if differs.most <= DROP:
        return ()
    said = remark(
        "guard.area",
        "The area leaves out {misses}% of the source's, and {beyond}% of it lies beyond.",
        misses=round(100 * differs.misses),
        beyond=round(100 * differs.beyond),
    )
    return (Finding("area", said, reason=True),)


def here(draft: Draft, compiled: Compiled, *, kit: Kit) -> tuple[Finding, ...]:
    """A free text that says "in this area" and no place: a quarter of those who read it far away took it for here."""
    content, found = draft.content, []
    for number, info in enumerate(compiled.alert.infos, 1):
        extra, words = content.extra.get(info.language), vocabulary(info.language)
        if extra is None or words is None or Phase(content.phase) not in WARNS:
            continue
        if (vague := words.says("vague", extra.text)) and not _names_place(
            extra.text, content.where, info.language, kit
        ):
            said = remark(
                "guard.here",
                "The free text says “{words}”, which reads as “here” wherever it is read. Name the place.",
                words=vague[0],
            )
            found.append(Finding("here", said, reason=True, path=f"alert/info[{number}]"))
    return tuple(found)


def _names_place(text: str, where: Where, tag: str, kit: Kit) -> bool:
    """Whether ``text`` names what is warned, in whatever case the name stands (Київ, у Києві)."""
    names = [where.name.get(tag, "")]
    for code in where.codes:
        names += [kit.gazetteer.short_name(code, tag), kit.gazetteer.name(code, tag)]
    wanted = {_stem(name) for whole in names for name in _LONG.findall(whole)}
    return any(
        start == begins and stem.startswith(bones) and len(stem) - len(bones) <= 1
        for start, stem in map(_stem, _LONG.findall(text))
        for begins, bones in wanted
    )


def _stem(name: str) -> tuple[str, str]:
    """The two first letters of a name and its consonants: what stays when it is declined."""
    name = name.casefold()
    return name[:2], _VOWELS.sub("", name)


def width(
    draft: Draft,
    compiled: Compiled,
    *,
    kit: Kit,
    census: Callable[[Where], int | None],
    policy: Policy,
    tally: Tally | None = None,
) -> tuple[Finding, ...]:
    """A whole country, very many people, or many times as many as usual: the area's name has to be typed."""
    content = draft.content
    if Phase(content.phase) not in WARNS:
        return ()
    people = census(content.where)
    usual = tally.usual(census) if tally is not None else None
    if any(kit.gazetteer.get(code).level == 0 for code in content.where.codes):
        why = remark("wide.country", "This is a whole country.")
    elif people is None:
        why = remark("wide.unknown", "Nobody knows how many people live there.")
    elif people > policy.wide_people:
        why = remark("wide.people", "{people} people live there.", people=people)
    elif usual is not None and people > USUAL * usual:
        why = remark(
            "wide.usual",
            "{people} people live there, more than {times} times as many as usual.",
            people=people,
            times=USUAL,
        )
    else:
        return ()
    names = _names(content.where, kit)
    if _typed(content.reasons.get("wide", ""), names):
        return (Finding("wide", remark("guard.wide-typed", "{why} The name was typed.", why=why)),)
    name = names[0] if names else ""
    asks_for = remark("guard.wide", "{why} Type the name of the area: {name}.", why=why, name=name)
    return (Finding("wide", asks_for, blocking=True, type_this=name),)


def _names(where: Where, kit: Kit) -> list[str]:
    """What the area is called, in the issuer's languages; the first is the one to be shown."""
    tags = kit.issuer.languages
    if where.codes:
        names = [", ".join(kit.gazetteer.name(code, tag) for code in where.codes) for tag in tags]
        names += [", ".join(kit.gazetteer.short_name(code, tag) for code in where.codes) for tag in tags]
    else:
        names = []
    return [*(where.name[tag] for tag in tags if where.name.get(tag)), *names]


def _typed(text: str, names: Iterable[str]) -> bool:
    return bool(text.strip()) and " ".join(text.casefold().split()) in {" ".join(n.casefold().split()) for n in names}


def letters(draft: Draft, compiled: Compiled) -> tuple[Finding, ...]:
    """No letters that nobody sees: they turn a text around, or make a word look like another (F18)."""
    written = [extra.text for extra in draft.content.extra.values()] + [*draft.content.where.name.values()]
    hidden = sorted({letter for text in written for letter in text if _hidden(letter)})
    if not hidden:
        return ()
    told = tuple(f"U+{ord(letter):04X}" for letter in hidden)
    said = remark("guard.letters", "Remove the letters that nobody sees: {letters}.", letters=told)
    return (Finding("letters", said, blocking=True),)


def _hidden(letter: str) -> bool:
    """Control, format and private letters; the joiners that some scripts need are none of them."""
    return unicodedata.category(letter) in ("Cc", "Cf", "Co") and letter not in "\n\t\u200c\u200d\u00ad"


def promise(draft: Draft, compiled: Compiled) -> tuple[Finding, ...]:
    """A warning without a time for the next word leaves people to look for it elsewhere (F30)."""
    if draft.content.next_update_by is not None or Phase(draft.content.phase) not in WARNS:
        return ()
    return (Finding("promise", remark("guard.promise", "Say when the next word comes.")),)


def own_realm(draft: Draft, compiled: Compiled, *, kit: Kit) -> tuple[Finding, ...]:
    """No word in it may make machines take the message for one of the other realm (F16)."""
    messages: list[Alert] = [compiled.alert] if compiled.retraction is None else [compiled.alert, compiled.retraction]
    for alert in messages:
        if realm(alert) != kit.issuer.realm:
            said = remark("guard.realm", "Machines would take this for a test: {mark}.", mark=str(mark(alert)))
            return (Finding("realm", said, blocking=True),)
    return ()


def standard(
    kit: Kit,
    *,
    find: Callable[[str], Draft | None],
    census: Callable[[Where], int | None] = lambda where: None,
    policy: Policy,
    tally: Tally | None = None,
    domains: tuple[str, ...] = (),
    required: Callable[[Where], Iterable[str]] | None = None,
) -> tuple[Guard, ...]:
    """Every guard, for one desk. ``find`` gives a draft by its name; ``required`` the languages that an area needs."""
    return (
        partial(own_realm, kit=kit),
        partial(wording, kit=kit, domains=domains),
        action,
        letters,
        promise,
        same_in_every_language,
        partial(languages, required=required or (lambda where: kit.issuer.languages)),
        partial(reviewed, kit=kit),
        partial(area, kit=kit),
        partial(here, kit=kit),
        partial(width, kit=kit, census=census, policy=policy, tally=tally),
        partial(twins, find=find),
    )
