"""What was joined, and what was not, in lines for people."""

from collections.abc import Sequence
from pathlib import PurePath

from vtn_stream.joining.deciding import Apart, JoinedFiles
from vtn_stream.joining.linking import length, listed_files

__all__ = ["told", "told_apart"]


def told(recording: JoinedFiles) -> list[str]:
    """A short block: the recording and its files, then why."""
    files = listed_files([PurePath(path).name for path in recording.paths])
    why = "; ".join(recording.reasons)
    return [f"{recording.name} = {files}, {length(recording.duration_s)}", f"  {why}"]


def told_apart(apart: Sequence[Apart]) -> list[str]:
    """A line for each reason why films that follow one another by their names are not joined."""
    runs: list[Apart] = []
    for one in apart:
        for i, run in enumerate(runs):
            if run.why == one.why and run.files[-1] == one.files[0]:
                runs[i] = Apart(files=(*run.files, *one.files[1:]), why=one.why)
                break
            if run.why == one.why and one.files[-1] == run.files[0]:
                runs[i] = Apart(files=(*one.files, *run.files[1:]), why=one.why)
                break
        else:
            runs.append(one)
    return [f"not joined: {listed_files([*run.files])}: {run.why}" for run in runs]
