"""What the decoding process gives up, tried in real processes; and its filter, run by hand for both machines."""

import errno
import os
import re
import resource
import signal
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from counting import number_shown, write_film

from vtn_stream.video import DecodingProcess, seccomp

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has seccomp")


def told(script: str, *arguments: str) -> list[str]:
    """The lines printed by a process that runs this after it has entered the sandbox."""
    head = "import os, sys, threading, mmap, socket, subprocess, numpy, av\nfrom vtn_stream.video import sandbox\n"
    entered = "assert sandbox.enter(4 << 30) == []\nassert sandbox.holes() == []\n"
    command = [sys.executable, "-c", head + entered + script, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.splitlines()


TRY = """
def answer(do):
    try:
        do()
    except OSError as error:
        return error.errno
    return 0
"""

REFUSED = {
    "a connection": "socket.create_connection(('127.0.0.1', 9))",
    "a local socket": "socket.socket(socket.AF_UNIX)",
    "a pair of sockets": "socket.socketpair()",
    "a datagram": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
    "a raw socket": "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    "another program": "os.execv('/bin/true', ['true'])",
    "a child": "os.fork()",
    "a subprocess": "subprocess.run(['true'])",
    "a signal to the parent": "os.kill(os.getppid(), 9)",
    "a signal to a group": "os.killpg(os.getpgrp(), 0)",
    "a new file": "open(there + '/new', 'w')",
    "a file emptied": "open(there + '/old', 'w')",
    "a file changed": "open(there + '/old', 'r+b')",
    "a file appended to": "open(there + '/old', 'ab')",
    "a file cut": "os.truncate(there + '/old', 0)",
    "a file removed": "os.unlink(there + '/old')",
    "a file renamed": "os.rename(there + '/old', there + '/other')",
    "a link": "os.symlink(there + '/old', there + '/link')",
    "another name": "os.link(there + '/old', there + '/link')",
    "a folder": "os.mkdir(there + '/folder')",
    "a mode": "os.chmod(there + '/old', 0)",
    "a time": "os.utime(there + '/old', (1, 1))",
    "an attribute": "os.setxattr(there + '/old', 'user.a', b'b')",
    "its parent's memory": "open('/proc/%d/mem' % os.getppid(), 'r+b')",
    "its own code": "open('/proc/self/mem', 'r+b')",
    "the ownership of signals": "__import__('fcntl').fcntl(0, 8, os.getppid())",
}


@linux
def test_nothing_reaches_out_of_the_sandbox(tmp_path):
    (tmp_path / "old").write_text("kept")
    before = (tmp_path / "old").stat()
    calls = "\n".join(f"print(answer(lambda: {call}))" for call in REFUSED.values())
    answers = told(f"there = sys.argv[1]\n{TRY}{calls}", str(tmp_path))
    assert dict(zip(REFUSED, answers, strict=True)) == dict.fromkeys(REFUSED, str(errno.EPERM))
    assert os.listdir(tmp_path) == ["old"]
    after = (tmp_path / "old").stat()
    assert (after.st_size, after.st_mtime_ns, after.st_mode) == (before.st_size, before.st_mtime_ns, before.st_mode)


@linux
def test_threads_reading_and_late_imports_work_in_the_sandbox(tmp_path):
    (tmp_path / "film").write_bytes(b"film")
    script = """
thread = threading.Thread(target=lambda: print(open(sys.argv[1] + '/film').read()))
thread.start(), thread.join()
import sqlite3, lzma, bz2
print(len(mmap.mmap(-1, 1 << 20)))
print(list(os.scandir(sys.argv[1]))[0].name)
"""
    assert told(script, str(tmp_path)) == ["film", str(1 << 20), "film"]


@linux
def test_limits_hold_and_cannot_be_raised():
    names = ("RLIMIT_CORE", "RLIMIT_FSIZE", "RLIMIT_NOFILE", "RLIMIT_AS")
    script = f"import resource\nfor name in {names}: print(*resource.getrlimit(getattr(resource, name)))"
    assert told(script) == ["0 0", "0 0", "64 64", f"{4 << 30} {4 << 30}"]


@linux
def test_a_thread_that_ran_before_is_closed_in_too():
    """numpy starts threads when it is imported."""
    script = """
import subprocess, sys, threading, socket
from vtn_stream.video import sandbox
go, found = threading.Event(), []
def late():
    go.wait()
    try:
        socket.socket()
    except PermissionError:
        found.append("refused")
thread = threading.Thread(target=late)
thread.start()
sandbox.enter(4 << 30)
go.set(), thread.join()
print(*found)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "refused\n"


# The filter itself, for machines that are not here


def verdict(machine: str, call: int, *arguments: int, arch: int | None = None, pid: int = 77) -> int:
    """What the kernel would do: the filter run on struct seccomp_data by the rules of BPF."""
    architecture = seccomp._MACHINES[machine][1] if arch is None else arch
    data = struct.pack("<iIQ6Q", call, architecture, 0, *(*arguments, *[0] * 6)[:6])
    code = list(struct.iter_unpack("<HBBI", seccomp.program(machine, pid)))
    at, value = 0, 0
    while True:
        operation, if_true, if_false, operand = code[at]
        at += 1
        if operation == 0x06:
            return operand
        if operation == 0x20:
            (value,) = struct.unpack_from("<I", data, operand)
            continue
        holds = {0x15: value == operand, 0x35: value >= operand, 0x45: bool(value & operand)}[operation]
        at += if_true if holds else if_false


ALLOW, KILL, EPERM, ENOSYS = 0x7FFF0000, 0x80000000, 0x50000 | errno.EPERM, 0x50000 | errno.ENOSYS
X86, ARM = "x86_64", "aarch64"


@pytest.mark.parametrize("machine", [X86, ARM])
def test_every_call_of_the_list_is_refused_whatever_its_arguments(machine):
    for name, columns in seccomp._REFUSED.items():
        if (number := columns[machine == ARM]) is not None:
            verdicts = {verdict(machine, number), verdict(machine, number, *[2**64 - 1] * 6)}
            assert (name, verdicts) == (name, {EPERM})


@pytest.mark.parametrize(
    ("machine", "call", "arguments", "expected"),
    [
        (X86, 0, (0,), ALLOW),  # read
        (ARM, 63, (0,), ALLOW),
        (X86, 202, (), ALLOW),  # futex
        (ARM, 98, (), ALLOW),
        (X86, 9, (), ALLOW),  # mmap
        (ARM, 222, (), ALLOW),
        (X86, 2, (0, os.O_RDONLY), ALLOW),  # open
        (X86, 2, (0, os.O_RDONLY | 0o2000000), ALLOW),  # close-on-exec
        (X86, 2, (0, os.O_WRONLY), EPERM),
        (X86, 257, (0, 0, os.O_RDONLY), ALLOW),  # openat
        (X86, 257, (0, 0, os.O_RDWR), EPERM),
        (X86, 257, (0, 0, os.O_CREAT), EPERM),
        (X86, 257, (0, 0, os.O_TRUNC), EPERM),
        (ARM, 56, (0, 0, os.O_RDONLY), ALLOW),
        (ARM, 56, (0, 0, os.O_WRONLY), EPERM),
        (X86, 437, (), ENOSYS),  # openat2
        (X86, 435, (), ENOSYS),  # clone3
        (ARM, 435, (), ENOSYS),
        (X86, 56, (0x3D0F00,), ALLOW),  # clone as pthread_create calls it
        (X86, 56, (17,), EPERM),  # clone as fork calls it
        (ARM, 220, (0x3D0F00,), ALLOW),
        (ARM, 220, (17,), EPERM),
        (X86, 234, (77, 78, 6), ALLOW),  # tgkill: abort()
        (X86, 234, (76, 76, 9), EPERM),
        (ARM, 131, (76, 76, 9), EPERM),
        (X86, 302, (0, 7), ALLOW),  # prlimit64
        (X86, 302, (77, 7), ALLOW),
        (X86, 302, (76, 7), EPERM),
        (ARM, 261, (76, 7), EPERM),
        (X86, 72, (0, 1), ALLOW),  # fcntl
        (X86, 72, (0, 8), EPERM),
        (X86, 72, (0, 10), EPERM),
        (X86, 72, (0, 15), EPERM),
        (ARM, 25, (0, 8), EPERM),
        (X86, 16, (0, 0x5401), ALLOW),  # ioctl: is it a terminal?
        (X86, 16, (0, 0x5412), EPERM),
        (ARM, 29, (0, 0x541C), EPERM),
        (X86, 0x40000000, (), KILL),  # x32
    ],
)
def test_what_depends_on_arguments(machine, call, arguments, expected):
    assert verdict(machine, call, *arguments) == expected


@pytest.mark.parametrize(("machine", "foreign"), [(X86, 0x40000003), (ARM, 0x40000028)])
def test_calls_of_another_architecture_kill(machine, foreign):
    assert verdict(machine, 0, arch=foreign) == KILL


HEADERS = {
    X86: ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", r"__NR_(\w+)\s+(\d+)"),
    ARM: ("/usr/include/asm-generic/unistd.h", r"__NR(?:3264)?_(\w+)\s+(\d+)"),
}


@pytest.mark.parametrize("machine", [X86, ARM])
def test_the_numbers_are_those_of_the_kernels_headers(machine):
    path, line = HEADERS[machine]
    if not os.path.exists(path):
        pytest.skip(f"{path} is not here")
    numbers = {name: int(number) for name, number in re.findall(f"#define {line}", Path(path).read_text())}
    newer = {"fchmodat2", "setxattrat", "removexattrat", "file_setattr"}  # than some headers
    for name, columns in (seccomp._REFUSED | seccomp._ABSENT).items():
        if name not in newer - numbers.keys():
            assert (name, columns[machine == ARM]) == (name, numbers.get(name))


# The process as its parent sees it


@linux
def test_the_process_says_that_it_is_isolated():
    with DecodingProcess() as process:
        assert process.check() == {"isolated": True, "reasons": []}


def test_without_a_filter_it_goes_on_and_says_so(monkeypatch, tmp_path):
    """A kernel that refuses: pretended by a module that stands before ours on the path."""
    (tmp_path / "sitecustomize.py").write_text(
        "import vtn_stream.video.seccomp as s\ns.install = lambda: 'the kernel refuses the filter (Invalid argument)'\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    film = write_film(tmp_path / "film.mp4", 5)
    with DecodingProcess() as process:
        state = process.check()
        assert not state["isolated"]
        assert state["reasons"][0].endswith("not blocked: the kernel refuses the filter (Invalid argument)")
        assert process.probe(film.path).num_frames == 5


# It ends with its parent

HUNG = """
import ctypes, os, sys, threading
from vtn_stream.video import sandbox
watchdog = sandbox.Watchdog(int(sys.argv[1]), float(sys.argv[2]))
if sys.argv[3] == "confined":
    sandbox.enter(4 << 30)
watchdog.arm()
print(os.getpid(), flush=True)
ctypes.PyDLL(None).sleep(600)  # a library that never returns, Python's lock held
"""


@linux
@pytest.mark.parametrize("state", ["confined", "open"])
def test_a_hung_process_ends_with_its_parent(state):
    ours, theirs = os.pipe()
    child = [sys.executable, "-c", HUNG, str(ours), "500", state]
    with subprocess.Popen(child, pass_fds=[ours], stdout=subprocess.PIPE, text=True) as hung:
        os.close(ours)
        hung.stdout.readline()
        time.sleep(0.2)
        assert hung.poll() is None
        os.close(theirs)
        assert hung.wait(5) == -signal.SIGIO


def test_a_hung_process_ends_itself_where_nobody_else_does():
    ours, theirs = os.pipe()
    child = [sys.executable, "-c", HUNG, str(ours), "0.5", "confined"]
    with subprocess.Popen(child, pass_fds=[ours], stdout=subprocess.PIPE, text=True) as hung:
        os.close(ours)
        assert hung.wait(20) == -signal.SIGALRM
    os.close(theirs)


def test_a_process_lives_on_when_the_thread_that_started_it_ends(tmp_path):
    film = write_film(tmp_path / "film.mp4", 20)
    with DecodingProcess() as process:
        seen = []
        thread = threading.Thread(target=lambda: seen.append(process.probe(film.path)))
        thread.start()
        thread.join()
        first = process.pid
        shown = [number_shown(f) for b in process.frames(seen[0], seen[0].pts, (48, 80)) for f in b.frames]
        assert shown == list(range(20))
        assert process.pid == first
        assert psutil.Process(first).num_threads() > 0


def test_ignored_and_blocked_signals_of_the_caller_do_not_disarm_the_watchdog():
    ours, theirs = os.pipe()
    child = [sys.executable, "-c", HUNG, str(ours), "0.5", "open"]

    def defy():
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})

    with subprocess.Popen(child, pass_fds=[ours], stdout=subprocess.PIPE, text=True, preexec_fn=defy) as hung:
        os.close(ours)
        assert hung.wait(20) == -signal.SIGALRM
    os.close(theirs)


def test_limits_of_the_system_below_ours_are_kept():
    script = "import resource; from vtn_stream.video import sandbox; sandbox.enter(4 << 30)\n"
    script += "print(resource.getrlimit(resource.RLIMIT_NOFILE))"

    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, preexec_fn=few, timeout=60)
    assert done.stdout == "(40, 40)\n"
