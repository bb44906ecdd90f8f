"""Shelters in OpenStreetMap: which objects protect people, and what their tags say, from XML and from Overpass JSON alike.

- ``amenity=shelter`` is mostly a roof against rain. Only what says that it protects is taken (``shelter_type``,
  ``location=underground``, a bunker, a capacity, a name that says so); the rest is left out and counted.
- Stations of an underground railway are taken; their entrances are not, because a station would be there five times.
- An object's identity is its kind and number (``node/123``), which survives every edit of it.

Source: the OSM wiki on amenity=shelter, shelter_type, bunker_type, building=bunker, station=subway.
"""

from __future__ import annotations

from collections.abc import Mapping

from tocsin.account.importing import Fault
from tocsin.account.shelter_row import Found

DATASET = "osm"
_PROTECTS = frozenset(
    ["bomb_shelter", "air_raid", "air_raid_shelter", "bomb", "bunker", "civil_defense", "civil_defence", "fallout", "fallout_shelter", "missile", "disaster_shelter", "storm_shelter", "tornado_shelter", "safe_room", "public_protection", "basement", "underground", "tunnel", "emergency_shelter", "anti_radiation"]
)
_WEATHER = frozenset(
    ["public_transport", "weather_shelter", "picnic_shelter", "lean_to", "basic_hut", "rock_shelter", "gazebo", "pavilion", "changing_rooms", "wildlife_hide", "field_shelter", "sun_shelter", "kiosk", "smoking_shelter", "animal_shelter", "bus_stop", "changing_room", "hut", "umbrella", "roof", "tram_stop", "bicycle", "covered", "building"]
)
_MILITARY = frozenset(["pillbox", "gun_emplacement", "hardened_aircraft_shelter", "munitions", "technical", "casemate", "mg_nest"])
_NAMED = ("укритт", "укрыт", "сховищ", "убежищ", "schutzraum", "bunker", "bomb", "schron", "abri anti", "air raid", "מקלט")


def osm_row(number: int, name: str, tags: Mapping[str, str], at: tuple[float, float] | None) -> Found | None:
    """The row of one object; None where it has nothing to do with shelters. ``name`` is such as ``node/123``; ``at`` lat, lon."""
    what, why = _protects(tags)
    if what is None:
        return None
    faults = (Fault(number, why, _SAYS[why], True),) if why else ()
    cells = {key: value for key, value in tags.items() if key.startswith("name") or key == "official_name"}
    street = " ".join(filter(None, (tags.get("addr:street", tags.get("addr:place", "")), tags.get("addr:housenumber", ""))))
    told = {
        "type": what,
        "address": tags.get("addr:full") or ", ".join(filter(None, (street, tags.get("addr:city", "")))),
        "capacity": tags.get("capacity:persons") or tags.get("capacity", ""),
        "wheelchair": tags.get("wheelchair", ""),
        "pets": tags.get("pets") or tags.get("pets_allowed") or tags.get("dog") or tags.get("animals", ""),
        "opening_hours": tags.get("opening_hours", ""),
        "phone": tags.get("phone") or tags.get("contact:phone", ""),
        "check_date": tags.get("check_date:opening_hours") or tags.get("check_date", ""),
        "description": tags.get("description") or tags.get("note", ""),
    }
    if any(key.startswith("disused") or key.startswith("abandoned") for key in tags) or tags.get("disused") == "yes":
        told["status"] = "disused"
    elif tags.get("access") in ("no", "private") or tags.get("locked") == "yes":
        told["status"] = "closed"
    latitude, longitude = at if at is not None else (None, None)
    return Found(number, cells | {k: v for k, v in told.items() if v}, latitude, longitude, name, faults=faults)


_SAYS = {
    "osm.weather": "This is a roof against rain, not a shelter.",
    "osm.military": "This is a military work, not a public shelter.",
    "osm.untyped": "Nothing says that this shelter protects from more than rain.",
}


def _protects(tags: Mapping[str, str]) -> tuple[str | None, str]:
    """The words for what an object is, or None where it is no shelter; and the code under which it is left out."""
    kind = tags.get("shelter_type", tags.get("bomb_shelter:type", "")).lower()
    below = tags.get("location") in ("underground", "subsurface") or tags.get("level", "0").startswith("-")
    below = below or tags.get("layer", "0").startswith("-")
    bunker = tags.get("bunker_type", "")
    if (
        tags.get("amenity") in ("bomb_shelter", "civil_defense_shelter")
        or tags.get("bomb_shelter") == "yes"
        or tags.get("emergency") in ("bomb_shelter", "air_raid_shelter", "shelter", "disaster_shelter")
        or bunker in ("bomb_shelter", "air_raid_shelter", "civil_defense")
    ):
        return _form(tags, "bomb shelter"), ""
    if tags.get("amenity") == "shelter" or (kind in _PROTECTS and kind):
        if kind in _WEATHER:
            return "", "osm.weather"
        named = any(word in tags.get("name", "").casefold() for word in _NAMED)
        if kind in _PROTECTS or below or tags.get("building") == "bunker" or "capacity" in tags or named or kind:
            return _form(tags, "bomb shelter" if kind in _PROTECTS or named else kind or "shelter"), ""
        return "", "osm.untyped"
    if tags.get("building") == "bunker" or tags.get("military") == "bunker":
        if bunker in _MILITARY or tags.get("military") == "bunker":
            return "", "osm.military"
        return _form(tags, "bunker"), ""
    station = tags.get("railway") == "station" or tags.get("public_transport") == "station"
    if station and (tags.get("station") == "subway" or tags.get("subway") == "yes"):
        # Above the ground a station protects nobody.
        above = tags.get("location") in ("overground", "overhead") or tags.get("bridge") == "yes"
        above = above or (tags.get("layer", "0").lstrip("+").isdigit() and int(tags.get("layer", "0").lstrip("+")) > 0)
        return (None, "") if above else ("metro", "")
    return None, ""


def _form(tags: Mapping[str, str], default: str) -> str:
    if tags.get("amenity") == "parking" or tags.get("parking") == "underground":
        return "parking"
    if tags.get("station") == "subway":
        return "metro"
    if tags.get("shelter_type") == "basement" or (tags.get("location") == "underground" and default == "shelter"):
        return "basement"
    return "underpass" if tags.get("tunnel") in ("yes", "building_passage") and "highway" in tags else default
