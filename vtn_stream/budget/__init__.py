"""Time budgets: how often things happen in films and how long they last, per film, label, group and time bin.

reading    what is in the files
films      the films that are counted: each film once, and of which time it is known what happens
groups     the table that says which film is in which group
figures    the figures of one label in one film
grouped    means over the films of a group
budgets    the tables of films and groups
bins       labels in one stretch of time after the other
time_bins  the tables of these
sequences  which label follows which, and the table of it
notices    what people should know of the figures
rows       the tables that all of this becomes
unnamed    the same of anonymous films
tables     these tables as CSV, JSON and workbooks
stats      all of it together: the table of contents
"""

from vtn_stream.budget.rows import BinRow, FilmRow, GroupBinRow, GroupRow, TransitionRow
from vtn_stream.budget.stats import Stats, stats

__all__ = ["BinRow", "FilmRow", "GroupBinRow", "GroupRow", "Stats", "TransitionRow", "stats"]
