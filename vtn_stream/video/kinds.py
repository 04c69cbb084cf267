"""Recognizes a file that is not a film by its first bytes, so that the error can say what to do."""

__all__ = ["not_a_film"]

_SOUND, _PICTURE = "give a file with video", "give a film"
_NAMES = "name the film itself: names in a text are not followed"
_PACKED = "unpack it first"

# First bytes (? any), what it is, the cure.
_KINDS: tuple[tuple[bytes, str, str], ...] = (
    (b"ID3", "sound: MP3", _SOUND),
    (b"\xff\xfb", "sound: MP3", _SOUND),
    (b"\xff\xf3", "sound: MP3", _SOUND),
    (b"\xff\xf2", "sound: MP3", _SOUND),
    (b"\xff\xf1", "sound: AAC", _SOUND),
    (b"\xff\xf9", "sound: AAC", _SOUND),
    (b"RIFF????WAVE", "sound: WAV", _SOUND),
    (b"RF64????WAVE", "sound: WAV", _SOUND),
    (b"fLaC", "sound: FLAC", _SOUND),
    (b"FORM????AIF", "sound: AIFF", _SOUND),
    (b"#!AMR", "sound: AMR", _SOUND),
    (b"\x89PNG", "a picture: PNG", _PICTURE),
    (b"\xff\xd8\xff", "a picture: JPEG", _PICTURE),
    (b"RIFF????WEBP", "a picture: WebP", _PICTURE),
    (b"%PDF", "a document: PDF", _PICTURE),
    (b"PK\x03\x04", "an archive: ZIP", _PACKED),
    (b"\x1f\x8b", "an archive: gzip", _PACKED),
    (b"7z\xbc\xaf", "an archive: 7z", _PACKED),
    (b"Rar!", "an archive: RAR", _PACKED),
    (b"#EXTM3U", "a playlist", _NAMES),
    (b"ffconcat", "a list of films", _NAMES),
    (b"v=0", "the address of a broadcast", "record it first"),
    (b"<!doctype", "a web page", "download the film itself"),
    (b"<html", "a web page", "download the film itself"),
)
_HEAD_BYTES = 256 * 1024  # the first boxes of an encrypted film


def not_a_film(path: str) -> tuple[str, str] | None:
    """What kind of file it is and what to do about it, if that is known."""
    try:
        with open(path, "rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return None
    head = head.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")  # of texts
    if head[4:8] in (b"ftyp", b"styp", b"moov") and (b"encv" in head or b"pssh" in head):
        return "an encrypted film", "decrypt it first"
    if b"urn:mpeg:dash:schema" in head:
        return "a list of segments", _NAMES
    for start, kind, cure in _KINDS:
        begin = head[: len(start)] if not start.startswith(b"<") else head[: len(start)].lower()
        if len(begin) == len(start) and all(a in (b, ord("?")) for a, b in zip(start, begin, strict=True)):
            return kind, cure
    return None
