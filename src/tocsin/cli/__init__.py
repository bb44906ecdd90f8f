"""Every command: one file in this package is one command, loaded only when it is called.

- A module here is named like its command and holds it as ``command``; nothing else has to be edited to add one.
- An error that a person can cause is one plain sentence with its code on standard error, and never a traceback.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys

import click

from tocsin.errors import TocsinError


class Commands(click.Group):
    """The commands of this package, found by their file names."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(
            found.name.removesuffix("_") for found in pkgutil.iter_modules(__path__) if not found.name.startswith("__")
        )

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        # ``import`` is a word of the language, so its module is ``import_``.
        name = f"{cmd_name}_" if cmd_name == "import" else cmd_name
        command: click.Command = importlib.import_module(f"tocsin.cli.{name}").command
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="tocsin")
def tocsin() -> None:
    """Tocsin: from the first signal to the last person, and back to the all-clear."""


def main() -> None:
    """The ``tocsin`` program."""
    try:
        tocsin(prog_name="tocsin")
    except TocsinError as error:
        click.echo(f"{error} [{error.code}]", err=True)
        sys.exit(2)
    except BrokenPipeError:
        # The reader went away (``tocsin read ... | head``): nothing is wrong on our side.
        sys.stderr.close()
        sys.exit(0)
