"""``tocsin model``: looks at the folder of an optional model before an installation uses it."""

from __future__ import annotations

from pathlib import Path

import click


@click.group()
def command() -> None:
    """Optional models, which only propose statements and put candidates in order."""


@command.command()
@click.argument("folder", type=click.Path(path_type=Path))
def verify(folder: Path) -> None:
    """Check that a model's folder holds exactly what its SHA256SUMS names, and that its networks run here.

    Exit 0 when it can be used, 2 with the reason when it cannot.

    Example: tocsin model verify models/labse
    """
    from tocsin.models.folder import verify as read
    from tocsin.models.onnx import OnnxModel

    found = read(folder)
    model = OnnxModel(found)
    click.echo(f"{model.name}: {len(found.files)} files are as {folder / 'SHA256SUMS'} says.")
    if found.about.embedder is not None:
        size = len(model.vectors(["Tocsin"])[0])
        click.echo(f"It puts candidates in order: vectors of {size} numbers from {found.about.embedder.file}.")
    if found.about.tagger is not None:
        model.guesses("Tocsin", "en")
        click.echo(f"It proposes statements: {len(found.about.tagger.labels)} labels from {found.about.tagger.file}.")
    click.echo(f"Licence: {found.about.licence or 'not said in model.toml'}.")
