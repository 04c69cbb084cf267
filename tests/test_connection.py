"""A cluster is reached, or one line says why not. With real Ray, most of it in processes of their own."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from ray_nodes import IGNORED, LIMIT_S

from vtn_stream.errors import ClusterError
from vtn_stream_pipelines import connection
from vtn_stream_pipelines.connection import Cluster, connected

pytestmark = pytest.mark.filterwarnings(*IGNORED)

HEAD = """
import sys
from ray.cluster_utils import Cluster
nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 3})
nodes.add_node(num_cpus=1, num_gpus=2)
print(nodes.address, flush=True)
sys.stdin.read()
nodes.shutdown()
"""
DRIVER = """
import sys
from vtn_stream.errors import ClusterError
from vtn_stream_pipelines.connection import connected
try:
    with connected(sys.argv[1]) as cluster:
        print(cluster)
        exec(sys.argv[2])
except ClusterError as error:
    print("ClusterError:", error)
"""


def environment(token: str = "") -> dict[str, str]:
    """Ours, without what it says of tokens; with this one."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    return ours | ({"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token} if token else {})


def start(address: str, work: str = "pass", token: str = "", **more: str) -> subprocess.Popen:
    command = [sys.executable, "-c", DRIVER, address, work]
    env = environment(token) | more
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def said(*args: str, **more: str) -> str:
    """All that a driver prints."""
    return start(*args, **more).communicate(timeout=LIMIT_S)[0]


@pytest.fixture(scope="module")
def guarded():
    """The address of a cluster of two nodes that wants the token aaa..."""
    pytest.importorskip("ray")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([sys.executable, "-c", HEAD], env=environment("a" * 64), text=True, **pipes) as head:
        yield head.stdout.readline().strip()
        head.stdin.close()
        head.wait(LIMIT_S)


def test_a_running_cluster_is_counted_and_nothing_else_is_printed(guarded):
    expected = Cluster(num_nodes=2, num_cpus=4.0, num_gpus=2.0, is_private=False)
    assert said(guarded, token="a" * 64).strip() == str(expected)


@pytest.mark.parametrize("token", ["b" * 64, ""])
def test_a_wrong_token_and_none_are_told_with_their_cure(guarded, token):
    line = said(guarded, token=token)
    assert line.count("\n") == 1
    assert "ClusterError: the Ray cluster at" in line
    assert "needs its token" in line
    assert "RAY_AUTH_TOKEN" in line


@pytest.mark.release
def test_a_private_cluster_leaves_nothing_behind(tmp_path):
    pytest.importorskip("ray")
    work = "import ray; print(ray.get(ray.remote(lambda: 6 * 7).remote()))"
    work += "; print(ray._private.worker._global_node.get_temp_dir_path())"
    shown = said("local", work, RAY_ADDRESS="127.0.0.1:1")  # which is not asked
    cluster, answer, folder = shown.splitlines()
    assert "num_nodes=1" in cluster
    assert "is_private=True" in cluster
    assert answer == "42"
    assert Path(folder).name.startswith("vtn-ray-")
    assert not Path(folder).exists()
    assert not processes_of(folder)


def test_a_private_cluster_stops_with_its_driver_on_ctrl_c_and_sigterm():
    pytest.importorskip("ray")
    work = "import time, ray; print(ray._private.worker._global_node.get_temp_dir_path(), flush=True); time.sleep(60)"
    for sent in (signal.SIGINT, signal.SIGTERM):
        driver = start("local", work)
        driver.stdout.readline()
        folder = driver.stdout.readline().strip()
        assert folder, driver.communicate(timeout=LIMIT_S)
        assert processes_of(folder)
        driver.send_signal(sent)
        driver.communicate(timeout=LIMIT_S)
        assert not Path(folder).exists()
        assert not processes_of(folder)


def processes_of(folder: str) -> list[str]:
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if folder in line and "ps -eo" not in line]


def test_where_nobody_answers_that_is_told_before_ray_is_asked(monkeypatch):
    """Ray would try for minutes."""
    pytest.importorskip("ray")
    monkeypatch.setattr(connection, "_init", None)
    with socket.create_server(("127.0.0.1", 0)) as closed_soon:
        port = closed_soon.getsockname()[1]
    for address in (f"127.0.0.1:{port}", f"ray://127.0.0.1:{port}", "no-such-host.invalid:6379"):
        with pytest.raises(ClusterError, match=f"nobody answers at {re.escape(address)}"), connected(address):
            pass


def test_auto_follows_the_environment(monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(ClusterError, match=r"nobody answers at 127\.0\.0\.1:1"), connected("auto"):
        pass


@pytest.mark.parametrize("address", ["head", "", "http://head:8265", "ray://head", "head:port", "head:123456", "a b:1"])
def test_what_is_no_address_is_refused(address):
    pytest.importorskip("ray")
    with pytest.raises(ClusterError, match=r"is not the address of a Ray cluster.*give host:port"), connected(address):
        pass


def test_without_ray_it_is_said_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with (
        pytest.raises(ClusterError, match=r"Ray is not installed.*pip install 'ray>=2.52'"),
        connected("local"),
    ):
        pass


def test_other_versions_are_told_in_one_line():
    told = connection._connection_error(
        RuntimeError(
            "Version mismatch: The cluster was started with:\n    Ray: 2.50.0\n    Python: 3.12.1\n"
            "This process on node was started with:\n    Ray: 2.60.0\n    Python: 3.11.7\n"
        ),
        "head:6379",
    )
    assert told.fact == "the cluster runs Ray 2.50.0 and Python 3.12.1, and here is Ray 2.60.0 and Python 3.11.7"


def test_a_failed_start_is_told_by_its_cause():
    error = RuntimeError("it failed")
    error.__cause__ = ValueError("Traceback:\n  in a file\nthe port is taken")
    assert "(the port is taken)" in str(connection._connection_error(error, "local"))


def test_the_configurations_of_the_manual_are_valid():
    yaml = pytest.importorskip("yaml")
    manual = (Path(__file__).parent.parent / "docs" / "cluster.md").read_text()
    ray_up, kubernetes = (yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", manual, re.DOTALL))
    assert ray_up["provider"]["type"] == "local"
    (group,) = kubernetes["spec"]["rayClusterSpec"]["workerGroupSpecs"]
    assert group["template"]["spec"]["volumes"][0]["name"] == "shared"
    from ray.autoscaler._private.util import prepare_config, validate_config

    validate_config(prepare_config(ray_up))
