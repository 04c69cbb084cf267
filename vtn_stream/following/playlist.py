"""Media playlists of HLS (RFC 8216): the text, and the parts that it lists. Pure; standard library only.

A playlist is a stranger's text: what it names is checked here by its spelling, and again where it is opened.
"""

import re
from dataclasses import dataclass, replace

from vtn_stream.errors import VideoError

__all__ = ["MAX_BYTES", "Part", "Place", "Playlist", "read_playlist"]

MAX_BYTES = 32 << 20  # a day of one-second segments with long names has 17 MB
_MAX_LINES = 1_000_000
_MAX_LINE = 4096  # characters: a path has no more
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^",]*)(?:,|$)')
_RANGE = re.compile(r"(\d{1,18})(?:@(\d{1,18}))?")
_NUMBER = re.compile(r"\d{1,18}")
_MASTER = ("#EXT-X-STREAM-INF", "#EXT-X-I-FRAME-STREAM-INF", "#EXT-X-MEDIA")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Bytes [start, stop) of the file that a playlist calls `uri`; stop None: to its end. line: where it says so."""

    uri: str
    start: int = 0
    stop: int | None = None
    line: int = 0

    @property
    def key(self) -> tuple[str, int, int | None]:
        return self.uri, self.start, self.stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A segment of the film.

    number   its media sequence number: the same as long as it is listed
    header   what a decoder must read before it, if that does not stand in each part (EXT-X-MAP)
    begins   whether what was before does not go on in it (EXT-X-DISCONTINUITY)
    is_lost  whether the recorder says that it is not there (EXT-X-GAP)
    """

    number: int
    place: Place
    header: Place | None = None
    begins: bool = False
    is_lost: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Playlist:
    """The parts that are listed, in order. is_whole: it will list no more (EXT-X-ENDLIST)."""

    parts: tuple[Part, ...]
    is_whole: bool


def read_playlist(data: bytes, name: str, *, is_at_rest: bool = True) -> Playlist:
    """The media playlist with this content. is_at_rest: whether its last line is written, where no line break ends it.

    Raises VideoError if it is no media playlist, or lists what must not be opened: addresses, paths that lead outside
    of its folder, encrypted parts.
    """
    if len(data) > MAX_BYTES or data.count(b"\n") >= _MAX_LINES:
        raise VideoError(
            f"{name} has more than {MAX_BYTES >> 20} MiB or {_MAX_LINES:,} lines",
            "it was not followed",
            "let the recorder list fewer segments",
        )
    if not is_at_rest:
        data = data[: data.rfind(b"\n") + 1]
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _refused(
            name, data.count(b"\n", 0, error.start) + 1, "is not text in UTF-8", "give a playlist"
        ) from error
    reading = _Reading(name)
    for number, line in enumerate(text.split("\n") if text else (), 1):
        if len(line) > _MAX_LINE:
            raise _refused(name, number, f"has more than {_MAX_LINE} characters", "give a playlist")
        reading.add(number, line.strip(" \t\r"))
    return Playlist(parts=tuple(reading.parts), is_whole=reading.is_whole)


class _Reading:
    """What the lines so far say."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.parts: list[Part] = []
        self.is_whole = False
        self._next = 0  # the number of the next part
        self._part = Part(number=0, place=Place(uri=""))  # what is known of it
        self._range: tuple[int, int | None] | None = None  # length, start

    def add(self, number: int, line: str) -> None:
        if number == 1:
            if line != "#EXTM3U":
                raise _refused(self._name, 1, "is not #EXTM3U", "give a playlist of HLS, or the film itself")
        elif line and not line.startswith("#"):
            self._take(number, line)
        elif line.startswith("#EXT-X-"):
            self._tag(number, *line.partition(":")[::2])

    def _take(self, number: int, uri: str) -> None:
        place = self._place(number, uri, self._range)
        self.parts.append(replace(self._part, number=self._next, place=place))
        self._next += 1
        self._part = Part(number=0, place=place, header=self._part.header)
        self._range = None

    def _tag(self, number: int, tag: str, value: str) -> None:
        match tag:
            case "#EXT-X-MEDIA-SEQUENCE":
                if not _NUMBER.fullmatch(value) or self.parts:
                    raise _refused(self._name, number, "has no number of the first segment", "check the recorder")
                self._next = int(value)
            case "#EXT-X-DISCONTINUITY":
                self._part = replace(self._part, begins=True)
            case "#EXT-X-GAP":
                self._part = replace(self._part, is_lost=True)
            case "#EXT-X-BYTERANGE":
                self._range = self._read_range(number, value)
            case "#EXT-X-MAP":
                given = _attributes(value)
                span = self._read_range(number, given["BYTERANGE"]) if "BYTERANGE" in given else None
                if span is not None and span[1] is None:
                    span = span[0], 0
                self._part = replace(self._part, header=self._place(number, given.get("URI", ""), span))
            case "#EXT-X-ENDLIST":
                self.is_whole = True
            case "#EXT-X-KEY" | "#EXT-X-SESSION-KEY":
                if _attributes(value).get("METHOD") != "NONE":
                    raise _refused(self._name, number, "says that the segments are encrypted", "decrypt them first")
            case "#EXT-X-I-FRAMES-ONLY":
                raise _refused(self._name, number, "says that only keyframes are listed", "give the film's playlist")
            case "#EXT-X-SKIP" | "#EXT-X-DEFINE":
                raise _refused(self._name, number, f"has {tag}, which is not read", "let the recorder write it out")
            case _ if tag in _MASTER:
                raise _refused(
                    self._name, number, "names other playlists", "give one of those: that of the size you want"
                )
            case _:  # what players need, and what comes with later versions
                pass

    def _read_range(self, number: int, value: str) -> tuple[int, int | None]:
        if (found := _RANGE.fullmatch(value)) is None or not int(found[1]):
            raise _refused(self._name, number, "has no range of bytes", "check the recorder")
        return int(found[1]), None if found[2] is None else int(found[2])

    def _place(self, number: int, uri: str, span: tuple[int, int | None] | None) -> Place:
        self._check(number, uri)
        if span is None:
            return Place(uri=uri, line=number)
        length, start = span
        if start is None:  # it follows the part before
            before = self.parts[-1].place if self.parts else None
            if before is None or before.uri != uri or before.stop is None:
                raise _refused(self._name, number, "has a range of bytes without a start", "check the recorder")
            start = before.stop
        return Place(uri=uri, start=start, stop=start + length, line=number)

    def _check(self, number: int, uri: str) -> None:
        if not uri or not uri.isprintable():
            raise _refused(self._name, number, "has no name of a file", "check the recorder")
        if _ADDRESS.match(uri):
            raise _refused(
                self._name,
                number,
                f"names an address ({_shortened(uri)})",
                "addresses are not opened: give a playlist that names files in its folder",
            )
        if ".." in re.split(r"[/\\]", uri):
            raise outside(self._name, number, uri)


def outside(name: str, line: int, uri: str) -> VideoError:
    """The error for a part that is not in the playlist's folder."""
    return _refused(
        name, line, f"names a file outside of its folder ({_shortened(uri)})", "give a playlist above all of its files"
    )


def _refused(name: str, line: int, what: str, cure: str) -> VideoError:
    return VideoError(f"{name}: line {line} {what}", "it was not followed", cure)


def _shortened(uri: str) -> str:
    return uri if len(uri) <= 80 else f"{uri[:80]}..."


def _attributes(value: str) -> dict[str, str]:
    return {found[1]: found[2].strip('"') for found in _ATTRIBUTE.finditer(value)}
