"""What files tell: every byte, and what they pack, is searched for words that nobody may read there."""

import io
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path


def leaks(folder: Path, words: Iterable[str]) -> list[tuple[str, str]]:
    """(file, word) for each file below the folder that tells a word, in its name or in what it holds."""
    found = []
    files = sorted(path for path in folder.rglob("*"))
    assert files, "there is nothing that could tell anything"
    for path in files:
        texts = [str(path.relative_to(folder)).encode(), *(_unpacked(path.read_bytes()) if path.is_file() else ())]
        for word in words:
            ways = {word.encode().lower(), word.lower().encode("utf-16-le"), word.lower().encode("utf-16-be")}
            if any(way in text.lower() for way in ways for text in texts):
                found.append((str(path.relative_to(folder)), word))
    return found


def _unpacked(content: bytes) -> Iterator[bytes]:
    yield content
    if content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                yield name.encode()
                yield from _unpacked(archive.read(name))
    elif content[:4] == b"PAR1":
        import pyarrow.parquet

        table = pyarrow.parquet.read_table(io.BytesIO(content))
        yield repr((table.schema.metadata, table.to_pylist())).encode()
    elif content[:6] == b"ARROW1":
        import pyarrow.ipc

        table = pyarrow.ipc.open_file(io.BytesIO(content)).read_all()
        yield repr((table.schema.metadata, table.to_pydict())).encode()
