"""A film while it is written: its timeline in the making, and which of its segments will never change.

feed      its bytes: of a growing file, a pipe, or the parts of a playlist
live      what a model, or a film's own structure, says of positions that have come, and what of that is final
follow    the loop: bytes -> packets -> embeddings in the store -> final segments -> timeline
events    what a run tells while it goes on
"""
