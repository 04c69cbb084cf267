"""Recognizes a file that is not a film, or an encrypted one, by its first bytes, so that the error can say what to do.

Microsoft's ASF specification, 3.14 and 3.15 (Content Encryption Objects); RFC 9559, 5.1.4.1.31 (ContentEncryption).
"""

__all__ = ["first_bytes", "is_encrypted", "kind_of", "not_a_film", "says_encrypted"]

_SOUND, _PICTURE = "give a file with video", "give a film"
_NAMES = "give the film itself: names in a text file are not opened"
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
    (b"BM", "a picture: BMP", _PICTURE),
    (b"II*\0", "a picture: TIFF", _PICTURE),
    (b"MM\0*", "a picture: TIFF", _PICTURE),
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
_EBML = b"\x1a\x45\xdf\xa3"
_CONTENT_ENCODINGS, _CONTENT_ENCRYPTION = b"\x6d\x80", b"\x50\x35"
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_ENCRYPTION = (bytes.fromhex("fbb3112223bdd211b4b700a0c955fc6e"), bytes.fromhex("14e68a292226174cb935dae07ee9289c"))


def not_a_film(path: str) -> tuple[str, str] | None:
    """What kind of file it is and what to do about it, if that is known."""
    if is_encrypted(path):
        return "an encrypted film", "decrypt it first"
    return kind_of(first_bytes(path))


def kind_of(head: bytes) -> tuple[str, str] | None:
    """What begins so, where it is no film, and what to do about it; None if it may be a film."""
    head = head.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")  # of texts
    if b"urn:mpeg:dash:schema" in head:
        return "a list of segments", _NAMES
    for start, kind, cure in _KINDS:
        begin = head[: len(start)] if not start.startswith(b"<") else head[: len(start)].lower()
        if len(begin) == len(start) and all(a in (b, ord("?")) for a, b in zip(start, begin, strict=True)):
            return kind, cure
    return None


def is_encrypted(path: str) -> bool:
    """Whether the first bytes of a file say that what follows is encrypted."""
    return says_encrypted(first_bytes(path))


def says_encrypted(head: bytes) -> bool:
    """Whether what begins so is encrypted."""
    if head.startswith(_ASF):
        header = head[: int.from_bytes(head[16:24], "little")]
        return any(object_id in header for object_id in _ASF_ENCRYPTION)
    if head.startswith(_EBML):
        encodings = head.find(_CONTENT_ENCODINGS)
        return encodings >= 0 and _CONTENT_ENCRYPTION in head[encodings : encodings + 64]
    return head[4:8] in (b"ftyp", b"styp", b"moov") and (b"encv" in head or b"pssh" in head)


def first_bytes(path: str) -> bytes:
    """Enough of a file to know its kind; none where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(_HEAD_BYTES)
    except OSError:
        return b""
