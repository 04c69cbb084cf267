"""Is a cluster ready for work? Every node that would get work is asked, within deadlines: one that hangs is named.

Run within `connection.connected`.
"""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vtn_stream.atomic import temporary_name
from vtn_stream.errors import ClusterError, VtnStreamError, listed
from vtn_stream.settings import Settings

from . import retries
from .connection import import_ray, last_line
from .node import Examination, NodeProbe, versions

__all__ = ["NodeReport", "check", "check_store"]

MAX_SHOWN = 8  # nodes in a line


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeReport:
    """A node, with a number that stays the same as long as no node comes or goes.

    address  for the user's own terminal: never written to a file
    works    whether it would get any work; if not, it was not examined
    """

    number: int
    address: str
    num_cpus: float
    num_gpus: float
    works: bool
    examination: Examination | None = None
    shares_store: bool = False
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Node:
    report: NodeReport
    node_id: str


def check(settings: Settings) -> tuple[NodeReport, ...]:
    """Every node of the cluster with what is wrong with it.

    Raises ClusterError if no node could get work.
    """
    nodes = _nodes()
    settings = settings.for_workers(has_gpu=any(node.report.num_gpus for node in nodes))
    if settings.device == "cuda":
        nodes = [_with_work(node, node.report.works and node.report.num_gpus > 0) for node in nodes]
    if not any(node.report.works for node in nodes):
        raise ClusterError(
            f"none of the {len(nodes)} nodes has a {'GPU' if settings.device == 'cuda' else 'CPU'} for Ray to give",
            "no worker would start",
            "see `ray status`, or give another --device",
        )
    with _Probes([node for node in nodes if node.report.works]) as probes:
        examinations = probes.ask("examine", dict.fromkeys(probes.node_numbers, (settings,)), retries.EXAMINE_S)
        _check_shared(probes, str(settings.store_root), "--store")
    _check_differences(examinations, probes)
    reports = []
    for node in nodes:
        number = node.report.number
        found: Examination | None = examinations.get(number)
        problems = (*(found.problems if found else ()), *probes.problems.get(number, ()))
        shares_store = number in probes.shares
        reports.append(replace(node.report, examination=found, shares_store=shares_store, problems=problems))
    return tuple(reports)


def check_store(folder: Path, option: str = "--store") -> None:
    """Raises ClusterError if a node cannot write the folder, or not all nodes see the same one. Seconds.

    A node that does not answer is passed over: that is not the folder's fault. option: what the user calls it.
    """
    nodes = _nodes()
    with _Probes([node for node in nodes if node.report.works]) as probes:
        probes.problems.clear()
        _check_shared(probes, os.path.abspath(folder), option)
        problems = {number: lines for number, lines in probes.problems.items() if number in probes.node_numbers}
    if problems:
        first, *_ = problems.values()
        raise ClusterError(
            f"{_node_names(list(problems))} of {len(nodes)}: {first[0].partition('; ')[0]}",
            "nothing was started",
            f"give {option} a folder that all nodes share at the same path; see also vtn-stream cluster check",
        )


class _Probes:
    """An actor on each of some nodes; nodes that do not answer are dropped.

    problems  by number of node, each one line
    shares    nodes that share the folder, once that is known
    """

    def __init__(self, nodes: Sequence[_Node]) -> None:
        self._ray = import_ray()
        self._nodes = nodes
        self._actors: dict[int, Any] = {}
        self.problems: dict[int, list[str]] = {}
        self.shares: set[int] = set()

    @property
    def node_numbers(self) -> list[int]:
        return list(self._actors)

    def __enter__(self) -> "_Probes":
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        for node in self._nodes:
            options: dict[str, Any] = {"num_cpus": 0, "max_restarts": 0, "max_task_retries": 0}
            options["scheduling_strategy"] = NodeAffinitySchedulingStrategy(node.node_id, soft=False)
            if node.report.num_gpus:  # some versions of Ray hide GPUs from those who take none: a busy node is sound
                options["runtime_env"] = {"env_vars": {"RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}}
            self._actors[node.report.number] = self._ray.remote(**options)(NodeProbe).remote()
        self.ask("live", {number: () for number in self._actors}, retries.PROBE_START_S)
        return self

    def __exit__(self, *exception: object) -> None:
        for actor in self._actors.values():
            self._ray.kill(actor)

    def report(self, number: int, fact: str, consequence: str, cure: str) -> None:
        self.problems.setdefault(number, []).append(str(VtnStreamError(fact, consequence, cure)))

    def ask(self, method: str, arguments: Mapping[int, tuple[Any, ...]], deadline_s: float) -> dict[int, Any]:
        """The answers that came. A node that gave no answer has a problem, and is not asked again."""
        refs = {number: getattr(self._actors[number], method).remote(*args) for number, args in arguments.items()}
        if not refs:
            return {}
        ready, _ = self._ray.wait(list(refs.values()), num_returns=len(refs), timeout=deadline_s)
        answers: dict[int, Any] = {}
        for number, ref in refs.items():
            if ref in ready:
                try:
                    answers[number] = self._ray.get(ref, timeout=retries.ANSWER_S)
                    continue
                except self._ray.exceptions.RayError as error:
                    fact = f"it fails ({last_line(error)})"
                    self.report(number, fact, "it gets no work", "install there what is installed here")
            else:
                self.report(
                    number,
                    f"no answer within {deadline_s:g} s",
                    "work that it is given would never be done",
                    "restart it, or take it out of the cluster",
                )
            self._ray.kill(self._actors.pop(number))
        return answers


def _check_shared(probes: _Probes, folder: str, option: str) -> None:
    """Every node writes a file and reads those of all others: nodes that see each other's files share the folder."""
    # Named as the store's own unfinished files: `cache gc --orphans` removes what we could not.
    names = {number: temporary_name() for number in probes.node_numbers}
    try:
        written = probes.ask("write", {number: (folder, name) for number, name in names.items()}, retries.FOLDER_S)
        for number, reason in written.items():
            if reason:
                probes.report(
                    number,
                    f"the folder of {option} cannot be written there ({reason})",
                    "what is done there is lost",
                    "mount the shared folder there, writable",
                )
        wrote = [names[number] for number, reason in written.items() if not reason]
        sees = probes.ask("read", dict.fromkeys(probes.node_numbers, (folder, wrote)), retries.FOLDER_S)
    finally:
        probes.ask("remove", {number: (folder, names[number]) for number in probes.node_numbers}, retries.FOLDER_S)
    groups: list[list[int]] = []
    for number in (number for number in sees if names[number] in wrote):
        for group in groups:
            if names[number] in sees[group[0]] and names[group[0]] in sees[number]:
                group.append(number)
                break
        else:
            groups.append([number])
    groups.sort(key=len, reverse=True)  # of equal ones the head's
    for group in groups[:1]:
        probes.shares.update(group)
    for number in (number for group in groups[1:] for number in group):
        probes.report(
            number,
            f"the folder of {option} there is not the one of {_node_names(groups[0])}",
            "neither sees what the other writes",
            "mount one shared folder at the same path on every node",
        )


def _check_differences(examinations: Mapping[int, Examination], probes: _Probes) -> None:
    """Nodes with another version than here, or with other weights or another way to compute than most nodes."""
    here = versions()
    recipes = Counter(found.recipe for found in examinations.values() if found.recipe)
    executions = Counter(tuple(found.execution.items()) for found in examinations.values() if found.execution)
    for number, found in examinations.items():
        for name in ("Python", "ray", "vtn-stream"):
            theirs = found.versions.get(name) or "missing"
            if theirs != here[name]:
                probes.report(
                    number,
                    f"{name} is {theirs} there and {here[name]} here",
                    "they may not understand each other",
                    "install the same version",
                )
        if found.recipe and found.recipe != recipes.most_common(1)[0][0]:
            probes.report(
                number,
                "its image network's weights are not those of most nodes",
                "its embeddings would mean something else",
                "give one file of weights in a shared folder with --weights",
            )
        for name, there in found.execution.items():
            usual = dict(executions.most_common(1)[0][0])[name]
            if there != usual:
                probes.report(
                    number,
                    f"its {name.replace('_', ' ')} is {there}, that of most nodes {usual}",
                    "workers that compute differently from the first get no work",
                    "install the same versions, and use nodes that are alike",
                )


def _nodes() -> list[_Node]:
    """The nodes that are alive, the head first."""
    alive = [node for node in import_ray().nodes() if node["Alive"]]
    alive.sort(key=lambda node: ("node:__internal_head__" not in node["Resources"], node["NodeID"]))
    return [
        _Node(
            node_id=node["NodeID"],
            report=NodeReport(
                number=number,
                address=node["NodeManagerAddress"],
                num_cpus=node["Resources"].get("CPU", 0.0),
                num_gpus=node["Resources"].get("GPU", 0.0),
                works=node["Resources"].get("CPU", 0.0) >= 1,
            ),
        )
        for number, node in enumerate(alive, 1)
    ]


def _with_work(node: _Node, works: bool) -> _Node:
    return replace(node, report=replace(node.report, works=works))


def _node_names(node_numbers: Sequence[int]) -> str:
    return ("node " if len(node_numbers) == 1 else "nodes ") + listed(map(str, node_numbers), MAX_SHOWN)
