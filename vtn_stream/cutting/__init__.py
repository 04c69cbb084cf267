"""Clips out of films: a file for each segment of a timeline, or for all of a label; a page that lists them.

names, pieces, plan  which files, with which frames; pure
films                where the film lies, and whether it is the one
cut, writing         the work itself
manifest             cut.json: what is finished, so that a cut goes on where it was stopped
page, contact_sheet  what shows the clips
"""

from vtn_stream.cutting.cut import cut
from vtn_stream.cutting.writing import Cut

__all__ = ["Cut", "cut"]
