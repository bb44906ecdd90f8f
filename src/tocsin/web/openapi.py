"""The API described: one table of operations is both what the router serves and what OpenAPI 3.1 says.

- An operation names its path, its method, what it reads and what it answers; a path that is not in the table does not
  exist, so the description cannot lag behind.
- Queries and bodies are ``msgspec`` structs: the same struct decodes the request and makes its schema.
- :mod:`tocsin.web.manual` is this document as a page.

Standard: OpenAPI 3.1.0 (JSON Schema 2020-12), RFC 9457 for every fault.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib import metadata
from typing import Any, TypeVar

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.types import ASGIApp

from tocsin.errors import ParameterError, UnreadableError
from tocsin.web.problem import PROBLEM_JSON, SENTENCES, STATUS, Problem

T = TypeVar("T")

REF = "#/components/schemas/{name}"


class Answer(Struct, frozen=True):
    """What an operation answers with a status: a media type, and the struct of its body where it has one."""

    status: int
    text: str
    media_type: str = "application/json"
    body: Any = None


class Operation(Struct, frozen=True):
    """One method of one path. ``path`` is as in OpenAPI; ``query`` a struct; ``takes`` maps media types to structs.

    ``faults`` are the codes it refuses with beyond those everything can. ``scope`` is the token scope it needs,
    ``bearer`` tells that it needs another secret. ``whole`` paths may hold slashes in their last parameter.
    """

    method: str
    path: str
    does: Callable[[Any, Request], Awaitable[ASGIApp]]
    summary: str
    answers: tuple[Answer, ...]
    query: Any = None
    takes: Mapping[str, Any] = {}
    faults: tuple[str, ...] = ()
    scope: str = ""
    bearer: bool = False
    idempotent: bool = False
    conditional: bool = False
    whole: bool = False
    parameters: Mapping[str, str] = {}


def asked(request: Request, shape: type[T]) -> T:
    """The query of ``request`` as a value of ``shape``; what is unknown, doubled or out of bounds is refused by name.

    A misspelt filter that is silently passed over would show somebody the wrong alerts.
    """
    given: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in given:
            raise ParameterError(f"{name}: once is enough")
        given[name] = value
    try:
        return msgspec.convert(given, shape, strict=False)
    except msgspec.ValidationError as wrong:
        raise ParameterError(str(wrong)) from None


def decoded(content: bytes, shape: type[T]) -> T:
    """A JSON body as a value of ``shape``."""
    try:
        return msgspec.json.decode(content, type=shape)
    except msgspec.ValidationError as wrong:
        raise ParameterError(str(wrong)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
        raise UnreadableError(str(wrong)) from None


def document(operations: Sequence[Operation] | None = None, version: str | None = None) -> dict[str, Any]:
    """The OpenAPI document of these operations: of all that there are, and of this version, where none are named."""
    if operations is None:
        from tocsin.web.table import TABLE

        operations = TABLE
    shapes = {Problem}
    for one in operations:
        shapes.update(answer.body for answer in one.answers if answer.body is not None)
        shapes.update(shape for shape in one.takes.values() if shape is not None)
        if one.query is not None:
            shapes.add(one.query)
    ordered = sorted(shapes, key=lambda shape: shape.__name__)
    schemas, components = msgspec.json.schema_components(ordered, ref_template=REF)
    named = dict(zip(ordered, schemas, strict=True))
    queries = {shape.__name__ for shape in (one.query for one in operations) if shape is not None}
    paths: dict[str, dict[str, Any]] = {}
    for one in operations:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, named, components)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tocsin",
            "version": version or metadata.version("tocsin"),
            "summary": "Warnings for machines: states, alerts, sources, and the record they follow from.",
            "description": (
                "Every fault is a problem document (RFC 9457) with a stable `code`. A phase you do not know means: read "
                "the text, and it is not calm. Silence is not an all-clear: read `freshness`."
            ),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": {name: schema for name, schema in components.items() if name not in queries},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(one: Operation, named: Mapping[Any, Any], components: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "summary": one.summary,
        "operationId": _name(one),
        "parameters": _parameters(one, components),
    }
    if one.takes:
        made["requestBody"] = {
            "required": True,
            "content": {
                kind: {"schema": named[shape] if shape else {"type": "string"}} for kind, shape in one.takes.items()
            },
        }
    if one.scope or one.bearer:
        made["security"] = [{"token": []}]
    responses: dict[str, Any] = {}
    for answer in one.answers:
        response: dict[str, Any] = {"description": answer.text}
        if answer.media_type and answer.status not in (204, 304):
            schema = named[answer.body] if answer.body is not None else {}
            response["content"] = {answer.media_type: {"schema": schema}}
        if str(answer.status) in responses:
            responses[str(answer.status)]["content"].update(response["content"])
        else:
            responses[str(answer.status)] = response
    faults = dict.fromkeys((*one.faults, "input.parameter", "input.headers-too-large", "person.rate-limited"))
    if one.takes:
        faults.update(dict.fromkeys(("input.unreadable", "input.too-large", "input.media-type", "input.too-slow")))
    if one.scope or one.bearer:
        faults.update(dict.fromkeys(("person.not-signed-in", "person.not-allowed")))
    if one.idempotent:
        faults["input.idempotency-key"] = None
    for code in faults:
        status = str(STATUS[code])
        told = responses.setdefault(status, {"description": "", "content": {PROBLEM_JSON: {"schema": named[Problem]}}})
        told.setdefault("content", {}).setdefault(PROBLEM_JSON, {"schema": named[Problem]})
        told["description"] = " ".join(filter(None, (told["description"], f"`{code}`: {SENTENCES[code]}")))
    made["responses"] = dict(sorted(responses.items()))
    return made


def _parameters(one: Operation, components: Mapping[str, Any]) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": text,
            "schema": {"type": "string", "minLength": 1},
        }
        for name, text in one.parameters.items()
    ]
    if one.query is not None:
        shape = components[one.query.__name__]
        required = shape.get("required", [])
        for name, schema in shape["properties"].items():
            schema = dict(schema)
            kept: dict[str, Any] = {"name": name, "in": "query", "required": name in required}
            if "description" in schema:
                kept["description"] = schema.pop("description")
            if schema.get("default") is None:
                schema.pop("default", None)
            if "anyOf" in schema:
                # A parameter is there or it is not: null is how the struct says the latter.
                left = [kind for kind in schema.pop("anyOf") if kind != {"type": "null"}]
                schema.update(left[0] if len(left) == 1 else {"anyOf": left})
            made.append({**kept, "schema": schema})
    headers: dict[str, tuple[str, dict[str, Any]]] = {}
    if one.idempotent:
        headers["Idempotency-Key"] = (
            "A key of yours: the same request under it is done once, and answered the same for a day.",
            {"type": "string", "pattern": "^[!-~]([ -~]{0,253}[!-~])?$"},
        )
    if one.conditional:
        headers["If-None-Match"] = ("The ETag you have: 304 when nothing changed.", {"type": "string"})
    for name, (text, schema) in headers.items():
        made.append({"name": name, "in": "header", "required": False, "description": text, "schema": schema})
    return made


def _name(one: Operation) -> str:
    words = [part.strip("{}") for part in one.path.replace(".", "/").split("/") if part]
    return "_".join([one.method.lower(), *words])
