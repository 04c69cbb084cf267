"""A finished analysis on disk: its files, its page, and the pages over a whole folder of them.

options    what a person asks of them
files      FILM.timeline.json and what lies beside it; never over another film's
pages      one film as an HTML page
overview   a folder of timelines: a page for each, and index.html over all of them
"""

from vtn_stream.results.files import (
    FORMAT_NAMES,
    ResultFiles,
    check_results_folder,
    load_timeline,
    stem_of,
    suffix_of,
    write_file,
)
from vtn_stream.results.options import ResultOptions

__all__ = [
    "FORMAT_NAMES",
    "ResultFiles",
    "ResultOptions",
    "check_results_folder",
    "load_timeline",
    "stem_of",
    "suffix_of",
    "write_file",
]
