"""A finished analysis on disk: its files, its page, and the pages over a whole folder of them.

options    what a person asks of them
timelines  how timelines are read
names      what a film's results are called, and where they are
hand_work  what people changed of them, and how it is kept
writing    how results are written, and what is said of hand work
fates      what becomes of the files that are there
files      FILM.timeline.json and what lies beside it; never over another film's, and never over hand work
follow_file  FILM.follow.jsonl: what was told as final while a film was written
growing    all of that while a film is written
pages      one film as an HTML page
overview   a folder of timelines: a page for each, and index.html over all of them
"""

from vtn_stream.results.files import ResultFiles
from vtn_stream.results.format_names import FORMAT_NAMES, check_written, suffix_of, suffixes
from vtn_stream.results.hand_work import is_hand_work
from vtn_stream.results.options import ResultOptions
from vtn_stream.results.timelines import load_timeline, stem_of
from vtn_stream.results.writing import check_results_folder, write_file

__all__ = [
    "FORMAT_NAMES",
    "ResultFiles",
    "ResultOptions",
    "check_results_folder",
    "check_written",
    "is_hand_work",
    "load_timeline",
    "stem_of",
    "suffix_of",
    "suffixes",
    "write_file",
]
