"""Timelines into other formats, and files of other formats into timelines. Of films it reads clocks alone.

export     FILM.timeline.json, of which something may be selected -> any format, beside it or elsewhere
convert    any format that can be read -> any that can be written
"""

from vtn_stream.exchange.convert import convert
from vtn_stream.exchange.export import check_labels, export, export_together, selected
from vtn_stream.exchange.output import Exported, Pages, holding_many
from vtn_stream.exchange.per_file import file_stems

__all__ = [
    "Exported",
    "Pages",
    "check_labels",
    "convert",
    "export",
    "export_together",
    "file_stems",
    "holding_many",
    "selected",
]
