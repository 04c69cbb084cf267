"""Which worker works on which chunk, so that two batches with one store share the work.

    ROOT/leases/VIDEO IDENTITY-RECIPE DIGEST-EXECUTION DIGEST-CHUNK KEY.lease       a random token, the holder's
               /.KEY.lease.taking                                                   while it changes hands

The run that creates the file holds the lease, renews it while working (the file's time), and removes it. A holder that
was killed does not: a lease that was not renewed for TIME_TO_LIVE_S has expired, by the disk's own clock, and another
takes it over by renaming a file of its own onto it. Of several that try, the one that creates .taking may; it looks
again whether the lease has expired, so that a run that comes late does not take it from the first one.

The workers of one batch have an owner in common, with which their tokens begin: the batch knows when one of them is
dead, and the next takes its leases over at once.

What remains: a holder that stood still for longer than the time to live is no holder any more and does not know until
it renews (and if that is while it releases, it may remove the other's lease); one that was killed while it took a lease
over leaves .taking, which the run that finds it expired removes, and two may do so at once. All of these end in two
workers for one chunk, who store the same file: work is done twice, nothing is wrong. For the same reason a store in
which no lease can be written is worked on without.
"""

import contextlib
import os
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from vtn_stream.atomic import temporary_name
from vtn_stream.sampling import Chunk
from vtn_stream.store.clock import store_now_s
from vtn_stream.track import Execution, Recipe

__all__ = ["RENEW_EVERY_S", "TAKING", "TIME_TO_LIVE_S", "Lease", "Leases", "lease_key", "new_owner"]

RENEW_EVERY_S = 30.0
# Six renewals, of which a network disk may hide two (a client looks at a file's time once in 60 s) and a worker that is
# swapped out or waits for the disk may miss two. A chunk of a killed run is taken up again after this long.
TIME_TO_LIVE_S = 180.0
_KEY = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,199}")
_SUFFIX = ".lease"
TAKING = f"{_SUFFIX}.taking"  # .KEY.lease.taking
_CONTENT = re.compile(r"(?:[0-9a-f]{32})?")  # empty: killed as soon as it was there


def new_owner() -> str:
    """A random name for a run, which distinguishes its leases from those of others."""
    return secrets.token_hex(8)


def lease_key(chunk: Chunk, recipe: Recipe, execution: Execution) -> str:
    """A key for what is worked on. It begins with the film, so that its stored data are kept meanwhile."""
    return f"{chunk.video_identity}-{recipe.digest}-{execution.digest}-{chunk.key}"


class Lease:
    """The result of `hold`: true if the work is ours. It may be renewed at any time."""

    def __init__(self, path: Path | None, token: str, *, held: bool) -> None:
        self._path = path  # None if there is no file to renew
        self._token = token
        self._held = held
        self._renewed = time.monotonic()

    def __bool__(self) -> bool:
        return self._held

    def renew(self) -> bool:
        """Says that the work goes on. False once another holds the lease: going on then does the work twice."""
        if self._path is not None and time.monotonic() - self._renewed >= RENEW_EVERY_S:
            self._renewed = time.monotonic()
            try:
                with open(self._path, "r+b", buffering=0) as file:
                    self._held = file.read() == self._token.encode()
                    if self._held:
                        os.utime(file.fileno())  # of this very file, whatever is renamed onto it meanwhile
            except FileNotFoundError:  # somebody has removed it
                self._held = False
            except OSError:  # the disk has a moment; the next renewal is soon
                pass
        return self._held

    def release(self) -> None:
        """Lets others have the work. A lease that another has taken meanwhile stays."""
        if self._path is not None and self._held:
            with contextlib.suppress(OSError):  # what stays expires
                if _read(self._path)[0] == self._token:
                    self._path.unlink()
        self._path, self._held = None, False


class Leases:
    """The leases of the store under `root`. Opening them touches nothing.

    owner: 16 hex digits (see `new_owner`), for workers of whom never two are given the same work.
    """

    def __init__(self, root: Path, *, owner: str = "") -> None:
        self._folder = root / "leases"
        self._owner = owner

    @contextlib.contextmanager
    def hold(self, key: str) -> Iterator[Lease]:
        """Takes the lease for the block, if no other has it.

        with leases.hold(key) as held:
            if held:
                ...
                held.renew()
        """
        lease = self._take(key)
        try:
            yield lease
        finally:
            lease.release()

    def live(self) -> set[str]:
        """The keys of everything that is worked on now."""
        return {key for key, age_s in self._ages() if age_s < TIME_TO_LIVE_S}

    def expired(self) -> list[Path]:
        """Files of leases that are no longer renewed."""
        return [self._folder / f"{key}{_SUFFIX}" for key, age_s in self._ages() if age_s >= TIME_TO_LIVE_S]

    def remove_expired(self, path: Path) -> bool:
        """Removes an expired lease, unless it was renewed or taken since. Raises OSError if that fails."""
        with self._taking(path) as may:
            if may and self._has_expired(path):
                path.unlink(missing_ok=True)
                return True
        return False

    def _take(self, key: str) -> Lease:
        if not _KEY.fullmatch(key):
            raise ValueError(f"{key!r} cannot name a lease")
        path, token = self._folder / f"{key}{_SUFFIX}", self._owner + secrets.token_hex(16 - len(self._owner) // 2)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            try:
                _create(path, token)
                return Lease(path, token, held=True)
            except FileExistsError:
                if not self._may_be_taken(path):
                    return Lease(None, token, held=False)
            with self._taking(path) as may:
                if not may or not self._may_be_taken(path):
                    return Lease(None, token, held=False)
                fresh = path.with_name(temporary_name())
                _create(fresh, token)
                os.replace(fresh, path)
                return Lease(path, token, held=True)
        except OSError:
            return Lease(None, token, held=True)  # without a lease

    @contextlib.contextmanager
    def _taking(self, path: Path) -> Iterator[bool]:
        """Whether no one else is taking this lease over."""
        mark = path.with_name(f".{path.name.removesuffix(_SUFFIX)}{TAKING}")
        try:
            _create(mark, "")
        except FileExistsError:
            if self._has_expired(mark):
                mark.unlink(missing_ok=True)  # the next to ask may
            yield False
            return
        try:
            yield True
        finally:
            mark.unlink(missing_ok=True)

    def _may_be_taken(self, path: Path) -> bool:
        if not self._owner:
            return self._has_expired(path)
        with contextlib.suppress(FileNotFoundError):
            return _read(path)[0].startswith(self._owner) or self._has_expired(path)
        return False

    def release_own(self) -> None:
        """Releases the leases that dead workers of this owner left."""
        with contextlib.suppress(OSError):
            for name in sorted(os.listdir(self._folder)) if self._owner else ():
                if name.endswith(_SUFFIX):
                    with contextlib.suppress(OSError):  # released while we looked
                        if _read(self._folder / name)[0].startswith(self._owner):
                            (self._folder / name).unlink()

    def _has_expired(self, path: Path) -> bool:
        """Whether a lease has expired. One that was released meanwhile has not: the next to ask gets it."""
        try:
            time_s = _read(path)[1]
        except FileNotFoundError:
            return False
        return abs(store_now_s(self._folder) - time_s) >= TIME_TO_LIVE_S  # a time to come: a clock was set back

    def _ages(self) -> Iterator[tuple[str, float]]:
        """Key of each lease and seconds since its last renewal."""
        try:
            names = [name for name in sorted(os.listdir(self._folder)) if name.endswith(_SUFFIX)]
        except OSError:
            return
        now_s = store_now_s(self._folder) if names else 0.0
        for name in names:
            with contextlib.suppress(OSError):  # released while we looked
                token, time_s = _read(self._folder / name)
                if _KEY.fullmatch(key := name.removesuffix(_SUFFIX)) and _CONTENT.fullmatch(token):
                    yield key, abs(now_s - time_s)


def _read(path: Path) -> tuple[str, float]:
    """The lease's token and time. The file is opened so that a network disk asks its server and does not answer from
    memory.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        return os.read(descriptor, 64).decode("ascii", "replace"), os.fstat(descriptor).st_mtime
    finally:
        os.close(descriptor)


def _create(path: Path, token: str) -> None:
    with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666), "wb", buffering=0) as file:
        file.write(token.encode())
