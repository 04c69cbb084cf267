"""A film while it is written: its timeline in the making, and which of its segments will never change.

feed      its bytes: of a growing file, a pipe, or the parts of a playlist
follow    the loop: bytes -> packets -> embeddings in the store -> final segments -> timeline
stretches a film whose recorder began again, as one film
pieces    its embeddings, piece by piece, and its chunks in the store
live      what a model, or a film's own structure, says of positions that have come, and what of that is final
telling   what is told of that, and when; load: whether the machine keeps up
linking   at the end, the chunks become those of the finished film
events    what a run tells while it goes on
"""

from vtn_stream.following.events import Told
from vtn_stream.following.follow import follow
from vtn_stream.following.open_feed import open_feed

__all__ = ["Told", "follow", "open_feed"]
