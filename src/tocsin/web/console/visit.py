"""A visit: one request to the console, who makes it, what was sent, and how it is answered.

- A handler is given one of these and nothing else; by then the gate has checked who it is, the act, the form and the proof.
- Pages are rendered with everything escaped, in the person's language, with the realm's banner and the time that is left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tocsin.clock import spell
from tocsin.errors import NotSignedInError, UnreadableError
from tocsin.journal import EXERCISE
from tocsin.warn.enrolment import Way
from tocsin.warn.person import Act
from tocsin.web.console.menu import menu
from tocsin.web.console.session import COOKIE, Signed
from tocsin.web.console.tell import decimal, number, tell, whole
from tocsin.web.console.text import offered, words
from tocsin.web.text import Texts

if TYPE_CHECKING:
    from tocsin.web.console.gate import Rooms
    from tocsin.web.house import House

HOME = "/console/"
LANGUAGE_COOKIE, DOOR_COOKIE = "tocsin-language", "door"


@cache
def environment() -> Environment:
    """The console's templates; every value is escaped, and a name that is not there is an error."""
    made = Environment(
        loader=PackageLoader("tocsin.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters.update(tell=tell, whole=whole, number=number, decimal=decimal)
    return made


@dataclass
class Visit:
    """One request. ``fields`` are the form's in order; ``json`` a JSON body; ``way`` how presence was proved for it.

    ``readable``: the address can be asked for with GET as well. ``bell``: what stands in the banner of every page.
    """

    request: Request
    rooms: Rooms
    signed: Signed | None
    language: str
    door_id: str
    address: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    json: Any = None
    way: Way | None = None
    readable: bool = True
    cookies: list[tuple[str, str, int | None]] = field(default_factory=list)
    bell: list[tuple[str, str]] = field(default_factory=list)

    @property
    def house(self) -> House:
        """The house that is asked."""
        return self.rooms.house

    @property
    def person(self) -> Signed:
        """Who asks; :class:`NotSignedInError` when nobody is signed in."""
        if self.signed is None:
            raise NotSignedInError
        return self.signed

    @property
    def words(self) -> Texts:
        """The console's words in the person's language."""
        return words(self.language)

    @property
    def path(self) -> str:
        """The address asked for."""
        return str(self.request.scope["path"])

    def part(self, name: str) -> str:
        """A part of the address, as the route names it."""
        return str(self.request.path_params[name])

    def field(self, name: str) -> str:
        """A field of the form, without space around it; empty when it is not there."""
        return next((value.strip() for key, value in self.fields if key == name), "")

    def every(self, name: str) -> tuple[str, ...]:
        """All values of a field that can be there several times."""
        return tuple(value.strip() for key, value in self.fields if key == name)

    def told(self, name: str, kind: type = str) -> Any:
        """A value of the JSON body; :class:`UnreadableError` when it is not there or of another kind."""
        found = self.json.get(name) if isinstance(self.json, dict) else None
        if not isinstance(found, kind):
            raise UnreadableError(f"{name} is missing")
        return found

    def can(self, act: Act) -> bool:
        """Whether the person may do ``act`` now."""
        return self.signed is not None and self.rooms.identity.can(self.signed.person_id, act)

    # --- answering -------------------------------------------------------------------------------------------------

    @property
    def whose(self) -> str:
        """Whom form tokens are made for: the session, or the browser that is not signed in."""
        return self.signed.session_id if self.signed is not None else self.door_id

    def csrf(self, form: str) -> Markup:
        """The hidden field that a form with the action ``form`` must have."""
        token = self.rooms.identity.form_token(self.whose, form)
        return Markup('<input type="hidden" name="csrf" value="{}">').format(token)

    def page(self, template: str, status: int = 200, **values: object) -> Response:
        """A page from ``templates/console/{template}``."""
        identity, settings = self.rooms.identity, self.rooms.identity.settings
        text = self.words
        realms = [words(one) for one in offered(settings.languages) if one != self.language]
        shown = {
            "t": text,
            "visit": self,
            "signed": self.signed,
            "realm": identity.realm,
            "exercise": identity.realm == EXERCISE,
            "exercise_words": [(one.language, one.say("realm.exercise")) for one in realms],
            "sender_name": settings.sender_name,
            "choices": [(one, words(one).say("name")) for one in offered(settings.languages)],
            "menu": menu(self.rooms.menu(self), self.path),
            "bell": self.bell,
            "csrf": self.csrf,
            "json_token": identity.form_token(self.whose, "json"),
            "session": self._left(),
            "path": self.path,
            # A page that answers a form cannot be asked for again in another language.
            "here": self.path if self.readable else HOME,
        }
        html = environment().get_template(f"console/{template}").render(**(shown | values))
        return Response(html, status, {"Content-Language": self.language}, media_type="text/html; charset=utf-8")

    def _left(self) -> Mapping[str, object] | None:
        if self.signed is None:
            return None
        settings, at = self.rooms.identity.settings, self.rooms.identity.now()
        zone = self.house.gazetteer.get(settings.home).zone
        return {
            "ends": spell(self.signed.over_at),
            "now": spell(at),
            "last": self.signed.ends <= self.signed.idle_ends,
            "warn": settings.session_warning_minutes * 60,
            "text": self.words.time(self.signed.over_at, zone, at),
        }

    def redirect(self, path: str) -> Response:
        """Go on at ``path`` (303, so that nothing is sent twice)."""
        return RedirectResponse(path, 303)

    def answer(self, value: object, status: int = 200) -> Response:
        """``value`` as JSON."""
        return Response(msgspec.json.encode(value), status, media_type="application/json")

    def sign_in(self, person: str, way: Way) -> None:
        """Begin a session for a person; whatever session this browser had is over."""
        old = self.request.cookies.get(self.rooms.identity.origin.cookie(COOKIE), "")
        self.cookies.append((COOKIE, self.rooms.sessions.begin(person, way, instead_of=old), None))
        self.cookies.append((DOOR_COOKIE, "", 0))

    def sign_out(self) -> None:
        """Have the browser forget its session."""
        self.cookies.append((COOKIE, "", 0))


def wanted(text: str) -> str:
    """Where to go after signing in: an address in this console, or its first page."""
    parts = urlsplit(text)
    inside = text.startswith(HOME) and not parts.scheme and not parts.netloc and text.isprintable()
    return text if inside and "\\" not in text and not text.startswith(HOME + "sign") else HOME
