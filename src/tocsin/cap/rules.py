"""Rules: what must hold within one alert beyond the form of its elements.

- :func:`sanity` is what any reader should know (times against each other, shapes in only some of the texts); it is
  part of reading, so it is cheap.
- :func:`faults` is what the standard and practice ask of whoever publishes; :mod:`tocsin.cap.check` asks it.
- Nothing here asks what time it is: a message is judged against its own times.

Standard: CAP 1.2, 3.2, and practice.md section 3 for what was learnt.
"""

from __future__ import annotations

import re
from datetime import timedelta

from tocsin.cap.alert import Alert, Info
from tocsin.cap.homeland import bounds
from tocsin.cap.problem import Findings
from tocsin.cap.time import moment

_WEEK, _MONTH = timedelta(days=7), timedelta(days=30)


def sanity(alert: Alert, found: Findings) -> None:
    """Note what does not fit together in ``alert``."""
    sent = alert.sent
    shaped = bare = 0
    for at, info in enumerate(alert.infos, 1):
        expires = info.expires
        if expires is None:
            if alert.msg_type in ("Alert", "Update"):
                found.add("time.no-expires", f"alert/info[{at}]")
        elif sent is not None:
            if expires <= sent:
                found.add("time.expires-before-sent", f"alert/info[{at}]/expires", f"{expires} against {sent}")
            elif expires - sent > _MONTH:
                found.add("time.long", f"alert/info[{at}]/expires", f"{(expires - sent).days} days")
        if info.onset is not None:
            if expires is not None and info.onset >= expires:
                found.add(
                    "time.onset-after-expires" if info.onset > expires else "time.onset-is-expires",
                    f"alert/info[{at}]/onset",
                    str(info.onset),
                )
            if sent is not None and sent - info.onset > _WEEK:
                found.add("time.long-before-sent", f"alert/info[{at}]/onset", str(info.onset))
        if info.effective is not None and sent is not None and sent - info.effective > _WEEK:
            found.add("time.long-before-sent", f"alert/info[{at}]/effective", str(info.effective))
        known = False
        for number, area in enumerate(info.areas, 1):
            polygons = area.polygons
            if polygons or area.circles or area.geocodes:
                known = True
                if len(polygons) > 1 and len(set(polygons)) < len(polygons):
                    found.add("geometry.repeated", f"alert/info[{at}]/area[{number}]")
        if known:
            shaped += 1
        else:
            bare += 1
            if info.areas and not shaped:
                found.add("area.no-shape", f"alert/info[{at}]/area[1]", info.areas[0].description)
    if shaped and bare:
        found.add("area.part", "alert", f"{bare} of {bare + shaped} have none")


# ISO 639-1; which regions there are is known from the bounds of countries.
_ISO_639 = (
    "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee "
    "el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is "
    "it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms "
    "mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk "
    "sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi "
    "yo za zh zu"
)
_LANGUAGES = frozenset(_ISO_639.split())
# Words that say "this is not real", at the head of a text or in a sentence that can mean nothing else.
TEST_WORDS = re.compile(
    r"^[\W_]*(?:this is (?:only )?an? |end of |all[- ]clear:? |entwarnung:? )?(?:test|exercise|drill|übung|probealarm|"
    r"probewarnung|testwarnung|warntag|exercice|essai|тест|навчання|навчальна|учения|учебная|ćwiczenia|próba|test|"
    r"simulacro|prueba|simulacrum|esercitazione|oefening|övning|בדיקה|תרגיל|اختبار|تمرين)\b(?!\s+(?:positive|results?|"
    r"site|"
    r"station|centre|center))|"
    r"\b(?:this is (?:only )?an? (?:system )?(?:test|exercise|drill)|test (?:message|alert|warning)|exercise exercise|"
    r"probealarm|probewarnung|testwarnung|testmeldung|übungsalarm|nur (?:ein test|eine übung)|dies ist (?:nur )?"
    r"(?:ein test|"
    r"eine übung)|ceci est un (?:test|exercice)|message de test|alerte de test|"
    r"це (?:лише )?(?:тест|навчання|перевірка)|"
    r"тестове (?:повідомлення|сповіщення)|навчальна тривога|учебная тревога|тестовое (?:сообщение|оповещение)|"
    r"esto es (?:una prueba|un simulacro)|mensaje de prueba|to (?:jest )?(?:test|ćwiczenia)|alarm próbny)\b",
    re.IGNORECASE,
)
_ACTING = frozenset({"Shelter", "Evacuate", "Execute", "Avoid", "Prepare"})


def faults(alert: Alert, found: Findings) -> None:
    """Note what whoever publishes ``alert`` must put right."""
    _envelope(alert, found)
    _references(alert, found)
    if not alert.infos and alert.msg_type in ("Alert", "Update"):
        found.add("info.missing", "alert")
    told: dict[tuple[object, ...], int] = {}
    for at, info in enumerate(alert.infos, 1):
        path = f"alert/info[{at}]"
        _info(alert, info, path, found)
        key = (info.language.lower() or "en-us", info.event, info.headline, info.onset, info.areas)
        if key in told:
            found.add("language.repeated", path, f"as info {told[key]}: {info.language or 'en-US'}")
        told.setdefault(key, at)


def says_test(info: Info) -> bool:
    """Whether the text says to people that this is a test or an exercise."""
    return any(TEST_WORDS.search(text[:4000]) for text in (info.event, info.headline, info.description) if text)


def _envelope(alert: Alert, found: Findings) -> None:
    if alert.status == "Draft":
        found.add("status.draft", "alert/status")
    if alert.scope == "Restricted" and not alert.restriction.strip():
        found.add("scope.restriction-missing", "alert/restriction")
    if alert.restriction and alert.scope != "Restricted":
        found.add("scope.restriction-alone", "alert/restriction", alert.scope)
    if alert.scope == "Private" and not alert.addresses:
        found.add("scope.addresses-missing", "alert/addresses")
    if alert.msg_type == "Error" and not alert.note.strip():
        found.add("note.missing", "alert/note")
    for name, values in (("addresses", alert.addresses), ("incidents", alert.incidents)):
        if any('"' in value for value in values):
            found.add("list.quotes", f"alert/{name}", " ".join(values))


def _references(alert: Alert, found: Findings) -> None:
    path = "alert/references"
    if alert.references and alert.msg_type == "Alert":
        found.add("references.alert", path)
    if not alert.references and alert.msg_type in ("Update", "Cancel", "Ack", "Error"):
        found.add("references.missing", path, alert.msg_type)
    for each in alert.references:
        at, _ = moment(each.sent) if each.sent else (None, ())
        if each.identifier == alert.identifier and each.sender == alert.sender and at == alert.sent:
            found.add("references.self", path, each.identifier)
        elif at is not None and alert.sent is not None and at > alert.sent:
            found.add("references.later", path, each.sent)


def _info(alert: Alert, info: Info, path: str, found: Findings) -> None:
    tested = says_test(info)
    if alert.status == "Actual" and tested:
        found.add("status.test-wording", path, info.headline or info.event)
    elif alert.status in ("Test", "Exercise") and not tested:
        found.add("status.no-test-wording", path, info.headline or info.event)
    _language(info.language, f"{path}/language", found)
    for name, text in (("event", info.event),):
        if text and not text.strip():
            found.add("element.blank", f"{path}/{name}")
    if info.headline and not info.headline.strip():
        found.add("headline.empty", f"{path}/headline")
    elif not info.headline:
        found.add("headline.missing", path)
    elif len(info.headline) > 160:
        found.add("headline.long", f"{path}/headline", f"{len(info.headline)} characters")
    if not info.instruction.strip() and alert.msg_type in ("Alert", "Update") and info.response_types != ("None",):
        found.add("instruction.missing", path)
    if "AllClear" in info.response_types and not _ACTING.isdisjoint(info.response_types):
        found.add("response.contradiction", f"{path}/responseType", " ".join(info.response_types))
    if info.effective is not None and info.expires is not None and info.effective > info.expires:
        found.add("time.effective-after-expires", f"{path}/effective", str(info.effective))
    if info.web and not info.web.lower().startswith(("https://", "http://")):
        found.add("web.form", f"{path}/web", info.web)
    for at, resource in enumerate(info.resources, 1):
        where = f"{path}/resource[{at}]"
        if not resource.uri and not resource.deref_uri:
            found.add("resource.nowhere", where, resource.description)
        if resource.mime_type and not re.fullmatch(r"[\w.+-]+/[\w.+-]+(\s*;.*)?", resource.mime_type):
            found.add("resource.type", where, resource.mime_type)
    if not info.areas and alert.msg_type in ("Alert", "Update"):
        found.add("area.missing", path)
    for at, area in enumerate(info.areas, 1):
        where = f"{path}/area[{at}]"
        if area.description and not area.description.strip():
            found.add("element.blank", f"{where}/areaDesc")
        if area.ceiling and (not area.altitude or _below(area.ceiling, area.altitude)):
            found.add("area.ceiling", where, f"{area.altitude} to {area.ceiling}")


def _below(ceiling: str, altitude: str) -> bool:
    try:
        return float(ceiling) < float(altitude)
    except ValueError:
        return False  # That it is no number is said where it is read.


def _language(tag: str, path: str, found: Findings) -> None:
    if not tag:
        return
    first, *rest = tag.split("-")
    known = first.lower() in _LANGUAGES if len(first) == 2 else len(first) == 3 and first.isalpha()
    if first.lower() in ("x", "i"):
        return
    for part in rest:
        if part.lower() == "x":
            break
        if len(part) == 2 and part.isalpha() and part.upper() not in bounds():
            known = False
    if not known:
        found.add("language.unknown", path, tag)
