"""What is known about a film, and its clock. Knows numpy only: no decoder, no grid spacing, no store.

N frames of the file in presentation order, T positions of a grid, M keyframes.
A *frame* is an index in the file; a *position* is an index on the sampled grid. They are never mixed.
"""

import os
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "CLOCK_TOLERANCE_S",
    "FILM_SUFFIXES",
    "NO_PTS",
    "Dark",
    "FilmPart",
    "FrameIndex",
    "VideoInfo",
    "as_stored",
    "bare_name",
    "file_stamp",
    "is_film_name",
    "one_form",
    "shareable_name",
    "with_or_without_v",
    "without_suffix",
]

FILM_SUFFIXES = frozenset(
    ("3gp", "avi", "flv", "m2ts", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "mts", "ogv", "ts", "vob", "webm", "wmv")
)

# Containers state their start in whole microseconds, so no clock of ours is finer than that: a frame is
# shown at time t if it starts at most this long after t.
CLOCK_TOLERANCE_S = 1e-6


# Of a packet whose frame is never shown.
NO_PTS = -(2**63)

_EQUAL_STEPS = 0.02  # times from frame to frame that differ by less are equal


@dataclass(frozen=True, slots=True, kw_only=True)
class Dark:
    """A span [start, end) of pts in which a film shows nothing. leap: its clock leaps over it; cut off: the file ends
    before what its own index or header promises; no file: a recording's clock goes on between two of its files.
    """

    start: int
    end: int
    why: Literal["leap", "cut off", "no file"]

    def __post_init__(self) -> None:
        if not self.start < self.end or self.why not in ("leap", "cut off", "no file"):
            raise ValueError(f"no span in which nothing is shown: {self}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FilmPart:
    """A file of a recording that several files hold, as it is by itself.

    start        when its own 0 is, seconds on the recording's clock
    first_frame  the recording's number of its first frame
    """

    video: "VideoInfo"
    start: Fraction
    first_frame: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VideoInfo:
    """A film as its container describes it; made by `vtn_stream.video.probe` only. Or a recording of several films as
    if it were one, made by `vtn_stream.recording.joined`: then what a container says is that of the first one.

    stamp       what the file system said of the file before it was probed: another stamp, another file
    identity    hex digest of the content: equal for copies and renamed files
    pts         int64 [N], ascending presentation timestamps of every frame, in units of time_base
    end_pts     where the last frame stops being shown
    keyframes   int64 [M], ascending pts of the frames where decoding can begin
    start       container's start in seconds: the zero of every time in this library
    rotation    degrees clockwise that a player turns the picture by: 0, 90, 180 or 270
    mirrored    whether a player swaps left and right before it turns the picture
    nominal_rate  frames per second that the container claims; never used as a clock
    hdr         "PQ" or "HLG" where the picture is coded for a brighter screen, by its first frame
    interlaced  whether the first frame was
    video_streams  indices of every video stream in the container; `stream` is the one described here
    num_untimed, num_hidden  packets without a timestamp, and those that an edit list or the codec does not show:
                neither is in pts
    temporal_layers  of H.264 (1) or HEVC video in which packets tell that nothing refers to their frame; 0: do not ask
    field_pictures  whether some frames of MPEG-2 video are coded as two fields
    num_encrypted  packets that are encrypted
    packet_pts   int64 [P], when the frame of each packet of the file is shown, in the file's order (NO_PTS: never);
                 None if that is what the file says, as of nearly every film
    restarts     ascending pts at which the file's own clock had stepped back: what follows was moved behind the rest
    num_spread   frames that shared their timestamp with another, and were given times in between
    num_merged   frames that are left out, since too many shared one timestamp
    dark         spans [start, end) of pts in which no frame is shown, ascending, and why
    is_cut       whether the file ends before its own index or header says
    is_followed  whether another film seems to follow in the file, which is not read
    num_promised  frames that the index of such a file names; 0 if that is not known
    created      when it was made, as its container says: whether that is its start or its end, and in which time zone,
                 differs between cameras
    sound        the kind of its first sound, as text to compare; None if it has none
    parts        the files of a recording, in order; none where the film is one file. Only these can be decoded: the
                 path of a recording is its name alone
    """

    path: Path
    identity: str
    stream: int
    codec: str
    width: int
    height: int
    time_base: Fraction
    start: Fraction
    pts: NDArray[np.int64]
    end_pts: int
    keyframes: NDArray[np.int64]
    rotation: int = 0
    mirrored: bool = False
    sample_aspect_ratio: Fraction = Fraction(1)
    nominal_rate: Fraction | None = None
    start_timecode: str | None = None
    hdr: str | None = None
    interlaced: bool = False
    video_streams: tuple[int, ...] = ()
    num_untimed: int = 0
    num_hidden: int = 0
    temporal_layers: int = 0
    field_pictures: bool = False
    num_encrypted: int = 0
    packet_pts: NDArray[np.int64] | None = None
    restarts: tuple[int, ...] = ()
    num_spread: int = 0
    num_merged: int = 0
    dark: tuple[Dark, ...] = ()
    is_cut: bool = False
    is_followed: bool = False
    num_promised: int = 0
    created: str | None = None
    sound: str | None = None
    stamp: tuple[int, ...] = ()
    parts: tuple[FilmPart, ...] = ()

    def __post_init__(self) -> None:
        if self.pts.ndim != 1 or self.pts.dtype != np.int64 or len(self.pts) == 0:
            raise ValueError("pts must be int64 [N] with N >= 1")
        if np.any(np.diff(self.pts) <= 0) or self.end_pts <= self.pts[-1]:
            raise ValueError("pts must ascend and end_pts follow them")
        if self.time_base <= 0 or self.sample_aspect_ratio <= 0:
            raise ValueError(f"not positive: time_base {self.time_base} or aspect {self.sample_aspect_ratio}")
        if self.rotation not in (0, 90, 180, 270):
            raise ValueError(f"rotation must be 0, 90, 180 or 270, got {self.rotation}")
        spans = [bound for span in self.dark for bound in (span.start, span.end)]
        if any(np.diff(spans) < 0) or (spans and (spans[0] <= self.pts[0] or spans[-1] > self.end_pts)):
            raise ValueError("spans in which nothing is shown must ascend, after the first frame and before the end")

    def facts(self) -> dict[str, Any]:
        """Everything but path, stamp, pts, keyframes, packet_pts and parts, as JSON values."""
        return {
            "identity": self.identity,
            "stream": self.stream,
            "codec": self.codec,
            "width": self.width,
            "height": self.height,
            "time_base": str(self.time_base),
            "start": str(self.start),
            "end_pts": self.end_pts,
            "rotation": self.rotation,
            "mirrored": self.mirrored,
            "sample_aspect_ratio": str(self.sample_aspect_ratio),
            "nominal_rate": None if self.nominal_rate is None else str(self.nominal_rate),
            "start_timecode": self.start_timecode,
            "hdr": self.hdr,
            "interlaced": self.interlaced,
            "video_streams": list(self.video_streams),
            "num_untimed": self.num_untimed,
            "num_hidden": self.num_hidden,
            "temporal_layers": self.temporal_layers,
            "field_pictures": self.field_pictures,
            "num_encrypted": self.num_encrypted,
            "restarts": list(self.restarts),
            "num_spread": self.num_spread,
            "num_merged": self.num_merged,
            "dark": [[span.start, span.end, span.why] for span in self.dark],
            "is_cut": self.is_cut,
            "is_followed": self.is_followed,
            "num_promised": self.num_promised,
            "created": self.created,
            "sound": self.sound,
        }

    @classmethod
    def from_facts(
        cls,
        path: Path,
        stamp: tuple[int, ...],
        facts: dict[str, Any],
        pts: NDArray[np.int64],
        keyframes: NDArray[np.int64],
        packet_pts: NDArray[np.int64] | None = None,
    ) -> Self:
        """The inverse of `facts`. KeyError, TypeError, ValueError or ZeroDivisionError for anything else."""
        rate, timecode, hdr = facts["nominal_rate"], facts["start_timecode"], facts["hdr"]
        created, sound = facts["created"], facts["sound"]
        return cls(
            path=path,
            stamp=stamp,
            pts=pts,
            keyframes=keyframes,
            packet_pts=packet_pts,
            identity=str(facts["identity"]),
            stream=int(facts["stream"]),
            codec=str(facts["codec"]),
            width=int(facts["width"]),
            height=int(facts["height"]),
            time_base=Fraction(facts["time_base"]),
            start=Fraction(facts["start"]),
            end_pts=int(facts["end_pts"]),
            rotation=int(facts["rotation"]),
            mirrored=bool(facts["mirrored"]),
            sample_aspect_ratio=Fraction(facts["sample_aspect_ratio"]),
            nominal_rate=None if rate is None else Fraction(rate),
            start_timecode=None if timecode is None else str(timecode),
            hdr=None if hdr is None else str(hdr),
            interlaced=bool(facts["interlaced"]),
            video_streams=tuple(int(index) for index in facts["video_streams"]),
            num_untimed=int(facts["num_untimed"]),
            num_hidden=int(facts["num_hidden"]),
            temporal_layers=int(facts["temporal_layers"]),
            field_pictures=bool(facts["field_pictures"]),
            num_encrypted=int(facts["num_encrypted"]),
            restarts=tuple(int(pts) for pts in facts["restarts"]),
            num_spread=int(facts["num_spread"]),
            num_merged=int(facts["num_merged"]),
            dark=tuple(Dark(start=int(start), end=int(end), why=why) for start, end, why in facts["dark"]),
            is_cut=bool(facts["is_cut"]),
            is_followed=bool(facts["is_followed"]),
            num_promised=int(facts["num_promised"]),
            created=None if created is None else str(created),
            sound=None if sound is None else str(sound),
        )

    @property
    def num_frames(self) -> int:
        """N: frames that are shown; hidden and untimed packets are not among them."""
        return len(self.pts)

    @property
    def identities(self) -> tuple[str, ...]:
        """Its own; of a recording those of its files too."""
        return (self.identity, *(part.video.identity for part in self.parts))

    @property
    def upright_size(self) -> tuple[int, int]:
        """(width, height) of the picture as players turn it, in the file's own pixels."""
        return (self.height, self.width) if self.rotation in (90, 270) else (self.width, self.height)

    @property
    def times_s(self) -> NDArray[np.float64]:
        """[N] seconds at which each frame appears. THE conversion of timestamps to seconds."""
        return self.times_of(slice(None))

    def times_of(self, frames: slice | NDArray[np.int64]) -> NDArray[np.float64]:
        """`times_s` of these frames. It takes no longer in a long film."""
        first = int(self.pts[0])
        return np.asarray((self.pts[frames] - first) * float(self.time_base) + self.seconds(first), np.float64)

    def time_of(self, frame: int) -> float:
        """`times_s` of one frame."""
        return float(self.times_of(np.array([frame]))[0])

    @property
    def duration_s(self) -> float:
        """Seconds from the container's start until the last frame stops being shown."""
        return self.seconds(self.end_pts)

    @property
    def variable_rate(self) -> bool:
        """Whether frames are shown for unequal times, beyond the rounding of the time base."""
        if self.parts:
            means_s = [part.video._step_s for part in self.parts if part.video.num_frames > 1]
            unequal = bool(means_s) and max(means_s) > (1 + _EQUAL_STEPS) * min(means_s)
            return unequal or any(part.video.variable_rate for part in self.parts)
        leaps = [int(np.searchsorted(self.pts, span.start)) - 1 for span in self.dark if span.why == "leap"]
        steps = np.delete(np.diff(self.pts), leaps)
        return bool(len(steps)) and int(steps.max() - steps.min()) > max(1, round(_EQUAL_STEPS * float(steps.mean())))

    @property
    def _step_s(self) -> float:
        """The median time from one frame to the next."""
        return float(np.median(np.diff(self.pts))) * float(self.time_base)

    def seconds(self, pts: int) -> float:
        """Where a timestamp stands on the film's clock."""
        exact = pts * self.time_base - self.start
        return 0.0 if abs(exact) < CLOCK_TOLERANCE_S else float(exact)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrameIndex:
    """The clock that travels with a sequence of T grid positions.

    grid_s  float64 [T], when each position stands, seconds
    frame   int64 [T], which frame of the file is shown then; -1 where none is
    pts_s   float64 [T], when that frame appeared, seconds; NaN if there is none
    valid   bool [T], whether the position has a frame (in a plan) or got its frame decoded (in a track)
    cut_s   float64 [T], where a cut lies between the frame of the position before and this one's: when the first frame
            after it appears, seconds; or where the film begins or stops showing frames; NaN elsewhere. None: no cut was
            placed
    """

    grid_s: NDArray[np.float64]
    frame: NDArray[np.int64]
    pts_s: NDArray[np.float64]
    valid: NDArray[np.bool_]
    cut_s: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        shapes = {self.grid_s.shape, self.frame.shape, self.pts_s.shape, self.valid.shape}
        shapes |= set() if self.cut_s is None else {self.cut_s.shape}
        if shapes != {(len(self),)}:
            raise ValueError("grid_s, frame, pts_s, valid and cut_s must share one shape [T]")

    def __len__(self) -> int:
        return len(self.grid_s)

    def __getitem__(self, positions: slice) -> "FrameIndex":
        return FrameIndex(
            grid_s=self.grid_s[positions],
            frame=self.frame[positions],
            pts_s=self.pts_s[positions],
            valid=self.valid[positions],
            cut_s=None if self.cut_s is None else self.cut_s[positions],
        )

    @classmethod
    def joined(cls, pieces: "Sequence[FrameIndex]") -> Self:
        """One after the other; none with placed cuts."""
        return cls(
            grid_s=np.concatenate([np.zeros(0), *(piece.grid_s for piece in pieces)]),
            frame=np.concatenate([np.zeros(0, np.int64), *(piece.frame for piece in pieces)]),
            pts_s=np.concatenate([np.zeros(0), *(piece.pts_s for piece in pieces)]),
            valid=np.concatenate([np.zeros(0, np.bool_), *(piece.valid for piece in pieces)]),
        )


def file_stamp(path: Path) -> tuple[int, ...]:
    """A stamp that changes when a file is replaced or written to. Raises OSError."""
    status = path.stat()
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def is_film_name(name: str) -> bool:
    """Whether a file, by its name or path, has a film's suffix."""
    return PurePosixPath(name).suffix[1:].lower() in FILM_SUFFIXES


def without_suffix(name: str) -> str:
    """A name or path without its film's suffix; x.com stays x.com."""
    return name.removesuffix(PurePosixPath(name).suffix) if is_film_name(name) else name


def one_form(name: str) -> str:
    """The name with accented letters written in one way: macOS gives file names in another way than people type."""
    return unicodedata.normalize("NFC", name)


def as_stored(path: Path) -> Path:
    """The path as the disk spells it, where that differs in the form of Unicode alone; else the path itself."""
    if os.path.exists(path) or str(path).isascii() or path.parent == path:
        return path
    folder = as_stored(path.parent)
    try:
        same = [name for name in os.listdir(folder) if one_form(name) == one_form(path.name)]
    except (OSError, ValueError):
        return path
    return folder / same[0] if len(same) == 1 else path


def bare_name(path: str) -> str:
    """A film's name without folders (split at / and \\) and without its suffix, in one form of Unicode."""
    return one_form(without_suffix(PurePosixPath(path.replace("\\", "/")).name))


def with_or_without_v(name: str) -> str:
    """The other name of a film whose data set calls it abc here and v_abc there, as ActivityNet's files do."""
    return name[2:] if name.startswith("v_") else f"v_{name}"


def shareable_name(name: str) -> str:
    """A file name as results carry it: text in UTF-8, and a plain name on every system and in a URL."""
    name = re.sub("[\0\ud800-\udc7f\udd00-\udfff]", "\ufffd", name)  # no file here has it, a stranger's timeline may
    name = os.fsencode(name).decode("utf-8", "replace")
    return re.sub(r"\\|:$", "_", name)
