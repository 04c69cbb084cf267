"""vtn-stream cluster"""

import json
from collections import defaultdict
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from vtn_stream.errors import printable
from vtn_stream.settings import Settings
from vtn_stream_pipelines.check import NodeReport, check
from vtn_stream_pipelines.connection import connected

from . import amounts, options
from .console import err, out, show_table

__all__ = ["cluster"]


@click.group()
def cluster() -> None:
    """Look at a Ray cluster before work is given to it."""


@cluster.command("check")
@click.option(
    "--address",
    default="auto",
    show_default=True,
    help="The cluster: auto for the one that runs here, host:port, ray://host:port, or local.",
)
@options.store
@options.model
@options.backbone
@options.weights
@options.size
@options.device
@options.decoder
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON, without the nodes' addresses.")
@options.settings
def check_command(address: str, as_json: bool, settings: Settings) -> int:
    """Try every node: decode a film, embed a frame, write and read the store.

    Exit code 1 if something is wrong with a node that would get work; each problem is one line that says how to fix it.
    """
    if not as_json:
        out.print(Text(f"asking the nodes of {printable(address)}"), soft_wrap=True)  # before Ray is loaded
    with connected(address), err.status("asking the nodes") if err.is_terminal else nullcontext():
        reports = check(settings)
    if as_json:
        click.echo(json.dumps([_fields(report) for report in reports], indent=2))
    else:
        _show(reports)
    return 1 if any(report.problems for report in reports) else 0


def _show(reports: Sequence[NodeReport]) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("node", "", "address", "CPUs", "GPUs", "device", "decoders", "weights", "store", "free"):
        table.add_column(name, justify="right" if name in ("CPUs", "GPUs", "free") else "left")
    for report in reports:
        found = report.examination
        if report.problems:
            verdict = Text("BAD", style="bold red")
        else:
            verdict = Text("ok", style="green") if report.works else Text("gets no work", style="dim")
        execution = found.execution if found else {}
        table.add_row(
            str(report.number),
            verdict,
            Text(printable(report.address)),
            f"{report.num_cpus:g}",
            f"{report.num_gpus:g}",
            Text(" ".join(str(execution.get(name, "")) for name in ("device", "instruction_set"))),
            ", ".join(found.decoders) if found else "",
            Text(printable(found.weights) if found else ""),
            "shared" if report.shares_store else "",
            "" if found is None or found.free_bytes is None else amounts.size(found.free_bytes),
        )
    show_table(table)
    _show_versions(reports)
    for report in reports:
        for problem in report.problems:
            out.print(Text(f"node {report.number}: {printable(problem)}"), soft_wrap=True)


def _show_versions(reports: Sequence[NodeReport]) -> None:
    """Prints each version once, if the nodes agree."""
    nodes: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for report in reports:
        for name, version in report.examination.versions.items() if report.examination else ():
            nodes[name][version or "missing"].append(str(report.number))
    alike = [f"{name} {version}" for name, found in nodes.items() if len(found) == 1 for version in found]
    if alike:
        out.print(Text(printable(f"versions: {', '.join(alike)}")), soft_wrap=True)
    for name, found in nodes.items():
        if len(found) > 1:
            versions = "; ".join(
                f"{version} on node {', '.join(node_numbers)}" for version, node_numbers in found.items()
            )
            out.print(Text(printable(f"{name}: {versions}")), soft_wrap=True)


def _fields(report: NodeReport) -> dict[str, Any]:
    fields = asdict(report)
    del fields["address"]
    return fields
