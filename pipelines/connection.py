"""Connects to a Ray cluster: one that runs, or a private one on this machine for as long as it is needed.

An error on the way is one line, and comes within seconds if nothing answers. Ray prints nothing.
"""

import contextlib
import logging
import os
import re
import signal
import socket
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vtn_stream.errors import ClusterError

from . import retries

__all__ = ["Cluster", "connected", "import_ray", "last_line"]

# Of a private cluster. Receipts and film names are all that passes through it; Ray would take a third of the memory.
OBJECT_STORE_BYTES = 128 << 20
# A private cluster's files. Its sockets lie among them, whose paths must be short: /tmp, as Ray does.
PRIVATE_PARENT = Path("/tmp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """What the cluster had when we connected. is_private: it was started for us and stops with us."""

    num_nodes: int
    num_cpus: float
    num_gpus: float
    is_private: bool


@contextlib.contextmanager
def connected(address: str | None) -> Iterator[Cluster]:
    """Connected to a cluster inside the block. None, "local": a private one; "auto": the one that runs here; else its
    address.

    Where this process is connected already, that is used, and left as it is. Raises ClusterError.
    """
    ray = import_ray()
    if ray.is_initialized():
        yield _cluster(ray, is_private=False)
        return
    if address == "auto":  # as Ray understands it, but we must know whom to knock at
        address = os.environ.get("RAY_ADDRESS") or "auto"
    is_private = address is None or address == "local"
    with contextlib.ExitStack() as stack:
        if is_private:
            parent = PRIVATE_PARENT if PRIVATE_PARENT.is_dir() else None
            folder = tempfile.TemporaryDirectory(prefix="vtn-ray-", dir=parent, ignore_cleanup_errors=True)
            arguments: dict[str, Any] = {
                "address": "local",
                "include_dashboard": False,
                "object_store_memory": OBJECT_STORE_BYTES,
                "_temp_dir": stack.enter_context(folder),
            }
        else:
            assert address is not None
            _knock(address)
            arguments = {"address": address}
        stack.enter_context(_sigterm_given_back())
        stack.callback(ray.shutdown)  # also after half a start, and on Ctrl-C
        _init(ray, arguments)
        yield _cluster(ray, is_private=is_private)


def import_ray() -> Any:
    """Ray, set up to be quiet. Raises ClusterError if it is not installed."""
    # Under `uv run` Ray would rebuild the environment on every node.
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    try:
        import ray
    except ImportError as error:
        raise ClusterError(
            f"Ray cannot be imported ({error})" if error.name not in (None, "ray") else "Ray is not installed",
            "nothing can be run on a cluster",
            "pip install 'ray>=2.52'",
        ) from error
    return ray


def _init(ray: Any, arguments: dict[str, Any]) -> None:
    try:
        with warnings.catch_warnings(), _silenced(), _impatient(arguments["address"]):
            warnings.simplefilter("ignore")  # of what Ray will change in its next versions
            ray.init(log_to_driver=False, logging_level=logging.ERROR, **arguments)
    except Exception as error:  # Ray raises many kinds, among them bare ones
        raise _connection_error(error, arguments["address"]) from error


@contextlib.contextmanager
def _silenced() -> Iterator[None]:
    """Silences Ray's native code, which writes a line a second to the descriptors until it has log files."""
    sys.stdout.flush()
    sys.stderr.flush()
    with open(os.devnull, "w") as nowhere, contextlib.ExitStack() as stack:
        for descriptor in (1, 2):
            try:
                kept = os.dup(descriptor)
            except OSError:  # it is closed: nothing to keep silent
                continue
            stack.callback(os.close, kept)
            stack.callback(os.dup2, kept, descriptor)
            os.dup2(nowhere.fileno(), descriptor)
        yield


@contextlib.contextmanager
def _impatient(address: str) -> Iterator[None]:
    """Makes Ray try once, for half a minute, and not twenty times with a wrong token: something listens there."""
    name = "RAY_gcs_server_port_wait_time_s"
    if address == "local" or name in os.environ:
        yield
        return
    os.environ[name] = "1"
    try:
        yield
    finally:
        del os.environ[name]


@contextlib.contextmanager
def _sigterm_given_back() -> Iterator[None]:
    """Restores SIGTERM afterwards: Ray makes it raise SystemExit, which is good only while Ray runs, to clean up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if handler is not None:  # None: it is not Python's
            signal.signal(signal.SIGTERM, handler)


def _cluster(ray: Any, *, is_private: bool) -> Cluster:
    resources = ray.cluster_resources()
    return Cluster(
        num_nodes=sum(node["Alive"] for node in ray.nodes()),
        num_cpus=resources.get("CPU", 0.0),
        num_gpus=resources.get("GPU", 0.0),
        is_private=is_private,
    )


def _knock(address: str) -> None:
    """Raises ClusterError if nothing listens there, or it is not an address."""
    if address == "auto":
        return
    match = re.fullmatch(r"(ray://)?(\[[^\]/\s]+\]|[^\[\]:/\s]+):(\d{1,5})", address)
    if match is None:
        if re.match(r"(?!ray:|https?:)\w+://", address):  # of a provider: only Ray can tell
            return
        raise ClusterError(
            f"{address} is not the address of a Ray cluster",
            "nothing was started",
            "give host:port (Ray's default is 6379), ray://host:port (10001), auto or local",
        )
    try:
        socket.create_connection((match[2].strip("[]"), int(match[3])), timeout=retries.KNOCK_S).close()
    except (OSError, OverflowError, UnicodeError) as error:
        raise ClusterError(
            f"nobody answers at {address} ({getattr(error, 'strerror', None) or error})",
            "nothing was started",
            "see `ray status` on the cluster for its address, and check whether a firewall blocks it",
        ) from error


def _connection_error(error: Exception, address: str) -> ClusterError:
    """What `ray.init` raised, in one line."""
    causes = list(_causes(error))
    text = "\n".join(str(cause) for cause in causes)
    versions = re.findall(r"\b(Ray|Python): (\S+)", text)
    if len(versions) == 4:
        theirs, ours = (" and ".join(f"{name} {version}" for name, version in versions[i : i + 2]) for i in (0, 2))
        return ClusterError(
            f"the cluster runs {theirs}, and here is {ours}",
            "they cannot work together",
            "install the same versions in both places",
        )
    if re.search(r"AuthenticationError|InvalidAuthToken|Unauthenticated", f"{type(error).__name__} {text}"):
        return ClusterError(
            f"the Ray cluster at {address} needs its token, and got none or another one",
            "nothing was started",
            "set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN or ~/.ray/auth_token to what `ray get-auth-token` says there",
        )
    if any(isinstance(cause, ImportError) for cause in causes) and address.startswith("ray://"):
        return ClusterError("ray:// needs grpcio", "nothing was started", "pip install 'ray[client]'")
    if address == "auto" and "Could not find any running Ray" in text:
        return ClusterError(
            "no Ray cluster runs on this machine",
            "nothing was started",
            "start one (`ray start --head`), give the --address of one, or local for this machine alone",
        )
    if address == "local":
        return ClusterError(
            f"Ray cannot be started on this machine ({last_line(causes[-1])})",
            "nothing was done",
            "try `ray start --head`, which says more",
        )
    cure = "check the address with `ray status` on the cluster; host:port is for the cluster's own nodes"
    if address.startswith("ray://"):  # whose server does not say that a token is missing
        cure = "check the port (Ray's default is 10001); if the cluster needs a token, set RAY_AUTH_MODE=token here"
    return ClusterError(
        f"no connection to the Ray cluster at {address} ({last_line(causes[-1])})", "nothing was started", cure
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def last_line(error: BaseException) -> str:
    """The last line of one of Ray's messages: the others are a traceback."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:200] if lines else type(error).__name__
