"""The rights that the decoding process gives up before it parses an untrusted file. It calls these itself; Linux and
macOS.

A decoder that a file has taken over can then compute, read what the user may read, and talk to its parent, which does
not trust it. See docs/safety.md for what is left.
"""

import contextlib
import fcntl
import os
import resource
import select
import signal
import sys

from vtn_stream.video import seccomp

__all__ = ["Watchdog", "enter", "holes"]

# The film is opened twice while it is probed; the rest is pipes, the ring, and libraries loaded late.
_MAX_FILES = 64


def enter(memory_bytes: int) -> list[str]:
    """Gives up everything except computing and reading. Returns sentences on what could not be given up here."""
    sys.dont_write_bytecode = True  # of modules imported later; it would fail from now on
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # writing to a file is an error, not the end
    _limit(resource.RLIMIT_CORE, 0)  # a crash must not leave gigabytes behind
    _limit(resource.RLIMIT_FSIZE, 0)  # pipes and mapped memory are not counted
    _limit(resource.RLIMIT_NOFILE, _MAX_FILES)
    missing = []
    if sys.platform == "linux":
        if (hindrance := seccomp.install()) is not None:
            missing.append(f"access to network, other programs and files is not blocked: {hindrance}")
        _limit(resource.RLIMIT_AS, memory_bytes)
    else:
        missing.append(f"access to network, other programs and files is not blocked: {sys.platform} has no seccomp")
        missing.append(f"memory is not limited: {sys.platform} does not enforce it")
    return missing


def _limit(which: int, amount: int) -> None:
    """Sets a limit for good; a lower one if the system allows less."""
    _, hard = resource.getrlimit(which)
    amount = amount if hard == resource.RLIM_INFINITY else min(amount, hard)
    with contextlib.suppress(OSError, ValueError):  # some systems refuse some of them
        resource.setrlimit(which, (amount, amount))


def holes() -> list[str]:
    """What can still be done although it should not be; found by trying."""
    import socket

    found = []
    with contextlib.suppress(OSError):
        socket.socket(socket.AF_INET, socket.SOCK_STREAM).close()
        found.append("the network can be reached")
    with contextlib.suppress(OSError):
        os.close(os.open(os.devnull, os.O_WRONLY))
        found.append("files can be opened for writing")
    with contextlib.suppress(OSError):
        os.kill(os.getppid(), 0)
        found.append("other processes can be sent signals")
    return found


class Watchdog:
    """Ends this process when its parent is gone or when it hangs, without Python's help: a C library that never
    returns may hold Python's lock, so a thread of ours could not.

    The parent holds the other end of a pipe; the kernel signals us when that closes. Not PR_SET_PDEATHSIG: it follows
    the thread that started us, and threads of a pool end before their processes. Where pipes cannot signal (macOS), and
    for a hang that the parent does not see, an alarm does it: put off at every sign of progress, it kills by default.
    It is also why CPU time has no limit: what a limit renewed with progress would stop, the alarm stops earlier.
    """

    def __init__(self, lifeline_fd: int, deadline_s: float) -> None:
        self._deadline_s = deadline_s
        deadly = {signal.SIGALRM, signal.SIGIO}
        for number in deadly:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, deadly)
        if sys.platform == "linux":
            fcntl.fcntl(lifeline_fd, fcntl.F_SETOWN, os.getpid())
            fcntl.fcntl(lifeline_fd, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
            pipe = select.poll()
            pipe.register(lifeline_fd, select.POLLIN)
            if pipe.poll(0):
                raise BrokenPipeError  # the parent was gone before

    def arm(self) -> None:
        """From now on the next sign of progress must come before the deadline."""
        signal.setitimer(signal.ITIMER_REAL, self._deadline_s)

    def disarm(self) -> None:
        """From now on this process waits for others: there is no deadline."""
        signal.setitimer(signal.ITIMER_REAL, 0)
