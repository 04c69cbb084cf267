"""Timeline files, one module a format. Knows the timeline only."""

from vtn_stream.formats import timeline_csv, timeline_json
from vtn_stream.timeline import Timeline

__all__ = ["WRITERS", "read_timeline"]

# format name (and file suffix) -> what its bytes are
WRITERS = {"json": timeline_json.dumps, "csv": timeline_csv.dumps}


def read_timeline(data: bytes) -> Timeline:
    """The timeline in a JSON file of ours. Raises TimelineError."""
    return timeline_json.loads(data)
