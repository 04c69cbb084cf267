"""Clips out of films: a file for each segment of a timeline, or for all of a label; a page that lists them.

names, pieces, plan  which files, with which frames; pure
films                where the film lies, and whether it is the one
cut                  the work itself, and cut.json (manifest), so that it goes on where it was stopped
page, contact_sheet  what shows the clips
"""

from vtn_stream.cutting.cut import Cut, cut
from vtn_stream.cutting.plan import How

__all__ = ["Cut", "How", "cut"]
