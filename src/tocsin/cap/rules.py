"""Rules: what must hold within one alert beyond the form of its elements.

- :func:`sanity` is what any reader should know (times against each other, shapes in only some of the texts); it is
  part of reading, so it is cheap.
- :func:`faults` is what the standard and practice ask of whoever publishes; :mod:`tocsin.cap.check` asks it.
- Nothing here asks what time it is: a message is judged against its own times.

Standard: CAP 1.2, 3.2, and practice.md section 3 for what was learnt.
"""

from __future__ import annotations

from datetime import timedelta

from tocsin.cap.alert import Alert
from tocsin.cap.problem import Findings

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
                found.add("time.onset-after-expires", f"alert/info[{at}]/onset", str(info.onset))
            if sent is not None and sent - info.onset > _WEEK:
                found.add("time.long-before-sent", f"alert/info[{at}]/onset", str(info.onset))
        if info.effective is not None and sent is not None and sent - info.effective > _WEEK:
            found.add("time.long-before-sent", f"alert/info[{at}]/effective", str(info.effective))
        for area in info.areas:
            if area.polygons or area.circles or area.geocodes:
                shaped += 1
                break
        else:
            bare += 1
            if info.areas and not shaped:
                found.add("area.no-shape", f"alert/info[{at}]/area[1]", info.areas[0].description)
    if shaped and bare:
        found.add("area.part", "alert", f"{bare} of {bare + shaped} have none")
