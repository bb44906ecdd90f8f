"""``tocsin brief``: news reports in, an incident briefing out; offline, in seconds."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import click

from tocsin.assess.advice import Advice, added, advise, section
from tocsin.assess.brief import as_json, brief
from tocsin.assess.extract import Source
from tocsin.assess.incident import Incident, Pointer, pointer
from tocsin.assess.pack import guess
from tocsin.errors import InputError, TooLargeError
from tocsin.sense.page import article, decode

MAX_BYTES = 64 * 1024 * 1024


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--published", help="Day of publication (YYYY-MM-DD) of reports for which the manifest gives none.")
@click.option("--manifest", type=click.Path(path_type=Path), help="JSON: file to its published, source and url.")
@click.option("--lang", default="", help="Language of the reports, where it need not be guessed.")
@click.option("--json", "as_json_", is_flag=True, help="The briefing as JSON.")
@click.option("--html", "as_html", is_flag=True, help="The briefing as one HTML page.")
@click.option(
    "--models", type=click.Path(path_type=Path), help="Folder of an optional model; its proposals are marked."
)
def command(
    files: tuple[Path, ...],
    published: str | None,
    manifest: Path | None,
    lang: str,
    as_json_: bool,
    as_html: bool,
    models: Path | None,
) -> None:
    """Read news reports and tell which incidents they are about, who says what, what conflicts, and what to do.

    Example: tocsin brief report-de.txt report-en.txt --published 2024-11-20 --json
    """
    known = _manifest(manifest)
    texts = []
    for order, file in enumerate(files):
        about = known.get(str(file)) or known.get(file.name) or {}
        text, title = read(file)
        source = Source(
            report=str(file),
            published=_day(about.get("published") or published, str(file)),
            language=lang or str(about.get("language") or ""),
            outlet=str(about.get("source") or ""),
            url=str(about.get("url") or ""),
            title=title,
            order=order,
        )
        texts.append((text, source))
    model = None
    if models is not None:
        from tocsin.models.onnx import load

        model = load(models)
    readings, incidents = brief(texts)
    advice = advise(model, readings) if model is not None else None
    if as_json_:
        body = as_json(readings, incidents)
        click.echo(json.dumps(added(body, incidents, advice) if advice else body, ensure_ascii=False))
    elif as_html:
        from tocsin.assess.page import page

        made = page(readings, incidents)
        click.echo(made.removesuffix("</html>") + section(advice) + "</html>" if advice else made)
    else:
        for incident in incidents:
            _show(incident)
            if advice is not None:
                _advise(incident, advice)


def _known(text: str) -> float:
    return guess(text)[1]


def _manifest(path: Path | None) -> dict[str, dict[str, Any]]:
    if path is None:
        return {}
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"The manifest {path} cannot be read: {error}") from error
    if isinstance(data, list):
        data = {str(one.get("file")): one for one in data if isinstance(one, dict)}
    if not isinstance(data, dict):
        raise InputError(f"The manifest {path} is no JSON object of files.")
    return {str(name): about for name, about in data.items() if isinstance(about, dict)}


def _day(value: object, what: str) -> date | None:
    if not value:
        return None
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError as error:
        raise InputError(f"{what}: {value!r} is no day (YYYY-MM-DD).") from error


def read(file: Path) -> tuple[str, str]:
    """A report's decoded text and its headline. A page is cut down to its article; a text is taken as it is."""
    try:
        size = file.stat().st_size
        if size > MAX_BYTES:
            raise TooLargeError(f"{file} has {size:,} bytes.")
        content = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file}: {error.strerror or error}") from error
    head = content[:2000].lstrip().lower()
    if file.suffix.lower() in (".html", ".htm", ".xhtml") or head.startswith((b"<!doctype html", b"<html")):
        found = article(content, _known)
        return found.text, found.headline
    text = decode(content, _known)
    first = next((line.strip() for line in text.split("\n") if line.strip()), "")
    return text, first[:300]


def _words(pointers: tuple[Pointer, ...]) -> str:
    return ", ".join(f"{Path(one.report).name}:{one.start}-{one.end}" for one in pointers)


def _show(incident: Incident) -> None:
    """An incident for a person: what to do first, then who says what."""
    title = next(iter(incident.title.values()), incident.id)
    click.echo(f"\n{title[:110]}\n{'=' * min(110, len(title))}")
    where = ", ".join(name for _, name in incident.places[:6])
    click.echo(f"When: {incident.when or 'not said'}   Where: {where}   Reports: {len(incident.reports)}")
    if incident.actions:
        click.echo("\nWhat people are told:")
    for line in incident.actions:
        who = line.facility or line.audience or "public"
        extra = "; ".join(x for x in (line.condition, line.area, line.date) if x)
        click.echo(
            f"  {line.action.replace('_', ' ')}: {who} ({extra}) [{line.origins} origin] {_words(line.evidence)}"
        )
    for correction in incident.corrections:
        click.echo(f"\nCorrected: {correction.wrong!r}\n     now: {correction.right!r}")
    for conflict in incident.contradictions:
        click.echo(f"\nIn conflict ({conflict.about}):")
        for side in conflict.sides:
            click.echo(f"  - {side.text!r}  {_words(side.evidence)}")
    click.echo("\nWho says what:")
    for claim in incident.claims:
        speaker = claim.speaker.name or f"unclear ({', '.join(claim.speaker.candidates) or 'nobody named'})"
        mark = "" if claim.standing == "claimed" else f" [{claim.standing}]"
        click.echo(f"  {speaker} {claim.stance}{mark}: {claim.text[:160]}")


def _advise(incident: Incident, advice: Advice) -> None:
    """What a model proposes, apart from what was found, and called so."""
    if proposed := advice.of(incident):
        click.echo(f"\nProposed by a model ({advice.model}), checked by nobody:")
    for one in proposed:
        where = _words((pointer(one.claim),))
        click.echo(f"  {one.claim.speaker.name or 'unclear'}: {one.claim.text[:160]}  {where}")
