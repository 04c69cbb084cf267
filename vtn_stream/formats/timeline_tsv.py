"""Timelines as TSV: the table of `timeline_csv` with tabs between the cells.

Resolution, losses and escapes are its own; cells with tabs, line breaks or quotes stand in RFC 4180 quotes.
"""

from collections.abc import Sequence

from vtn_stream.formats.reading import ReadingOptions, ReadResult
from vtn_stream.formats.timeline_csv import claims_table, read_table, write_table
from vtn_stream.formats.writing import Options, Written
from vtn_stream.timeline import Timeline

__all__ = ["claims", "read", "write"]


def write(timelines: Sequence[Timeline], options: Options) -> Written:
    return write_table(timelines, options, delimiter="\t")


def claims(head: str, suffix: str) -> bool:
    return claims_table(head, delimiters="\t")


def read(data: bytes, name: str, options: ReadingOptions) -> ReadResult:
    return read_table(data, name, options, delimiters="\t", format="TSV")
