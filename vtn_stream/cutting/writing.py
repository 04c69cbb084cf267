"""Writes planned clips, one after the other; keeps what is finished, and never replaces files of others.

Films are read and encoded in a process of their own (`video.cutter`).
"""

import contextlib
import errno
import hashlib
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vtn_stream.anonymous import is_anonymous, without_name
from vtn_stream.atomic import TEMPORARY, check_writable, is_full
from vtn_stream.cutting.contact_sheet import contact_sheets
from vtn_stream.cutting.manifest import Finished, Manifest, alone_in
from vtn_stream.cutting.names import PAGE
from vtn_stream.cutting.page import check_page, write_page
from vtn_stream.cutting.pieces import PlacedFilm
from vtn_stream.cutting.plan import Clip, Plan
from vtn_stream.errors import DecodingLost, InputError, StoreError, VideoError, VtnStreamError, printable
from vtn_stream.film import CLOCK_TOLERANCE_S
from vtn_stream.formats.writing import num
from vtn_stream.results.writing import write
from vtn_stream.store import EmbeddingStore
from vtn_stream.timeline import Timeline
from vtn_stream.video import check_unchanged
from vtn_stream.video.cutter import ClipReceipt, CuttingProcess
from vtn_stream.video.cutter import Piece as CutterPiece

__all__ = ["ClipFailed", "ClipReady", "Cut", "CutEvent", "Cutting", "EventHandler", "SecondsCut", "Told", "write_clips"]

MAX_LOST_IN_A_ROW = 3  # clips on which the process died or hung: each may cost its deadline
WRITE_EVERY_S = 2.0  # cut.json: a run that is killed in between writes the clips of this time once more


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondsCut:
    """How far it is, in seconds of film; those of finished clips count."""

    done_s: float
    total_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipReady:
    """A file is whole. is_new: it was written just now."""

    clip: Finished
    path: Path
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipFailed:
    """A file that could not be written, and why. file: its name below the folder."""

    file: str
    error: VtnStreamError


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A line on what was left out, joined or done otherwise than asked."""

    message: str


CutEvent = SecondsCut | ClipReady | ClipFailed | Told
EventHandler = Callable[[CutEvent], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """What came of it. clips: all files that were asked for and are there; failed: the others, and why."""

    folder: Path
    clips: tuple[Finished, ...]
    num_new: int
    failed: tuple[ClipFailed, ...]
    told: tuple[str, ...]
    pages: tuple[Path, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cutting:
    """A plan with what it was made of. files: the names of its clips below the folder, with suffix; None where a clip
    cannot be one file, and refused says why.
    """

    timeline: Timeline
    films: tuple[PlacedFilm, ...]
    plan: Plan
    files: tuple[str | None, ...]
    refused: tuple[ClipFailed, ...]
    folder: str

    def shown(self, text: str) -> str:
        """A text as it may be kept and shown: if the film is anonymous, without its own name."""
        if is_anonymous(self.timeline):
            for film in self.films:
                text = without_name(text, film.video.path.name, self.plan.film)
        return printable(text)


def write_clips(
    cutting: Cutting,
    output: Path,
    process: CuttingProcess,
    *,
    contact_sheet: bool = False,
    store: Path | None = None,
    on_event: EventHandler = lambda event: None,
) -> Cut:
    """Writes what `plan_cut` planned. Raises InputError, StoreError."""
    check_folder(output)
    with alone_in(output):
        return _Work(cutting, output, process, on_event).run(contact_sheet=contact_sheet, store=store)


def check_folder(output: Path) -> None:
    """Makes the folder. Raises InputError where clips and a page cannot be written there."""
    if output.exists() and not output.is_dir():
        raise InputError(f"{output.name} is a file", "nothing was cut", "name a folder with -o")
    try:
        check_writable(output)
    except OSError as error:
        raise InputError(
            f"nothing can be written to {output.name or output} ({error.strerror})",
            "nothing was cut",
            "name another folder with -o",
        ) from error
    check_page(output / PAGE)


class _Work:
    """One run over the clips of a film."""

    def __init__(self, cutting: Cutting, output: Path, process: CuttingProcess, tell: EventHandler) -> None:
        self.cutting, self.output, self.process, self.tell = cutting, output, process, tell
        self.manifest = Manifest.read(output)
        self.failed: list[ClipFailed] = []
        self.ready: list[Finished] = []
        self.notes: dict[str, None] = {}
        self.num_new = self.num_lost = 0
        self.saved = time.monotonic()

    def run(self, *, contact_sheet: bool, store: Path | None) -> Cut:
        for line in self.cutting.plan.told:
            self._say(line)
        for failure in self.cutting.refused:
            self._fail(failure)
        todo = [(clip, file) for clip, file in zip(self.cutting.plan.clips, self.cutting.files, strict=True) if file]
        missing = self._missing(todo)
        _clear({(self.output / file).parent for _, file in todo})
        self._tell_room(missing)
        self.manifest.begin(file for _, file in missing)
        self._save()
        done_s, total_s = 0.0, sum(clip.duration_s for clip, _ in missing)
        try:
            for clip, file in missing:
                self._write(clip, file, done_s, total_s)
                done_s += clip.duration_s
                self.tell(SecondsCut(done_s=done_s, total_s=total_s))
                if time.monotonic() - self.saved > WRITE_EVERY_S:
                    self._save()
        finally:
            self.manifest.forget_gone()
            self._save()
        pages = [self._page()] if self.manifest.clips else []
        if contact_sheet:
            pages += self._sheets(store)
        return Cut(
            folder=self.output,
            clips=tuple(sorted(self.ready, key=lambda clip: clip.file)),
            num_new=self.num_new,
            failed=tuple(self.failed),
            told=tuple(self.notes),
            pages=tuple(pages),
        )

    def _missing(self, todo: Sequence[tuple[Clip, str]]) -> list[tuple[Clip, str]]:
        """Those that are not there yet; a file of somebody else, or of another film, that has the name is a failure."""
        missing = []
        for clip, file in todo:
            known = self.manifest.clips.get(file)
            if known is not None and self.manifest.is_there(file, clip.digest):
                known = _said_now(self.cutting, clip, known)
                self.manifest.finish(known)
                self._ready(known, is_new=False)
            elif known is not None and known.film != self.cutting.plan.film and self.manifest.is_ours(file):
                self._fail(ClipFailed(file=file, error=_of_another(file, self.cutting.shown(known.film))))
            elif self.manifest.is_foreign(file):
                self._fail(ClipFailed(file=file, error=_foreign(file)))
            else:
                missing.append((clip, file))
        return missing

    def _tell_room(self, missing: Sequence[tuple[Clip, str]]) -> None:
        need, free = sum(clip.num_bytes for clip, _ in missing), shutil.disk_usage(self.output).free
        if need > free:
            self._say(f"the clips need about {_size(need)}, and {_size(free)} are free there")

    def _write(self, clip: Clip, file: str, done_s: float, total_s: float) -> None:
        path = self.output / file
        pieces = [
            CutterPiece(
                video=piece.film.video,
                start_s=piece.start_s,
                end_s=piece.end_s,
                label=clip.text,
            )
            for piece in clip.pieces
        ]

        def progress(piece_s: float) -> None:
            self.tell(SecondsCut(done_s=done_s + min(piece_s, clip.duration_s), total_s=total_s))

        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            receipt = self.process.cut(pieces, path, accurate=clip.accurate, on_progress=progress)
        except VideoError as error:
            self.manifest.begun.discard(file)
            for piece in clip.pieces:
                check_unchanged(piece.film.video)  # if it changed, no clip of it can be written
            self.num_lost = self.num_lost + 1 if isinstance(error, DecodingLost) else 0
            if self.num_lost == MAX_LOST_IN_A_ROW:
                raise
            self._fail(ClipFailed(file=file, error=error))
        except OSError as error:
            if is_full(error) and error.errno != errno.EFBIG:
                raise StoreError(
                    f"the disk is full: {file} cannot be written",
                    f"{num(len(self.ready), 'finished clip')} stay, and the rest is missing",
                    "make room and run the same command again: it goes on",
                ) from error
            failed = InputError(
                f"{file} cannot be written ({error.strerror})", "this clip is missing", "name another folder with -o"
            )
            if error.errno == errno.EFBIG:  # a stick with FAT32, or a limit; smaller files still have room
                failed = InputError(
                    f"{file} is larger than a file can be on this disk",
                    "it is missing",
                    "name a folder on another disk with -o, or choose fewer segments",
                )
            self._fail(ClipFailed(file=file, error=failed))
        else:
            finished = _finished(self.cutting, clip, file, receipt)
            self.manifest.finish(finished)
            self.num_new, self.num_lost = self.num_new + 1, 0
            self._ready(finished, is_new=True)

    def _ready(self, clip: Finished, *, is_new: bool) -> None:
        self.ready.append(clip)
        for note in clip.notes:
            self._say(note)
        self.tell(ClipReady(clip=clip, path=self.output / clip.file, is_new=is_new))

    def _fail(self, failure: ClipFailed) -> None:
        self.failed.append(failure)
        self.tell(failure)

    def _say(self, line: str) -> None:
        line = self.cutting.shown(line)
        if line not in self.notes:
            self.notes[line] = None
            self.tell(Told(message=line))

    def _save(self) -> None:
        self.saved = time.monotonic()
        try:
            self.manifest.write()
        except OSError as error:
            raise StoreError(
                f"cut.json cannot be written ({error.strerror})",
                "finished clips stay, and the next run may write some of them once more",
                "make room and run the same command again",
            ) from error

    def _page(self) -> Path:
        return write_page(self.output, list(self.manifest.clips.values()))

    def _sheets(self, store: Path | None) -> list[Path]:
        """Writes the contact sheets, in the film's folder."""
        try:
            sheets, told = contact_sheets(self.cutting.timeline, self.cutting.films, EmbeddingStore(store))
        except VideoError as error:
            self._fail(ClipFailed(file="the contact sheet", error=error))
            return []
        for line in told:
            self._say(line)
        paths = []
        for name, content in sheets.items():
            file = f"{self.cutting.folder}/{name}" if self.cutting.folder else name
            path, digest = self.output / file, hashlib.sha256(content).hexdigest()
            if not self.manifest.may_replace_sheet(file, digest):
                self._fail(ClipFailed(file=file, error=_foreign(file)))
                continue
            self.manifest.sheets[file] = digest
            self._save()
            write(path, content)
            paths.append(path)
        return paths


def _said_now(cutting: Cutting, clip: Clip, known: Finished) -> Finished:
    """What is to be said of a clip that is there: of the same frames, its timeline may say something else by now."""
    return replace(
        known,
        film=cutting.plan.film,
        kind=clip.kind,
        label=clip.label,
        score=clip.score,
        start_s=clip.start_s,
        end_s=clip.end_s,
        notes=tuple(map(cutting.shown, known.notes)),
    )


def _finished(cutting: Cutting, clip: Clip, file: str, receipt: ClipReceipt) -> Finished:
    notes = list(receipt.notes)
    if num_lost := sum(piece.num_lost for piece in receipt.pieces):
        notes.append(f"{num(num_lost, 'frame')} lost to damage; the frame before is shown instead")
    later = [piece.early_s for piece in receipt.pieces[1:] if clip.copies and piece.early_s > CLOCK_TOLERANCE_S]
    if later:
        notes.append(
            f"{file}: {num(len(later), 'later piece')} early, at a keyframe, by up to {max(later):.2f} s (--accurate: "
            "at the frame)"
        )
    return Finished(
        file=file,
        film=cutting.plan.film,
        kind=clip.kind,
        label=clip.label,
        score=clip.score,
        start_s=clip.start_s,
        end_s=clip.end_s,
        early_s=_early_s(clip, receipt),
        duration_s=receipt.duration_s,
        num_frames=sum(piece.num_frames for piece in receipt.pieces),
        num_pieces=len(receipt.pieces),
        num_bytes=receipt.num_bytes,
        has_sound=receipt.num_sounds > 0,
        digest=clip.digest,
        notes=tuple(map(cutting.shown, notes)),
    )


def _clear(folders: Iterable[Path]) -> None:
    """Removes what a killed run left unfinished: no other run writes here now."""
    for folder in folders:
        with contextlib.suppress(OSError):
            for file in folder.iterdir():
                if TEMPORARY.fullmatch(file.name):
                    file.unlink()


def _early_s(clip: Clip, receipt: ClipReceipt) -> float:
    """How much earlier it begins than the frame that was asked for."""
    early_s = clip.pieces[0].exact.start_s - receipt.pieces[0].start_s
    return round(early_s, 6) if early_s > CLOCK_TOLERANCE_S else 0.0


def _foreign(file: str) -> InputError:
    return InputError(
        f"{file} is there, and is not as it was written here",
        "it was kept and not replaced",
        "move it away, or name another folder with -o",
    )


def _of_another(file: str, film: str) -> InputError:
    return InputError(
        f"{file} is there, and was cut from {film}",
        "it was kept and not replaced",
        "name another folder with -o, or cut both films in one run",
    )


def _size(num_bytes: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if num_bytes < 1000 or unit == "GB":
            break
        num_bytes /= 1000
    return f"{num_bytes:.0f} {unit}" if unit in ("bytes", "kB") else f"{num_bytes:.1f} {unit}"
