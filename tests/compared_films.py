"""What is compared of films, to see which are one recording, without any films."""

from fractions import Fraction

from vtn_stream.joining import Traits

__all__ = ["HOUR", "NOON", "film"]

HOUR = 3600.0
NOON = 1_767_268_800.0  # of a day in 2026


def film(lasts=600.0, identity=None, **fields):
    film.number += 1
    known = {
        "identity": identity or f"{film.number:032x}",
        "duration": Fraction(lasts).limit_denominator(1000),
        "codec": "h264",
        "size": "1920 x 1080",
        "rate": "25",
        "sound": "aac 48000 Hz, 2",
        "rotation": 0,
        "start_s": 0.0,
        "timecode_s": None,
        "created_s": None,
        "num_bytes": 10**9,
    }
    return Traits(**(known | fields))


film.number = 0
