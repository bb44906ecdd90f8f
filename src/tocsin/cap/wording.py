"""The shapes that the linter looks for in a text: sentences, clock times, links, placeholders, and what is wrong for a hazard.

- Nothing is judged here; :mod:`tocsin.cap.lint` says which rule a shape breaks.
- Words of one language are data (:mod:`tocsin.cap.vocabulary`); what stands here holds for every language.
"""

from __future__ import annotations

import re

SENTENCES = re.compile(r"(?<=[.!?…。])[\s\"»”)]+|\n+|[:;•]\s+|\s[-–—*]\s|,\s+")
WORDS = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
ACRONYM = re.compile(r"[A-ZА-ЯҐЄІЇ][A-ZА-ЯҐЄІЇ.&/-]{1,6}")
PLACEHOLDER = re.compile(
    r"\{\{?[^{}]{0,60}\}?\}|\[[^\[\]\d]{2,60}\]|<[A-Za-z_ ]{2,40}>|«?_{3,}»?|\.{6,}|%\(?\w{0,20}\)?[sd]\b|"
    r"\$\{?[a-zA-Z_]\w+\}?|"
    r"\b[XХ]{2,}(?:[:.][XХ]{2,})?\b|\b(?:hh:mm|dd[./]mm|mm/dd|yyyy|jjjj|гг:хх|TBD|TBC|TODO|FIXME|lorem ipsum|"
    r"placeholder|platzhalter|insert (?:name|place|time|location|date|text)s?(?: here)?|your text here|"
    r"(?:name|place|time|location|date) here|null|undefined|NaN)\b|\?{3,}",
    re.IGNORECASE,
)
CLOCK = re.compile(
    r"(?<![\d:.])([01]?\d|2[0-4])(?:[:.h]([0-5]\d))(?!\d)\s*([ap]\.?m\b\.?)?|\b(1[0-2]|[1-9])\s?([ap]\.?m)\b", re.I
)
LINK = re.compile(
    r"(?:https?://|www\.)[^\s<>\"'()]+|\b(?:[a-z0-9-]+\.)+(?:com|org|net|gov|mil|int|edu|info|example|"
    r"test|app|io|me|ly|"
    r"gl|co|eu|uk|ua|de|fr|at|ch|pl|es|it|ca|us|au|nz|se|no|fi|dk|nl|be|ie|cz|sk|ro|hu|il|jp|mx|br|ru|by|xyz|top|site|"
    r"online|link|click|top)(?:/[^\s<>\"'()]*)?(?![\w@])",
    re.IGNORECASE,
)
SHORTENERS = frozenset(
    ("bit.ly", "t.co", "goo.gl", "tinyurl.com", "ow.ly", "is.gd", "buff.ly", "rebrand.ly", "cutt.ly", "t.me")
)
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
GENERIC_AREA = re.compile(
    r"(?:the |this |affected |warned )?(?:area|polygon|zone|region|circle|gebiet|bereich|район|територія|зона|"
    r"zona|obszar)"
    r"(?: ?\d+)?",
    re.IGNORECASE,
)
NEGATED = re.compile(
    r"(?:\b(?:do not|don['’]t|never|not|avoid|no|nicht|kein\w*|niemals|ne|n['’]|pas|не|ніколи|никогда|nie|no|nunca|"
    r"evite\w*|"
    r"уникайте|избегайте|meiden|vermeiden|évitez|unikaj\w*)\b[^.!?]{0,40}|n['’][^.!?]{0,30})$",
    re.IGNORECASE,
)
AFTER_NEGATED = re.compile(
    r"^[^.!?]{0,12}\b(?:nicht|pas|kein\w*|vermeiden|meiden|unterlassen|ist verboten)\b", re.IGNORECASE
)

# What must not be asked of people in a hazard (F25: "turn off ventilation" was sent for a shooting).
WRONG: dict[str, frozenset[str]] = {
    "air-attack": frozenset({"go-outside", "windows-near", "elevator", "boil-water", "under-tree", "coast"}),
    "shooting": frozenset({"ventilation-off", "open-windows", "windows-near", "boil-water", "under-tree"}),
    "flood": frozenset({"basement", "coast", "ventilation-off", "under-tree"}),
    "tsunami": frozenset({"basement", "coast", "ventilation-off", "boil-water"}),
    "gas": frozenset({"open-windows", "basement", "boil-water", "windows-near"}),
    "radiation": frozenset({"open-windows", "go-outside", "windows-near"}),
    "earthquake": frozenset({"elevator", "windows-near", "basement", "ventilation-off"}),
    "wind": frozenset({"go-outside", "windows-near", "open-windows", "under-tree", "coast", "boil-water"}),
    "fire": frozenset({"elevator", "basement", "under-tree"}),
    "water": frozenset({"shelter-now", "ventilation-off", "evacuate", "basement"}),
    "lightning": frozenset({"under-tree", "windows-near", "go-outside"}),
    "heat": frozenset({"go-outside", "ventilation-off"}),
    "abduction": frozenset({"shelter-now", "evacuate", "boil-water", "ventilation-off", "basement"}),
}
WRONG_RESPONSES: dict[str, frozenset[str]] = {
    "water": frozenset({"Shelter", "Evacuate"}),
    "abduction": frozenset({"Shelter", "Evacuate"}),
    "heat": frozenset({"Evacuate"}),
}
