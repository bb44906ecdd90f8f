"""Linter: the sixteen rules for the wording of a warning, L1 to L16, judged on one message alone.

- L7, L11, L12, L13 and L16 block publishing: a placeholder, a wrong action, a missing test mark, "this is not a drill"
  or a strange link does harm by itself. The others are advice to the writer.
- What is judged is what people read: event, headline, description, instruction, each info by itself in its language.
- The lists of words are data (:mod:`tocsin.cap.vocabulary`); a language without a list gets the rules that need none.

Source: practice.md section 5; each rule's reason is its sentence.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from msgspec import Struct

from tocsin.cap.alert import AS_OF, CANCEL_REASON, NEXT_UPDATE_BY, Alert, Info
from tocsin.cap.length import CB_PAGES, cb_pages
from tocsin.cap.phase import Phase, says
from tocsin.cap.rules import says_test
from tocsin.cap.vocabulary import Vocabulary, vocabulary
from tocsin.cap.wording import (
    ACRONYM,
    AFTER_NEGATED,
    CLOCK,
    GENERIC_AREA,
    LINK,
    NEGATED,
    NUMBER,
    PLACEHOLDER,
    SENTENCES,
    SHORTENERS,
    WORDS,
    WRONG_RESPONSES,
)
from tocsin.cap.wording import (
    WRONG as WRONG,
)
from tocsin.remark import Remark, remark, word

BLOCKING = frozenset({"L7", "L11", "L12", "L13", "L16"})
RULES = {
    "L1": "Name the source in full, as people know it.",
    "L2": "Say what the hazard is and what it can do to people.",
    "L3": "Name the places; nobody knows which area is meant by “this area”.",
    "L4": "Begin each piece of advice with what to do; explain “shelter in place” wherever it stands.",
    "L5": "Give the time with the place whose time it is, and until when or when the next word comes.",
    "L6": "Write in ordinary letters; capitals are for the hazard and the action.",
    "L7": "Fill every placeholder and write abbreviations and levels as words.",
    "L8": "Say the sentence of the phase: be ready; stay until the all-clear; it is over; you are safe.",
    "L9": "Write shorter sentences and simpler words.",
    "L10": "Shorten the text: it takes more than 15 cell-broadcast pages in its own script.",
    "L11": "The advice does not fit the hazard; it may harm.",
    "L12": "Say in every language, at the beginning, that this is a test or an exercise.",
    "L13": "Never write “this is not a drill”, in any language.",
    "L14": "Begin a retraction with: you are safe.",
    "L15": "Give the same numbers, times and links in every language.",
    "L16": "Link only to the sender's own domain, and never ask to install or update anything.",
}
# Texts up to this length are for the shortest tier, where the hazard's name must do (practice.md, 90 tier).
SHORT = 200
LONGEST = 10_000


class Finding(Struct, frozen=True):
    """One rule that is not kept; ``path`` is the info."""

    code: str
    said: Remark
    path: str

    @property
    def message(self) -> str:
        """The rule and what breaks it, in English."""
        return str(self.said)


class _Text(Struct):
    """One info as people read it."""

    info: Info
    path: str
    whole: str
    words: Vocabulary | None
    phase: Phase | None


def lint(alert: Alert, domains: tuple[str, ...] = ()) -> tuple[Finding, ...]:
    """What in the wording of ``alert`` breaks a rule; ``domains`` are further domains that links may lead to."""
    phase = says(alert)
    found: list[Finding] = []
    texts = []
    for at, info in enumerate(alert.infos, 1):
        parts = [part.strip() for part in (info.headline, info.description, info.instruction)]
        whole = "\n".join(dict.fromkeys(part for part in parts if part)) or info.event
        # Nobody reads so much; it is judged by its beginning, and L10 says that it is too long.
        texts.append(_Text(info, f"alert/info[{at}]", whole[:LONGEST], vocabulary(info.language), phase))
    for text in texts:
        for rule in _EACH:
            detail: Remark | None = rule(alert, text)
            if detail is not None:
                found.append(_finding(rule.__name__.removeprefix("_").upper(), detail, text.path))
        detail = _l16(alert, text, domains)
        if detail is not None:
            found.append(_finding("L16", detail, text.path))
    found.extend(_l15(texts))
    return tuple(found)


def broken(code: str, detail: Remark) -> Remark:
    """The sentence of rule ``code`` with what breaks it."""
    return remark("lint", "{rule} ({detail})", rule=Remark(f"lint.{code}", RULES[code]), detail=detail)


def unfit(hazard: Remark, asked: Iterable[str]) -> Remark:
    """The sentence of L11: what is asked for that harms in ``hazard``."""
    return broken("L11", _against(hazard, asked))


def _against(hazard: Remark, asked: Iterable[str]) -> Remark:
    actions = tuple(word("action", name) for name in sorted(asked))
    return remark("lint.unfit", "{hazard}: {actions}", hazard=hazard, actions=actions)


def _quoted(text: str) -> Remark:
    return remark("lint.quoted", "“{text}”", text=text)


def _finding(code: str, detail: Remark, path: str) -> Finding:
    return Finding(code, broken(code, detail), path)


# Each rule gives None when it is kept, and otherwise what breaks it.


def _l1(_alert: Alert, text: _Text) -> Remark | None:
    name = text.info.sender_name.strip()
    if not name:
        # "Kyiv City: ..." names its source at the beginning of the text.
        heads = (part.partition(":") for part in (text.info.headline, text.info.description))
        name = next((head.strip() for head, colon, _ in heads if colon and len(head) <= 60 and "\n" not in head), "")
        if not name or (text.words is not None and text.words.says("hazard", name)):
            return remark("lint.no-source", "no source")
    if ACRONYM.fullmatch(name):
        return remark("lint.abbreviation", "“{name}” is only an abbreviation", name=name)
    if "@" in name or re.fullmatch(r"(?:https?://|www\.)\S+|[\d.]+", name):
        return remark("lint.no-name", "“{name}” is not a name", name=name)
    return None


def _l2(_alert: Alert, text: _Text) -> Remark | None:
    words, info = text.words, text.info
    if words is None:
        return None
    said = f"{text.whole}\n{info.event}"
    if not words.says("hazard", said) and not any(one.search(said) for one in words.hazards.values()):
        return remark("lint.no-hazard", "no hazard")
    if text.phase in (Phase.ALL_CLEAR, Phase.RETRACTED, None) or len(text.whole) <= SHORT:
        return None
    return None if words.says("consequence", text.whole) else remark("lint.no-consequence", "no consequence")


def _l3(_alert: Alert, text: _Text) -> Remark | None:
    if text.words is not None and (vague := text.words.says("vague", text.whole)):
        return _quoted(vague[0])
    for area in text.info.areas:
        if GENERIC_AREA.fullmatch(area.description.strip()):
            return remark("lint.area", "area called “{name}”", name=area.description.strip())
    return None


def _l4(_alert: Alert, text: _Text) -> Remark | None:
    words = text.words
    if words is None:
        return None
    if (place := words.says("shelter_in_place", text.whole)) and not words.says("explained", text.whole):
        return remark("lint.unexplained", "“{text}” is not explained", text=place[0])
    if text.phase not in (Phase.PREPARE, Phase.ACT, Phase.HOLD):
        return None
    # Where no instruction stands by itself, the advice must be in the rest of the text.
    advice = text.info.instruction.strip() or text.whole
    verb = words.lists["verb"]
    if any(verb.match(clause.strip(' \t\n-–—*•"„“«(')) for clause in SENTENCES.split(advice)):
        return None
    return remark("lint.no-action", "no sentence begins with an action")


def _l5(alert: Alert, text: _Text) -> Remark | None:
    words, whole = text.words, text.whole
    if words is None or text.phase is None:
        return None
    clock = CLOCK.search(whole)
    timed = clock is not None or words.says("day", whole) is not None
    parameters = {name for name in (AS_OF, NEXT_UPDATE_BY) if text.info.parameter(name)}
    if not timed and not parameters and text.info.onset is None and text.info.expires is None:
        return remark("lint.no-time", "no time")
    if len(whole) > SHORT and clock is not None and not words.says("zone", whole):
        return remark("lint.whose-time", "whose time is {time}?", time=clock[0].strip())
    if text.phase in (Phase.ALL_CLEAR, Phase.RETRACTED) or len(whole) <= SHORT:
        return None
    if not words.says("update", whole) and not parameters and text.info.expires is None:
        return remark("lint.no-end", "neither an end nor a next word")
    return None


def _l6(_alert: Alert, text: _Text) -> Remark | None:
    for part in (text.info.headline, text.info.description, text.info.instruction):
        words = [word for word in WORDS.findall(part) if len(word) > 1]
        loud = [word for word in words if word.isupper()]
        if len(words) >= 5 and len(loud) > 0.6 * len(words):
            return _quoted(" ".join(loud[:6]))
    return None


def _l7(_alert: Alert, text: _Text) -> Remark | None:
    said = f"{text.info.event}\n{text.whole}"
    if hole := PLACEHOLDER.search(said):
        return _quoted(hole[0])
    if text.words is not None and (jargon := text.words.says("jargon", said)):
        return _quoted(jargon[0])
    return None


def _l8(alert: Alert, text: _Text) -> Remark | None:
    words, whole = text.words, text.whole
    if words is None or text.phase is None:
        return None
    wanted = {
        Phase.PREPARE: ("ready", "stay"),
        Phase.ACT: ("stay",),
        Phase.HOLD: ("stay",),
        Phase.ALL_CLEAR: ("over",),
        Phase.RETRACTED: ("safe", "false_alarm") if alert.parameter(CANCEL_REASON) != "ended" else ("over", "safe"),
    }.get(text.phase, ())
    if not wanted or any(words.says(name, whole) for name in wanted):
        return None
    return remark("lint.phase", "the phase is {phase}", phase=word("phase", text.phase.value))


def _l9(_alert: Alert, text: _Text) -> Remark | None:
    words = WORDS.findall(text.whole)
    sentences = max(1, len([part for part in re.split(r"[.!?…]+(?:\s|$)|\n+|:\s", text.whole) if part.strip()]))
    if len(words) < 30:
        return None
    if text.words is not None and text.words.language == "en":
        syllables = sum(max(1, len(re.findall(r"[aeiouy]+", word.lower().removesuffix("e")))) for word in words)
        grade = 0.39 * len(words) / sentences + 11.8 * syllables / len(words) - 15.59
        return remark("lint.grade", "school year {grade}", grade=round(grade)) if grade > 9 else None
    # LIX counts long words and long sentences, in any language that has both.
    lix = len(words) / sentences + 100 * sum(len(word) > 6 for word in words) / len(words)
    return remark("lint.index", "readability index {index}, at most 60", index=round(lix)) if lix > 60 else None


def _l10(_alert: Alert, text: _Text) -> Remark | None:
    pages = cb_pages(text.whole)
    return remark("lint.pages", "{pages} pages", pages=pages) if pages > CB_PAGES else None


def _l11(_alert: Alert, text: _Text) -> Remark | None:
    words, info = text.words, text.info
    if words is None:
        return None
    said = f"{info.event}\n{info.headline}"
    hazards = {name for name, pattern in words.hazards.items() if pattern.search(said)}
    if not hazards:
        first = info.description.split("\n")[0][:200]
        hazards = {name for name, pattern in words.hazards.items() if pattern.search(first)}
    asked = {name for name, pattern in words.actions.items() if asks(pattern, text.whole)}
    if text.phase is Phase.ALL_CLEAR and "AllClear" in info.response_types and asked & {"shelter-now", "evacuate"}:
        return remark("lint.all-clear", "an all-clear that tells people to take shelter or leave")
    if text.phase in (Phase.ALL_CLEAR, Phase.RETRACTED, None):
        return None
    for hazard in sorted(hazards):
        # One message may name several hazards; what is right for one of them is not held against another.
        wrong = (WRONG[hazard] & asked) - {"shelter-now", "evacuate"} if len(hazards) > 1 else WRONG[hazard] & asked
        if wrong:
            return _against(word("danger", hazard), wrong)
        if len(hazards) == 1 and (wrong_response := WRONG_RESPONSES.get(hazard, frozenset()) & {*info.response_types}):
            return _against(word("danger", hazard), {name.casefold() for name in wrong_response})
    return None


def asks(pattern: re.Pattern[str], text: str) -> bool:
    """Whether the action is asked for and not warned against."""
    return any(
        not NEGATED.search(text[max(0, found.start() - 60) : found.start()])
        and not AFTER_NEGATED.match(text[found.end() : found.end() + 40])
        for found in pattern.finditer(text)
    )


def _l12(alert: Alert, text: _Text) -> Remark | None:
    if alert.status not in ("Test", "Exercise"):
        return None
    if text.words is None:
        return None if says_test(text.info) else remark("lint.status", "status {status}", status=str(alert.status))
    # It must stand where a lock screen shows it: in the headline, or in the event where there is no headline (F16).
    shown = text.info.headline.strip() or text.info.event
    if text.words.says("test", shown):
        return None
    return remark("lint.status-shown", "status {status}, “{text}”", status=str(alert.status), text=shown[:40])


def _l13(_alert: Alert, text: _Text) -> Remark | None:
    from_any = (vocabulary(language) for language in ("en", text.info.language))
    for words in from_any:
        if words is not None and (said := words.says("not_a_drill", text.whole)):
            return _quoted(said[0])
    return None


def _l14(alert: Alert, text: _Text) -> Remark | None:
    words = text.words
    if words is None or alert.msg_type not in ("Cancel", "Error", "Update"):
        return None
    false_alarm = words.says("false_alarm", text.whole) is not None
    if alert.parameter(CANCEL_REASON) != "error" and alert.msg_type != "Error" and not false_alarm:
        return None
    # The source and the words "false alarm" may stand before it.
    return None if words.says("safe", text.whole[:110]) else _quoted(text.whole[:40])


_EACH = (_l1, _l2, _l3, _l4, _l5, _l6, _l7, _l8, _l9, _l10, _l11, _l12, _l13, _l14)


def _l15(texts: list[_Text]) -> list[Finding]:
    """The same numbers, clock times and links in each language as in the first text."""
    if len(texts) < 2 or len({text.info.language.lower() for text in texts}) < len(texts):
        return []  # Two texts in one language are two events, and nothing says which belongs to which.
    found = []
    first = _facts(texts[0].whole)
    shape = _frame(texts[0].info)
    for text in texts[1:]:
        facts = _facts(text.whole)
        if facts != first:
            detail = remark(
                "lint.facts",
                "missing: {missing}; only here: {more}",
                missing=tuple(sorted(first - facts)[:4]) or "-",
                more=tuple(sorted(facts - first)[:4]) or "-",
            )
            found.append(_finding("L15", detail, text.path))
        elif _frame(text.info) != shape:
            found.append(_finding("L15", remark("lint.frame", "times or areas of the info differ"), text.path))
    return found


def _frame(info: Info) -> tuple[object, ...]:
    codes = frozenset((code.name, code.value) for area in info.areas for code in area.geocodes)
    return info.effective, info.onset, info.expires, codes


def _facts(text: str) -> set[str]:
    text = "".join(
        str(unicodedata.digit(c)) if c.isdigit() and not c.isascii() and unicodedata.digit(c, -1) >= 0 else c
        for c in text
    )
    links = {link.rstrip(".,;:!?)").lower() for link in LINK.findall(text)}
    text = LINK.sub(" ", text)
    facts: set[str] = set()

    def clock(found: re.Match[str]) -> str:
        hour = int(found[1] or found[4])
        half = (found[3] or found[5] or "").lower()
        if half:
            hour = hour % 12 + (12 if half.startswith("p") else 0)
        facts.add(f"{hour:02}:{found[2] or '00'}")
        return " "

    text = CLOCK.sub(clock, text)
    for number in NUMBER.findall(text):
        # 1,500 and 1.500 and 1500 are one number; 3.5 and 3,5 as well.
        whole, _, part = number.replace(",", ".").rpartition(".")
        facts.add(number if not whole else f"{whole}.{part}" if len(part) != 3 else f"{whole}{part}".replace(".", ""))
    return facts | links


def _l16(alert: Alert, text: _Text, domains: tuple[str, ...]) -> Remark | None:
    for words in (vocabulary("en"), text.words):
        if words is not None and (asked := words.says("install", text.whole)):
            return _quoted(asked[0])
    own = {_domain(name) for name in (alert.sender.rpartition("@")[2], text.info.web, *domains)} - {""}
    links: list[str] = LINK.findall(text.whole)
    for link in links:
        domain = _domain(link)
        # A sender below gov.uk may name GOV.UK itself.
        known = domain in own or any(name.endswith(f".{domain}") for name in own)
        if domain in SHORTENERS or (domain and not known):
            return _quoted(link[:60])
    if text.info.web and _domain(text.info.web) in SHORTENERS:
        return _quoted(text.info.web[:60])
    return None


def _domain(address: str) -> str:
    """The registered part of a host: enough to tell the sender's own site from a stranger's."""
    host = re.sub(r"^[a-z]+://", "", address.strip().lower()).split("/")[0].split("?")[0].rstrip(".,;:!")
    host = host.partition(":")[0].rpartition("@")[2]
    parts = host.split(".")
    if len(parts) < 2 or not re.fullmatch(r"[a-z]{2,}", parts[-1]):
        return ""
    short = (
        len(parts) > 2 and len(parts[-1]) == 2 and parts[-2] in ("co", "gov", "gob", "gv", "com", "org", "net", "ac")
    )
    return ".".join(parts[-3:] if short else parts[-2:])
