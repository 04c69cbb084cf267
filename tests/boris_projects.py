"""BORIS projects, as BORIS lays them out, in small."""

import json


def behaviors(**kinds):
    """behaviors(walk="State", call="Point")"""
    return {
        str(i): {"type": f"{kind} event", "key": code[0], "code": code, "modifiers": {}, "excluded": ""}
        for i, (code, kind) in enumerate(kinds.items())
    }


def observation(*events, films=(("hen.mp4", 60.0),), **fields):
    """An observation of these films (path, length), by events (time, subject, code, modifier, comment)."""
    known = {
        "file": {"1": [path for path, _ in films], "2": []},
        "type": "MEDIA",
        "time offset": 0.0,
        "events": [[*filled(event), "NA"] for event in events],
        "observation time interval": [0, 0],
        "media_info": {
            "length": {path: length for path, length in films if length is not None},
            "fps": {path: 25.0 for path, _ in films},
            "offset": {"1": 0.0},
        },
    }
    return known | fields


def filled(event):
    """(time, code) or (time, subject, code, modifier, comment), as a row."""
    return [event[0], "", event[1], "", ""] if len(event) == 2 else [*event, *["", ""][len(event) - 3 :]]


def project(ethogram=None, *, version="7.0", **observations):
    return {
        "project_format_version": version,
        "subjects_conf": {},
        "behaviors_conf": behaviors(walk="State", call="Point") if ethogram is None else ethogram,
        "observations": {name.replace("_", " "): entry for name, entry in observations.items()},
        "behavioral_categories": [],
        "independent_variables": {},
    }


def text(*args, **fields):
    return json.dumps(project(*args, **fields))
