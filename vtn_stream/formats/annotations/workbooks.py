"""Excel workbooks of annotations: the sheet that holds them, as the text of a table, which is read on as any other."""

from pathlib import Path

from vtn_stream.errors import AnnotationError
from vtn_stream.formats.annotations import epic, frame_columns, segments_csv
from vtn_stream.formats.annotations.findings import Findings
from vtn_stream.formats.annotations.text import as_text, read_bytes
from vtn_stream.formats.annotations.words import At
from vtn_stream.formats.sheets import is_spreadsheet, table_of

__all__ = ["content_of", "holds_segments", "text_of"]


def text_of(findings: Findings, path: Path) -> str:
    """The text of a file, or of the table in a workbook. Raises AnnotationError."""
    return as_text(content_of(findings, read_bytes(path), path.name), path.name)


def content_of(findings: Findings, data: bytes, name: str) -> bytes:
    """The same in UTF-8, of a file's bytes; those of any other file as they are."""
    if not is_spreadsheet(data):
        return data
    table = table_of(data, name, holds_segments, error=AnnotationError)
    for note in table.notes:
        findings.warn(At(), note)
    return table.text.encode()


def holds_segments(text: str) -> bool:
    """Whether a sheet is one of segments, or of frames with a column for each label, by its first rows."""
    return any(format.claims(text) for format in (epic, frame_columns, segments_csv))
