"""The manual: the description of the interface as a page, in the house's style, whole without a script.

- It is made from the same document that machines read (:mod:`tocsin.web.openapi`), so it names every path and every code.
- The ``type`` of each problem document leads to its code here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from markupsafe import Markup
from starlette.responses import Response

from tocsin.web.problem import SENTENCES, STATUS
from tocsin.web.public import environment, security_policy, style
from tocsin.web.titles import LANGUAGES

STYLE = "manual"


class Told(NamedTuple):
    """One operation as the page tells it: parameters as name, where, form and text; answers as status, form and text."""

    id: str
    method: str
    path: str
    summary: str
    bearer: bool
    parameters: list[tuple[str, bool, str, str, str]]
    answers: list[tuple[str, str, str]]


def operations(described: Mapping[str, Any]) -> list[Told]:
    """Every operation of an OpenAPI document, in its order."""
    return [
        Told(
            one["operationId"],
            method.upper(),
            path,
            one["summary"].replace("`", ""),
            bool(one.get("security")),
            [
                (given["name"], given["required"], given["in"], _form(given["schema"]), given.get("description", ""))
                for given in one["parameters"]
            ],
            [
                (status, ", ".join(answer.get("content", {})), answer["description"].replace("`", ""))
                for status, answer in one["responses"].items()
            ],
        )
        for path, methods in described["paths"].items()
        for method, one in methods.items()
    ]


def html(described: Mapping[str, Any], sender_name: str, codes: Mapping[str, str] = SENTENCES) -> str:
    """The page of an OpenAPI document."""
    about = described["info"]
    return (
        environment()
        .get_template("manual.html")
        .render(
            title=f"{about['title']} API",
            version=about["version"],
            lead=about["summary"],
            text=about["description"].replace("`", ""),
            sender_name=sender_name,
            operations=operations(described),
            codes=[(code, STATUS.get(code, 500), sentence) for code, sentence in sorted(codes.items())],
            languages=", ".join(LANGUAGES[1:]),
            css=Markup(style(STYLE)),  # noqa: S704 - our own file, not anybody's input
        )
    )


def manual(described: Mapping[str, Any], sender_name: str) -> Response:
    """The page as an answer that may be kept for five minutes."""
    headers = {"Cache-Control": "public, max-age=300", "Content-Security-Policy": security_policy(STYLE).decode()}
    return Response(html(described, sender_name), 200, headers, media_type="text/html; charset=utf-8")


def _form(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    kinds = schema.get("type") or "/".join(str(one.get("type", "")) for one in schema.get("anyOf", ()))
    bounds = [f"{name} {schema[name]}" for name in ("minimum", "maximum", "maxLength", "pattern") if name in schema]
    if "default" in schema:
        bounds.append(f"default {schema['default']}")
    return " ".join([str(kinds), *bounds])
