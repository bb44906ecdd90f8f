"""Whether a CAP message is meant for the actual world, is a test or an exercise, or is for nobody.

- Any test mark in any field that a machine or a lock screen reads makes a message a test (F16: the push of 2018 bore
  TEST in its header and none in its code). Status, event, headline, note, code, eventCode and a parameter named test
  are read; so are the words of every enabled language, because in 2015 only readers of Hebrew could tell (F28).
- Descriptions and instructions are long texts in which "test" has other meanings, so only a full phrase counts there
  ("this is a test"). In the note and headline of a Cancel, which may say that what it cancels was a test, only a mark
  that stands first counts: the retraction of a test that went out as Actual must reach everyone (F2).
- "This is not a test" marks nothing, nor do "exercise caution" and "missile test": a real warning that is taken for a
  test is as bad as a test that is taken for a warning.
- Draft and System are for nobody. A missing or unheard-of status counts as Actual: unclear is never calm.
- Identifier and sender are names and not marks: "test.example.org" may warn in earnest.
"""

from __future__ import annotations

import re
from functools import lru_cache

from tocsin.cap.alert import Alert, MsgType, Status
from tocsin.journal import ACTUAL, EXERCISE

# The words of each language that say "test" or "exercise" by themselves.
WORDS: dict[str, tuple[str, ...]] = {
    "en": ("tests?", "testing", "test ?(?:alert|message|warning)s?", "exercises?", "excercise", "drills?"),
    "uk": ("тест", "тестов\\w+", "тестування", "навчальн\\w+", "випробувальн\\w+"),
    "de": (
        "tests?",
        "test(?:alarm|warnung|meldung|nachricht)\\w*",
        "probe(?:alarm|warnung)\\w*",
        "(?:ü|ue)bung\\w*|warntag",
    ),
    "fr": ("tests?", "essai", "exercice"),
    "ru": ("тест", "тестов\\w+", "учебн\\w+", "учени[ея]"),
    "pl": ("testow\\w+", "ćwiczeni\\w+", "próbny alarm"),
    "es": ("simulacro", "prueba", "ejercicio"),
    "it": ("esercitazione", "prova"),
    "pt": ("simulado", "exercício", "teste"),
    "nl": ("oefening", "testbericht", "testalarm"),
    "cs": ("cvičení", "zkouška"),
    "ro": ("exercițiu",),
    "sv": ("övning", "provlarm"),
    "tr": ("tatbikat",),
    "he": ("[בה]?בדיקה", "[בה]?תרגיל", "bedika"),
    "ar": ("(?:ال)?اختبار", "(?:ال)?تمرين"),
}
# Scripts without spaces between words.
_UNSPACED = "訓練|測試|测试|演習|演习|테스트|훈련"

_WORD = "|".join(dict.fromkeys(word for words in WORDS.values() for word in words))
_START, _END = r"(?<![^\W_])", r"(?![^\W_])"
_MARK = re.compile(f"{_START}(?:{_WORD}){_END}|{_UNSPACED}", re.IGNORECASE)

# "This is not a drill", in the languages people are offered and their neighbours.
_NOT = re.compile(
    f"{_START}(?:not|no|isn['’]t|n['’]est pas|pas|keine?|nicht|не|nie|nie jest|no es|non è|não é|geen|לא|ليس)"
    f"{_END}\\W{{1,3}}(?:(?:an?|the|une?|de|als|ein|eine|только|це|это|to|jest|un|una|um|uma)\\s+){{0,2}}(?:{_WORD}){_END}",
    re.IGNORECASE,
)
# What only sounds like a test: the thing warned of, and good advice.
_OTHER = re.compile(
    f"{_START}(?:"
    "exercise (?:[a-z]+ ){0,2}(?:caution|care|restraint|vigilance|judge?ment|patience|discretion|common sense|control)"
    "|exercise (?:outdoors|outside|indoors)"
    "|(?:avoid|outdoor|outside|physical|strenuous|vigorous|heavy|limit|reduce|intense) (?:[a-z]+ )?exercise"
    "|(?:nuclear|missile|weapons?|rocket|atomic|bomb|engine|covid(?:-19)?|pcr|antigen|blood|water|drug|rapid|dna|stress|lab"
    "|laboratory|soil|air quality) test(?:s|ing)?"
    "|tests? (?:positive|negative|results?|kits?|cent(?:er|re)s?|sites?|samples?)"
    "|testing (?:positive|negative|kits?|cent(?:er|re)s?|sites?|stations?)"
    "|(?:oil|gas) drill|drill (?:rig|ship|bit|site|hole)s?"
    f"){_END}",
    re.IGNORECASE,
)
# A phrase that says so without doubt, wherever it stands.
_PHRASE = re.compile(
    f"{_START}(?:"
    r"this (?:message |alert |warning )?is (?:only |just )?(?:a|an) (?:[a-z]+ ){0,3}(?:test|exercise|drill)"
    r"|this is (?:only|just) a test|(?:test|exercise|drill) (?:message|alert|warning|only)"
    r"|(?:for|used for) (?:test(?:ing)?|exercise|drill)(?: purposes?)?(?: only)?"
    r"|(?:exercise[ ,.!-]+){2,}|(?:test[ ,.!-]+){2,}"
    r"|(?:dies|das|es) (?:ist|handelt sich um) (?:nur )?(?:ein|eine|einen) (?:\w+ )?(?:test\w*|probe\w*|übung\w*)"
    r"|testwarnung|testmeldung|probewarnung|probealarm|übungsmeldung"
    r"|це (?:лише |тільки )?(?:тест|навчання|навчальна)\w*|навчальна тривога|тестове (?:повідомлення|сповіщення)"
    r"|(?:ceci|c['’]) ?est (?:seulement )?(?:un|une) (?:test|exercice|essai)|message de test|exercice exercice"
    r"|это (?:только )?(?:тест|учебн|учения)\w*|учебная тревога|тестовое (?:сообщение|оповещение)"
    r"|esto es (?:un|una) (?:simulacro|prueba)|to (?:jest|tylko) (?:\w+ )?(?:test|ćwiczenia)"
    f"){_END}",
    re.IGNORECASE,
)
# A text that is nothing but a mark, or begins with one that is set off: "TEST", "Übung: ...", "[EXERCISE] ...".
_LEADS = re.compile(
    f"^[\\W_]*(?:{_WORD}|навчання|{_UNSPACED})(?:[\\W_]*$|\\s*[:;,.!?\\])}}|/*_–—-]|[\\W_]+(?:{_WORD}){_END})",
    re.IGNORECASE,
)
_SAME = frozenset({"RWT", "RMT", "NPT", "NST", "NAT", "DMO"})
"""Test and practice codes of the US Emergency Alert System."""
_TRUE = frozenset({"true", "yes", "1", "y", "test", "exercise", "drill"})


def realm(alert: Alert) -> str | None:
    """The realm in which ``alert`` counts: ``actual``, ``exercise``, or None for what is for nobody (Draft, System)."""
    status = alert.status.strip().lower()
    if status in (Status.DRAFT.lower(), Status.SYSTEM.lower()):
        return None
    return EXERCISE if mark(alert) else ACTUAL


def mark(alert: Alert) -> str:
    """Where ``alert`` says that it is a test or exercise, as ``field: words``; empty where it nowhere does."""
    status = alert.status.strip()
    # KWeatherCore's own table spells "Excercise" (quirk 34), so the words are looked for here too.
    if status.lower() not in ("", "actual") and _word(status):
        return f"status: {status}"
    ending = alert.msg_type in (MsgType.CANCEL, MsgType.ERROR)
    # What ends a message may say that the message was a test; it is one itself only where that leads.
    loose = _led if ending else _word
    for name, text, find in (("note", alert.note, loose), *(("code", code, _word) for code in alert.codes)):
        if found := find(text):
            return f"{name}: {found}"
    for info in alert.infos:
        fields = [("event", info.event, _word), ("headline", info.headline, loose)]
        fields += [("description", info.description, _phrase), ("instruction", info.instruction, _phrase)]
        fields += [("eventCode", code.value, _word) for code in info.event_codes]
        for name, text, find in fields:
            if found := find(text):
                return f"{name}: {found}"
        for code in info.event_codes:
            if code.value.strip() in _SAME and code.name.upper() in ("SAME", "EAS", "NATIONALWEATHERSERVICE"):
                return f"eventCode: {code.value}"
        for given in info.parameters:
            name = given.name.lower().rpartition(":")[2].replace("_", "").removeprefix("is")
            if name in ("test", "exercise", "drill") and given.value.strip().lower() in _TRUE:
                return f"parameter: {given.name}"
    return ""


@lru_cache(4096)
def _word(text: str) -> str:
    """The first test mark among the words of a short text; empty without one."""
    if not text or (_MARK.search(text) is None and _LEADS.search(text) is None):
        return ""
    left = _OTHER.sub(" ", _NOT.sub(" ", text))
    found = _MARK.search(left) or _LEADS.search(left)
    return found.group().strip() if found else ""


@lru_cache(4096)
def _phrase(text: str) -> str:
    """The first phrase in a long text that says without doubt that this is a test; empty without one."""
    if not text:
        return ""
    left = _OTHER.sub(" ", _NOT.sub(" ", text))
    found = _LEADS.search(left) or _PHRASE.search(left)
    return found.group().strip() if found else ""


@lru_cache(4096)
def _led(text: str) -> str:
    """The test mark that a text begins with; empty where it begins with anything else."""
    found = _LEADS.search(_OTHER.sub(" ", _NOT.sub(" ", text)))
    return found.group().strip() if found else ""
