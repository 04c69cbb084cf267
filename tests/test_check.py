"""A node that would spoil a run is named before it begins, with what is wrong. On real Ray processes."""

import json
import os
import signal
import sys
import time
import types
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from ray_nodes import IGNORED, LIMIT_S, connected_nodes

from vtn_stream.errors import ClusterError
from vtn_stream.settings import Settings
from vtn_stream_cli.cluster import cluster as cluster_command
from vtn_stream_pipelines import check as check_module
from vtn_stream_pipelines import retries
from vtn_stream_pipelines.check import check, check_store
from vtn_stream_pipelines.node import Examination, NodeProbe, versions

ray = pytest.importorskip("ray")

pytestmark = pytest.mark.filterwarnings(*IGNORED)

EXECUTION = {"device": "cpu", "instruction_set": "AVX512", "engine": "torch 2"}
SOUND = Examination(
    versions=versions(),
    decoders=("pyav",),
    weights="a package",
    recipe="abc",
    execution=EXECUTION,
    free_bytes=5_000_000_000,
    problems=(),
)


class Quick(NodeProbe):
    """Finds every node sound, in no time."""

    def examine(self, settings):
        return SOUND

    def is_odd(self):
        return "VTN_TEST_ODD" in os.environ


class OddStore(Quick):
    """On the odd node the path of the shared folder is another folder."""

    def write(self, folder, name):
        return super().write(self.here(folder), name)

    def read(self, folder, names):
        retries.VISIBLE_S = 0.5
        return super().read(self.here(folder), names)

    def remove(self, folder, name):
        super().remove(self.here(folder), name)

    def here(self, folder):
        return folder + "-odd" if self.is_odd() else folder


class OddFull(Quick):
    def write(self, folder, name):
        return "No space left on device" if self.is_odd() else super().write(folder, name)


class OddInstallation(Quick):
    def examine(self, settings):
        if not self.is_odd():
            return SOUND
        return replace(
            SOUND,
            versions=SOUND.versions | {"vtn-stream": "0.0.1", "torch": ""},
            recipe="def",
            execution=EXECUTION | {"instruction_set": "AVX2"},
            problems=("nothing works; nothing is done; repair it",),
        )


@pytest.fixture(scope="module")
def nodes(ray_head):
    """A head that takes no work, and nodes 2 to 4, one of which is odd and has a GPU, pretended."""
    with connected_nodes(ray_head, {"num_cpus": 1}, {"num_cpus": 1}, modules=(sys.modules[__name__],)) as nodes:
        nodes.odd = nodes.add_node(num_cpus=1, num_gpus=1, env_vars={"VTN_TEST_ODD": "1"})
        yield nodes


@pytest.fixture
def probe(monkeypatch):
    """probe(kind): what runs on the nodes."""
    return lambda kind: monkeypatch.setattr(check_module, "NodeProbe", kind)


@pytest.fixture
def odd(nodes) -> int:
    """The number of the odd node."""
    return next(known.report.number for known in check_module._nodes() if known.report.num_gpus)


@contextmanager
def frozen(machine):
    """The node's Ray stands still, as if its machine did."""
    raylet = machine.all_processes["raylet"][0].process.pid
    os.kill(raylet, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(raylet, signal.SIGCONT)


def test_a_sound_cluster_has_no_problems_and_nothing_is_left_in_the_store(nodes, probe, tmp_path):
    probe(Quick)
    reports = check(Settings(store=tmp_path / "store", device="cpu"))
    assert [(report.number, report.works, report.shares_store) for report in reports] == [
        (1, False, False),
        (2, True, True),
        (3, True, True),
        (4, True, True),
    ]
    assert [report.problems for report in reports] == [()] * 4
    assert [report.examination for report in reports] == [None, SOUND, SOUND, SOUND]
    assert list((tmp_path / "store").iterdir()) == []
    check_store(tmp_path / "store")
    assert list((tmp_path / "store").iterdir()) == []


@pytest.mark.release
def test_a_store_that_one_node_does_not_share_is_found(nodes, odd, probe, tmp_path):
    probe(OddStore)
    store = tmp_path / "store"
    reports = {report.number: report for report in check(Settings(store=store, device="cpu"))}
    (problem,) = reports.pop(odd).problems
    assert problem.startswith("the folder of --store there is not the one of nodes ")
    assert not any(report.problems for report in reports.values())
    with pytest.raises(ClusterError, match=rf"^node {odd} of 4: the folder of --store there is not the one"):
        check_store(store)
    assert list(store.iterdir()) == list(Path(f"{store}-odd").iterdir()) == []


def test_a_folder_that_a_node_cannot_write_is_found(nodes, odd, probe, tmp_path):
    probe(OddFull)
    with pytest.raises(
        ClusterError, match=rf"^node {odd} of 4: the folder of --output cannot be written there \(No space left"
    ):
        check_store(tmp_path, option="--output")


@pytest.mark.release
def test_a_folder_that_cannot_be_is_found(nodes, probe, tmp_path):
    probe(Quick)
    (tmp_path / "file").touch()
    with pytest.raises(ClusterError, match="nodes 2, 3 and 4 of 4: the folder of --store cannot be written"):
        check_store(tmp_path / "file" / "store")


def test_a_node_that_is_installed_otherwise_is_told_in_lines(nodes, odd, probe, tmp_path):
    probe(OddInstallation)
    reports = {report.number: report.problems for report in check(Settings(store=tmp_path, device="cpu"))}
    facts = [problem.partition("; ")[0] for problem in reports.pop(odd)]
    assert facts == [
        "nothing works",
        f"vtn-stream is 0.0.1 there and {versions()['vtn-stream']} here",
        "its image network's weights are not those of most nodes",
        "its instruction set is AVX2, that of most nodes AVX512",
    ]
    assert not any(reports.values())


def test_a_node_without_our_package_is_told(nodes, probe, tmp_path):
    module = types.ModuleType("only_here")
    exec("class Probe:\n    def live(self):\n        pass", vars(module))
    sys.modules["only_here"] = module
    try:
        probe(module.Probe)
        reports = check(Settings(store=tmp_path, device="cpu"))
    finally:
        del sys.modules["only_here"]
    assert "it fails (ModuleNotFoundError: No module named 'only_here')" in reports[1].problems[0]


@pytest.mark.release
def test_a_frozen_node_is_named_and_holds_nobody_up(nodes, odd, probe, tmp_path, monkeypatch):
    probe(Quick)
    monkeypatch.setattr(retries, "PROBE_START_S", 8.0)
    with frozen(nodes.odd):
        begin = time.monotonic()
        reports = {report.number: report for report in check(Settings(store=tmp_path, device="cpu"))}
        assert reports.pop(odd).problems[0].startswith("no answer within 8 s")
        assert [report.problems for report in reports.values()] == [()] * 3
        assert time.monotonic() - begin < LIMIT_S  # five minutes, if it were asked again


def test_with_cuda_only_nodes_with_a_gpu_work(nodes, odd, probe, tmp_path):
    probe(Quick)
    reports = check(Settings(store=tmp_path))
    assert [report.number for report in reports if report.works] == [odd]


def test_the_table_shows_the_nodes_and_their_problems_below(nodes, odd, probe, tmp_path):
    probe(OddInstallation)
    address = ray.nodes()[0]["NodeManagerAddress"]
    arguments = ["check", "--address", "auto", "--store", str(tmp_path), "--device", "cpu"]
    shown = CliRunner().invoke(cluster_command, arguments, standalone_mode=False)
    assert shown.return_value == 1, shown.output
    assert address in shown.output
    assert f"node {odd}: its instruction set is AVX2" in shown.output
    (told,) = (line for line in shown.output.splitlines() if line.startswith("torch: "))
    assert f"{versions()['torch']} on node" in told  # which node is named first, chance says
    assert f"missing on node {odd}" in told


def test_a_sound_cluster_exits_with_0_and_its_json_holds_no_address(nodes, probe, tmp_path):
    probe(Quick)
    arguments = ["check", "--store", str(tmp_path), "--device", "cpu", "--json"]
    shown = CliRunner().invoke(cluster_command, arguments, standalone_mode=False)
    assert shown.return_value == 0, shown.output
    assert [found["works"] for found in json.loads(shown.output)] == [False, True, True, True]
    assert ray.nodes()[0]["NodeManagerAddress"] not in shown.output


def test_a_node_is_examined_by_doing_the_work(tiny, tiny_weights, tmp_path):
    settings = Settings(backbone=tiny, weights=tiny_weights, device="cpu", store=tmp_path)
    found = NodeProbe().examine(settings)
    assert found.problems == ()
    assert found.decoders[0] == "pyav"
    assert found.execution["device"] == "cpu"
    assert found.recipe
    assert found.free_bytes


def test_weights_that_a_node_lacks_are_a_problem(tiny, tmp_path):
    settings = Settings(backbone=tiny, weights=tmp_path / "none.pth", device="cpu", store=tmp_path)
    found = NodeProbe().examine(settings)
    (problem,) = found.problems
    assert "none.pth" in problem
    assert found.recipe == ""
