"""Languages: tags as BCP 47 writes them, what to fall back to, which way to read, and what a reader asked for.

- Real feeds send ``zh-mo``, ``sp-US``, ``romanian``, ``de-LS``, ``sr-Latn`` and ``DE`` (quirk 64): each is understood,
  and what cannot be understood is ``und``, never English by default.
- A fall-back never jumps to another language silently: regional variant, then the language, then what the caller names.

Standard: BCP 47 (RFC 5646, RFC 4647 lookup), RFC 9110 section 12.5.4 (Accept-Language).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

UNKNOWN = "und"

# Right-to-left scripts, and the languages that are written in one unless the tag names another script.
_RTL_SCRIPTS = frozenset({"Arab", "Hebr", "Thaa", "Syrc", "Nkoo", "Adlm", "Rohg"})
_RTL_LANGUAGES = frozenset({
    "ar", "arc", "ckb", "dv", "fa", "he", "khw", "ks", "nqo", "ps", "sd", "syr", "ug", "ur", "yi",
})  # fmt: skip

# Codes that were replaced, or that people write in place of the language's own.
_REPLACED = {
    "iw": "he", "in": "id", "ji": "yi", "jw": "jv", "mo": "ro", "sh": "sr-Latn", "tl": "fil", "no": "nb",
    "ukr": "uk", "eng": "en", "deu": "de", "ger": "de", "fra": "fr", "fre": "fr", "rus": "ru", "pol": "pl",
    "ara": "ar", "heb": "he", "spa": "es", "ita": "it", "por": "pt", "ron": "ro", "rum": "ro", "tur": "tr",
    "sp": "es", "ua": "uk", "cz": "cs", "gr": "el", "jp": "ja", "kr": "ko", "cn": "zh", "dk": "da", "ee": "et",
}  # fmt: skip
# "sp", "ua", "cz" and "dk" are country letters, not languages; no registered language has them, so no one is misread.

_WORDS = {
    "english": "en", "ukrainian": "uk", "українська": "uk", "german": "de", "deutsch": "de", "french": "fr",
    "français": "fr", "francais": "fr", "russian": "ru", "русский": "ru", "polish": "pl", "polski": "pl",
    "arabic": "ar", "العربية": "ar", "hebrew": "he", "עברית": "he", "spanish": "es", "español": "es",
    "espanol": "es", "romanian": "ro", "română": "ro", "romana": "ro", "portuguese": "pt", "italian": "it",
    "italiano": "it", "turkish": "tr", "greek": "el", "hungarian": "hu", "czech": "cs", "slovak": "sk",
    "bulgarian": "bg", "serbian": "sr", "croatian": "hr", "dutch": "nl", "swedish": "sv", "norwegian": "nb",
    "danish": "da", "finnish": "fi", "estonian": "et", "latvian": "lv", "lithuanian": "lt", "chinese": "zh",
    "japanese": "ja", "korean": "ko", "hindi": "hi", "thai": "th", "vietnamese": "vi", "indonesian": "id",
}  # fmt: skip

# Easy language is a variant that BCP 47 writes with its registered subtag; German feeds write "LS" (Leichte Sprache).
_EASY = {"ls": "simple", "leicht": "simple"}
_SCRIPT_BY_REGION = {"zh-TW": "Hant", "zh-HK": "Hant", "zh-MO": "Hant", "zh-CN": "Hans", "zh-SG": "Hans"}

NATIVE = {
    "en": "English", "uk": "Українська", "de": "Deutsch", "fr": "Français", "ru": "Русский", "pl": "Polski",
    "ar": "العربية", "he": "עברית", "es": "Español",
}  # fmt: skip


@lru_cache(maxsize=1024)
def tag(text: str) -> str:
    """The tag as BCP 47 writes it; ``und`` when it names no language.

    >>> [tag(t) for t in ("DE", "zh-mo", "sp-US", "romanian", "de-LS", "sr-Latn", "uk_UA", "")]
    ['de', 'zh-MO', 'es-US', 'ro', 'de-simple', 'sr-Latn', 'uk-UA', 'und']
    """
    text = text.strip().split(".")[0].split(";")[0].strip()
    if (word := text.casefold()) in _WORDS:
        return _WORDS[word]
    parts = [part for part in re.split(r"[-_ ]+", text) if part]
    if not parts or not re.fullmatch(r"[A-Za-z]{2,3}", parts[0]):
        return UNKNOWN
    result = _REPLACED.get(parts[0].lower(), parts[0].lower()).split("-")
    for part in parts[1:]:
        low = part.lower()
        if result[0] == "de" and low in _EASY:
            result.append(_EASY[low])
        elif re.fullmatch(r"[a-z]{4}", low):
            result = [result[0], low.title(), *result[1:]] if len(result) == 1 else [*result, low.title()]
        elif re.fullmatch(r"[a-z]{2}|[0-9]{3}", low):
            result.append(low.upper())
        elif re.fullmatch(r"[a-z0-9]{5,8}|[0-9][a-z0-9]{3}", low):
            result.append(low)
        else:
            break  # An extension or a private use says nothing about which text to show.
    return "-".join(result)


def language(text: str) -> str:
    """The language alone, without script, region or variant: ``pt`` of ``pt-BR``."""
    return tag(text).split("-")[0]


@lru_cache(maxsize=4096)
def chain(wanted: str, last: str = "en") -> tuple[str, ...]:
    """What to look for, in order: the tag, ever shorter, then ``last``.

    >>> chain("sr-Latn-RS")
    ('sr-Latn-RS', 'sr-Latn', 'sr', 'en')
    """
    parts = tag(wanted).split("-")
    steps = ["-".join(parts[:count]) for count in range(len(parts), 0, -1) if parts != [UNKNOWN]]
    return tuple(dict.fromkeys([*steps, last]))


def direction(wanted: str) -> str:
    """``rtl`` or ``ltr``, for HTML's ``dir``.

    >>> direction("ar"), direction("uk"), direction("ku-Arab")
    ('rtl', 'ltr', 'rtl')
    """
    parts = tag(wanted).split("-")
    script = next((part for part in parts[1:] if len(part) == 4 and part.isalpha()), None)
    if script is not None:
        return "rtl" if script in _RTL_SCRIPTS else "ltr"
    return "rtl" if parts[0] in _RTL_LANGUAGES else "ltr"


def _script(normal: str) -> str | None:
    parts = normal.split("-")
    written = next((part for part in parts[1:] if len(part) == 4 and part.isalpha()), None)
    return written or _SCRIPT_BY_REGION.get("-".join(parts[:2]))


def best(wanted: Iterable[str], offered: Sequence[str]) -> str | None:
    """The first offered language that a wanted one means, in the order of wanting; None when none does.

    A reader of ``sr-Latn`` is not given Cyrillic Serbian where another tag fits, but rather that than a foreign tongue.
    """
    normal = {tag(one): one for one in reversed(offered)}
    for want in wanted:
        for step in chain(want, UNKNOWN):
            if step in normal:
                return normal[step]
        same = [one for one in offered if language(one) == language(want) != UNKNOWN]
        if same:
            script = _script(tag(want))
            return next((one for one in same if _script(tag(one)) == script), same[0])
    return None


def negotiate(accept_language: str, offered: Sequence[str]) -> str:
    """The offered language that an Accept-Language header asks for most; the first offered when none fits.

    >>> negotiate("fr-CH, fr;q=0.9, en;q=0.8, *;q=0.5", ("en", "uk", "de", "fr"))
    'fr'
    """
    wishes: list[tuple[float, int, str]] = []
    for order, part in enumerate(accept_language[:1000].split(",")):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip().lower() == "q":
                try:
                    quality = min(max(float(value), 0.0), 1.0)
                except ValueError:
                    quality = 0.0
        # A nonsense quality such as "nan" compares as false everywhere: it asks for nothing.
        if name and name != "*" and quality > 0:
            wishes.append((-quality, order, name))
    return best((name for _, _, name in sorted(wishes)), offered) or offered[0]


def native(wanted: str) -> str:
    """What a language calls itself, for the list that readers choose from; the tag itself when it is not known here."""
    normal = tag(wanted)
    return NATIVE.get(normal) or NATIVE.get(normal.split("-")[0]) or _babel(normal)


@lru_cache(maxsize=256)
def _babel(normal: str) -> str:
    # Babel knows the rest, but importing it costs 60 ms and nobody needs it for the four languages of the page.
    from babel import Locale, UnknownLocaleError

    try:
        name = Locale.parse(normal, sep="-").get_display_name()
    except (UnknownLocaleError, ValueError):
        return normal
    return name[:1].upper() + name[1:] if name else normal
