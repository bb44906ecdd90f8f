"""Make the reference pages that follow from the code: settings, errors, commands, API paths.

``make docs`` writes them; a test compares them, so that no setting, error code, command or path can go undocumented.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any, get_args, get_type_hints

import click
import msgspec

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "docs" / "reference"


def settings() -> str:
    """Every setting with its type, default and reason."""
    from tocsin.settings import Settings

    lines = [
        "# Settings",
        "",
        "From `tocsin.toml` in the data folder, and over that from the environment (`TOCSIN_` and the name in capitals).",
        "",
        "| setting | default | what it is for |",
        "|---|---|---|",
    ]
    hints = get_type_hints(Settings, include_extras=True)
    for field in msgspec.structs.fields(Settings):
        metas = [part for part in get_args(hints[field.name]) if isinstance(part, msgspec.Meta)]
        reason = next((meta.description for meta in metas if meta.description), "")
        lines.append(f"| `{field.name}` | `{field.default!r}` | {reason} |")
    return "\n".join(lines) + "\n"


def errors() -> str:
    """Every error with its code and sentence."""
    from tocsin import errors as module

    lines = [
        "# Errors",
        "",
        "The code is stable; the sentence is translated where people read it.",
        "",
        "| code | sentence |",
        "|---|---|",
    ]
    found = {
        cls.code: cls for _, cls in inspect.getmembers(module, inspect.isclass) if issubclass(cls, module.TocsinError)
    }
    lines += [f"| `{code}` | {(found[code].__doc__ or '').strip().splitlines()[0]} |" for code in sorted(found)]
    return "\n".join(lines) + "\n"


def commands() -> str:
    """Every command with its own help."""
    from tocsin.cli import tocsin

    lines = ["# Commands", "", "Every command explains itself: `tocsin COMMAND --help`.", ""]

    def add(command: click.Command, path: str) -> None:
        context = click.Context(
            command, info_name=path, max_content_width=110, terminal_width=110, help_option_names=["-h", "--help"]
        )
        lines.extend([f"## `{path}`", "", "```text", command.get_help(context).strip(), "```", ""])
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                inner = command.get_command(context, name)
                if inner is not None and not inner.hidden:
                    add(inner, f"{path} {name}")

    add(tocsin, "tocsin")
    return "\n".join(lines)


def api() -> str:
    """Every path of the interface with what it gives."""
    from tocsin.web.openapi import document
    from tocsin.web.table import TABLE

    spec: dict[str, Any] = document(TABLE, "")
    lines = [
        "# HTTP interface",
        "",
        "The full description is served at `/v1/openapi.json` and readable at `/docs`.",
        "",
        "| method | path | gives |",
        "|---|---|---|",
    ]
    for path, methods in sorted(spec["paths"].items()):
        lines += [
            f"| {method.upper()} | `{path}` | {entry.get('summary', '')} |"
            for method, entry in methods.items()
            if method != "parameters"
        ]
    return "\n".join(lines) + "\n"


PAGES = {"settings.md": settings, "errors.md": errors, "commands.md": commands, "api.md": api}


def main() -> None:
    """Write the pages; with ``--check`` only say which are out of date."""
    stale = []
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for name, make in PAGES.items():
        path, text = REFERENCE / name, make()
        if not path.exists() or path.read_text("utf-8") != text:
            stale.append(name)
            if "--check" not in sys.argv:
                path.write_text(text, "utf-8")
    print(f"{'out of date' if '--check' in sys.argv else 'written'}: {', '.join(stale) or 'none'}")
    sys.exit(1 if stale and "--check" in sys.argv else 0)


if __name__ == "__main__":
    main()
