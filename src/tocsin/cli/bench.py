"""``tocsin bench``: measure, beside the peers, what the goals are about."""

from __future__ import annotations

import importlib
import pkgutil

import click
import msgspec

import tocsin.bench
from tocsin.bench import Case

NAMES = tuple(found.name for found in pkgutil.iter_modules(tocsin.bench.__path__) if not found.name.startswith("_"))


@click.command()
@click.argument("names", nargs=-1, required=True, type=click.Choice([*NAMES, "all"]))
@click.option("--json", "as_json", is_flag=True, help="One JSON line a case.")
@click.option("--quick", is_flag=True, help="Fewer and smaller runs: to see that it works, not to quote.")
def command(names: tuple[str, ...], as_json: bool, quick: bool) -> None:
    """Measure beside the peers, in the same run; medians and ratios.

    Example: tocsin bench intake feed --json
    """
    for name in NAMES if "all" in names else names:
        module = importlib.import_module(f"tocsin.bench.{name}")
        for measured in module.cases(quick):
            click.echo(msgspec.json.encode(measured).decode() if as_json else line(measured))


def line(measured: Case) -> str:
    """A case for a person: ours, the peer's, the ratio, the share of what the machine can do."""
    text = f"{measured.bench:9} {measured.case:22} n={measured.n:<10,} {measured.median_s * 1e3:10.3f} ms"
    text += f" {measured.rate:14,.0f}/s"
    if measured.peer is not None:
        text += f"   {measured.ratio:7.2f} x {measured.peer.name} ({measured.peer.rate:,.0f}/s)"
    if measured.limit is not None:
        text += (
            f"   {(measured.share_of_limit or 0) * 100:5.1f} % of {measured.limit.name} ({measured.limit.rate:,.0f}/s)"
        )
    return text + (f"   {measured.note}" if measured.note else "")
