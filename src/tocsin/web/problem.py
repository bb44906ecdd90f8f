"""Problem documents: every fault that goes over HTTP is one RFC 9457 document with our stable code.

- The status of each code stands in one table here and nowhere else; a test walks the tree of errors against it.
- The title is the error's sentence in the reader's language; the detail says which one and where, and is left out where
  the operator must act, because it may name files and keys.
- No fault shows a stack trace or says more about a token than that it does not open this door.

Standard: RFC 9457 (problem details), RFC 9110 section 15 (status codes).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct
from starlette.requests import HTTPConnection
from starlette.responses import Response

from tocsin import errors
from tocsin.errors import TocsinError
from tocsin.web.titles import TITLES, language_of

PROBLEM_JSON = "application/problem+json"

STATUS: dict[str, int] = {
    "tocsin": 500,
    "input": 400,
    "input.xml-hostile": 400,
    "input.unreadable": 400,
    "input.alert-unfit": 422,
    "input.too-large": 413,
    "input.time-naive": 400,
    "input.place-unknown": 404,
    "input.geometry": 400,
    "input.parameter": 400,
    "input.media-type": 415,
    "input.headers-too-large": 431,
    "input.too-slow": 408,
    "input.realm": 422,
    "input.identifier-taken": 409,
    "input.idempotency-key": 422,
    "input.file": 400,
    "input.answer-time": 422,
    "person": 400,
    "person.not-allowed": 403,
    "person.not-signed-in": 401,
    "person.sign-in-refused": 403,
    "person.not-fresh": 403,
    "person.invitation-spent": 404,
    "person.forged-form": 403,
    "person.illegal-step": 409,
    "person.rate-limited": 429,
    "person.foreign-sender": 403,
    "input.method": 405,
    "input.upgrade": 426,
    "person.not-found": 404,
    "other-side": 502,
    "other-side.source": 502,
    "other-side.channel": 502,
    "operator": 503,
    "operator.settings": 503,
    "operator.store": 503,
    "operator.journal-broken": 503,
    "operator.policy": 503,
    "operator.key": 503,
    "operator.key-ends": 503,
    "operator.not-ready": 503,
    "operator.peer": 503,
    "operator.model": 503,
    "operator.model-changed": 503,
    "other-side.model": 502,
}
"""The HTTP status of every code."""


class Fault(Struct, frozen=True):
    """One thing that is wrong in what was sent: its code, where it stands (element path and line), and a sentence."""

    code: Annotated[str, Meta(description="Stable code of the fault.")]
    message: Annotated[str, Meta(description="What is wrong, in a plain sentence.")]
    path: Annotated[str, Meta(description="Where it stands, such as alert/info[1]/expires.")] = ""
    line: Annotated[int | None, Meta(description="The line of the message, from 1.")] = None


class Problem(Struct, frozen=True, omit_defaults=True):
    """A problem document (RFC 9457); ``code`` is stable, ``title`` is in the reader's language."""

    type: Annotated[str, Meta(description="Address of the code's explanation.")]
    title: Annotated[str, Meta(description="The sentence for a person, in the language asked for.")]
    status: Annotated[int, Meta(description="The HTTP status.", ge=400, le=599)]
    code: Annotated[str, Meta(description="Stable code; branch by this and never by the title.")]
    detail: Annotated[str, Meta(description="Which one and where.")] = ""
    faults: Annotated[tuple[Fault, ...], Meta(description="Each fault of what was sent.")] = ()
    retry_after: Annotated[int | None, Meta(description="Seconds until another try makes sense.")] = None


def tree(root: type[TocsinError] = TocsinError) -> Iterable[type[TocsinError]]:
    """Every error below and including ``root``."""
    yield root
    for branch in root.__subclasses__():
        yield from tree(branch)


SENTENCES: dict[str, str] = {}
"""The English sentence of every code."""
for _kind in tree():
    # Where two errors share a code, the one that stands in errors.py has the word.
    SENTENCES.setdefault(_kind.code, (_kind.__doc__ or "").strip().splitlines()[0])


def status_of(code: str) -> int:
    """The status of ``code``, or of the nearest branch of the tree that has one."""
    while code not in STATUS and "." in code:
        code = code.rpartition(".")[0]
    return STATUS.get(code, 500)


def title(code: str, language: str) -> str:
    """The sentence of ``code`` in ``language``; in English where nobody has translated it."""
    return TITLES.get(code, {}).get(language) or SENTENCES.get(code) or SENTENCES["tocsin"]


def problem(
    error: TocsinError, language: str = "en", *, faults: Iterable[Fault] = (), retry_after: int | None = None
) -> Problem:
    """The document for ``error``."""
    code, status = error.code, status_of(error.code)
    shown = error.detail if status < 500 or code == "operator.not-ready" else ""
    return Problem(f"/docs#{code}", title(code, language), status, code, shown, tuple(faults), retry_after)


def respond(document: Problem, language: str = "en", headers: Mapping[str, str] | None = None) -> Response:
    """``document`` as an HTTP response, which nobody may cache."""
    extra: dict[str, str] = {
        "Cache-Control": "no-store",
        "Content-Language": language,
        "Vary": "Accept-Language",
        "Access-Control-Allow-Origin": "*",
        **(headers or {}),
    }
    if document.status == 401:
        extra["WWW-Authenticate"] = 'Bearer realm="tocsin"'
    if document.retry_after is not None:
        extra["Retry-After"] = str(document.retry_after)
    return Response(msgspec.json.encode(document), document.status, extra, PROBLEM_JSON)


class Refusal(Exception):  # noqa: N818 - it is an answer that goes out, and not a fault of ours
    """A problem on its way out that carries more than its error: faults, a wait, headers."""

    def __init__(
        self,
        error: TocsinError,
        *,
        faults: Iterable[Fault] = (),
        retry_after: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(str(error))
        self.error, self.faults, self.retry_after = error, tuple(faults), retry_after
        self.headers = dict(headers or {})


def refuse(connection: HTTPConnection, wrong: Exception) -> Response:
    """The response to a request that ended in ``wrong``, whatever it was."""
    language = language_of(connection)
    if isinstance(wrong, Refusal):
        document = problem(wrong.error, language, faults=wrong.faults, retry_after=wrong.retry_after)
        return respond(document, language, wrong.headers)
    if isinstance(wrong, TocsinError):
        return respond(problem(wrong, language), language)
    status, detail = getattr(wrong, "status_code", 500), ""
    headers: dict[str, Any] = dict(getattr(wrong, "headers", None) or {})
    kinds: dict[int, type[TocsinError]] = {
        401: errors.NotSignedInError,
        403: errors.NotAllowedError,
        404: errors.NotFoundError,
        405: errors.MethodError,
        408: errors.TooSlowError,
        413: errors.TooLargeError,
        415: errors.MediaTypeError,
        422: errors.UnfitAlertError,
        429: errors.RateLimitedError,
        503: errors.NotReadyError,
    }
    kind = kinds.get(status, errors.InputError if 400 <= status < 500 else TocsinError)
    return respond(problem(kind(detail), language), language, headers)
