"""A published model, from its publisher's server into the models' folder.

What has arrived is kept as FILE.part, and its ETag beside it: a fetch that was cut goes on where it stopped, in this
run or in another.
"""

import fcntl
import hashlib
import http.client
import os
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from vtn_stream.checkpoints.catalogue import Published, file_of
from vtn_stream.checkpoints.file import load_checkpoint, save_checkpoint
from vtn_stream.checkpoints.metadata import fault
from vtn_stream.errors import CheckpointError

__all__ = ["pull"]

TIMEOUT_S = 30  # without a byte
WAITS_S = (1, 2, 4, 8)  # before each try that follows one that was cut; a try that brings something starts anew
BLOCK = 1 << 20
MAX_BYTES = 4 << 30  # the published file has 0.5 GB, 1 GB with its optimizer's state

_LOOPBACK = ("127.0.0.1", "::1", "localhost")

OnProgress = Callable[[int, int | None], None]


class _Cut(Exception):
    """The connection ended early; args[0] says why in a few words."""


class _Unreached(_Cut):
    """No connection could be made."""


class _Denied(Exception):
    """The server will not send it, however often it is asked; args[0] is its answer."""


class _Stale(Exception):
    """The server's file is not the one that the part belongs to."""


def pull(published: Published, folder: Path, on_progress: OnProgress | None = None) -> Path:
    """The model's file in the folder; fetched, checked, imported and saved unless it is there already.

    A damaged file of ours is replaced; anything else of that name is not. on_progress(bytes so far, bytes in all or
    None). Raises CheckpointError; the part of a fetch that was cut or interrupted is kept, one with the wrong checksum
    is deleted.
    """
    target = file_of(published.name, folder)
    if _is_there(published, target):
        return target
    _check_url(published.url)
    part = folder / f"{published.file}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(published, part) as file:
            if _is_there(published, target):  # another process was quicker
                return target
            _fetch(published, folder, file, _Tag(part), on_progress or (lambda done, total: None))
            _check_sum(published, part)

            from vtn_stream.checkpoints.published import import_published  # here: it needs timm, fetching does not

            save_checkpoint(import_published(part), target)
            file.truncate(0)
            return target
    except OSError as error:
        raise CheckpointError(
            f"{part.name} cannot be written ({error.strerror or type(error).__name__})",
            f"{published.name} was not downloaded; the part that arrived is kept",
            "check the models' folder and the space on its disk, or set VTN_STREAM_MODELS to another folder",
        ) from error


@contextmanager
def _locked(published: Published, part: Path) -> Iterator[IO[bytes]]:
    """Opens the part, for one process at a time; removes it if it is empty at the end."""
    while True:
        with open(part, "ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise CheckpointError(
                    f"{published.name} is already being downloaded",
                    "this download did not start",
                    "wait until the other one ends",
                ) from error
            if not _is_same(file, part):  # the process that had the lock removed it when it was done
                continue
            try:
                yield file
            finally:
                if file.seek(0, os.SEEK_END) == 0:
                    part.unlink(missing_ok=True)
                    _Tag(part).forget()
            return


def _is_same(file: IO[bytes], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


class _Tag:
    """The ETag of the file that a part belongs to, kept beside it."""

    def __init__(self, part: Path) -> None:
        self._file = part.with_name(f"{part.name}.etag")

    def read(self) -> str | None:
        try:
            text = self._file.read_text(encoding="ascii")
        except (OSError, ValueError):
            return None
        return text if re.fullmatch(r'"[\x21\x23-\x7e]{1,200}"', text) else None

    def keep(self, etag: str | None) -> None:
        """Keeps the ETag, but not a weak one (W/"..."), which does not promise equal bytes."""
        self.forget()
        if etag and etag.isascii() and etag.startswith('"'):
            self._file.write_text(etag, encoding="ascii")

    def forget(self) -> None:
        self._file.unlink(missing_ok=True)


def _fetch(published: Published, folder: Path, file: IO[bytes], tag: _Tag, tell: OnProgress) -> None:
    """Tries until the file is complete, or until several tries in a row brought nothing."""
    waits = list(WAITS_S)
    was_reached = False  # if there is no network, waiting does not help
    while True:
        before = file.seek(0, os.SEEK_END)
        try:
            _try(published.url, file, tag, tell)
            return
        except _Stale:
            file.truncate(0)
            tag.forget()
            if not before:
                raise _not_fetched(published, folder, "its server sends parts that were not requested") from None
        except _Denied as error:
            raise _not_fetched(published, folder, error.args[0]) from error
        except _Cut as error:
            was_reached |= not isinstance(error, _Unreached)
            if file.seek(0, os.SEEK_END) > before:
                waits = list(WAITS_S)
            if not was_reached or not waits:
                raise _not_fetched(published, folder, error.args[0]) from error
            time.sleep(waits.pop(0))


def _try(url: str, file: IO[bytes], tag: _Tag, tell: OnProgress) -> None:
    """Makes one request, for the missing bytes. Raises _Cut, _Denied, _Stale, CheckpointError; OSError only of the
    file.
    """
    have = file.tell()
    request = urllib.request.Request(url, headers={"User-Agent": "vtn-stream", "Accept-Encoding": "identity"})
    etag = tag.read()
    if have:
        request.add_header("Range", f"bytes={have}-")
        if etag:
            request.add_header("If-Range", etag)
    try:
        response = urllib.request.build_opener(_SafeRedirects).open(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and have:
            if error.headers.get("Content-Range") == f"bytes */{have}":
                return  # the part is the whole file
            raise _Stale from error
        if error.code == 429 or error.code >= 500:
            raise _Cut(f"its server answers {error.code}") from error
        raise _Denied(f"its server answers {error.code}: it may have moved") from error
    except (OSError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise _Unreached(_words(reason)) from error

    with response:
        if response.status == 206:
            found = re.fullmatch(r"bytes (\d{1,15})-\d{1,15}/(\d{1,15})", response.headers.get("Content-Range", ""))
            if not found or int(found.group(1)) != have:
                raise _Stale
            total: int | None = int(found.group(2))
        else:  # a server without ranges, or with another file by now: from its first byte
            file.truncate(0)
            have = 0
            length = response.headers.get("Content-Length", "")
            total = int(length) if re.fullmatch(r"\d{1,15}", length) else None
            tag.keep(response.headers.get("ETag"))
        if total is not None and total > MAX_BYTES:
            raise _too_long(file, total)
        tell(have, total)
        while True:
            try:
                block = response.read1(BLOCK)
            except (OSError, http.client.HTTPException) as error:
                raise _Cut(_words(error)) from error
            if not block:
                break
            file.write(block)
            have += len(block)
            if have > MAX_BYTES:
                raise _too_long(file, have)
            tell(have, total)
        file.flush()
    if total is not None and have != total:
        raise _Cut(f"the connection ended after {have} of {total} bytes")


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        try:
            _check_url(newurl, asked=req.full_url)
        except CheckpointError:
            fp.close()
            raise
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _check_url(url: str, asked: str | None = None) -> None:
    """Allows only https, except for a server on this machine that the user asked for."""
    parts = urllib.parse.urlsplit(url)
    here = parts.hostname in _LOOPBACK and (asked is None or urllib.parse.urlsplit(asked).hostname in _LOOPBACK)
    if parts.scheme != "https" and not (parts.scheme == "http" and here):
        raise CheckpointError(
            f"{url} is not an https address",
            "nothing was downloaded: somebody could replace the file on its way",
            "download the file in a way that you trust, and run `vtn-stream models import FILE`",
        )


def _check_sum(published: Published, part: Path) -> None:
    with open(part, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != published.sha256:
        part.unlink()
        _Tag(part).forget()
        raise CheckpointError(
            f"what {urllib.parse.urlsplit(published.url).hostname} sent has the SHA-256 {found}, and {published.file} "
            f"has {published.sha256}",
            "it was deleted",
            "try again; if it happens again, the publisher's file was changed",
        )


def _is_there(published: Published, target: Path) -> bool:
    """Whether the model is there. False for nothing there, or a damaged file of ours. Raises CheckpointError for what a
    fetch must not replace.
    """
    if not os.path.lexists(target):
        return False
    try:
        if load_checkpoint(target).training.get("sha256") == published.sha256:
            return True
        what = "another model"
    except CheckpointError as error:
        if not target.is_file():
            what = "no file"
        elif (found := fault(target)) == "damaged":
            return False
        else:
            what = "a file of another format" if found == "another format" else "a model that cannot be read"
        cause: CheckpointError | None = error
    else:
        cause = None
    raise CheckpointError(
        f"{target.name} in the models' folder is {what}, not the published {published.file}",
        "nothing was downloaded, and this file is kept",
        f"remove or rename it, and run `vtn-stream models pull {published.name}` again",
    ) from cause


def _words(reason: object) -> str:
    if isinstance(reason, OSError):
        return reason.strerror or str(reason) or type(reason).__name__
    return str(reason) or type(reason).__name__


def _not_fetched(published: Published, folder: Path, reason: str) -> CheckpointError:
    return CheckpointError(
        f"{published.url} could not be downloaded ({reason})",
        f"{published.name} is not on this machine; the part that arrived is kept",
        f"run it again, or download {published.file} on another machine and run "
        f"`vtn-stream models import {published.file}`, which puts it into {_shown(folder)}",
    )


def _shown(folder: Path) -> str:
    """The path as given, or from the home folder on: the text may be shared."""
    home = Path.home()
    return f"~/{folder.relative_to(home)}" if folder.is_relative_to(home) else str(folder)


def _too_long(file: IO[bytes], num_bytes: int) -> CheckpointError:
    file.truncate(0)
    return CheckpointError(
        f"the server sends {num_bytes / 1e9:.1f} GB",
        "this is not a model of the catalogue, and it was not stored",
        "try again later; if it happens again, the publisher's file was changed",
    )
