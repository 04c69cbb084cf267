"""A decoding process that a film has taken over: ours, but it says what LIE names in place of what it should say.

It has not entered the sandbox. Run by test_distrust only.
"""

import os
import sys
import time

import numpy as np

from vtn_stream.video import child, sandbox
from vtn_stream.video.wire import pack


def raw(header_bytes: int, payload_bytes: int, rest: bytes = b"") -> bytes:
    return header_bytes.to_bytes(4, "little") + payload_bytes.to_bytes(8, "little") + rest


def text(header: bytes) -> bytes:
    return raw(len(header), 0, header)


def facts(**changed):
    return lambda header, payload: pack({"info": header["info"] | changed}, payload)


def batch(**changed):
    return lambda header, payload: pack(header | changed, payload)


def without(name):
    return lambda header, payload: pack(
        {"info": {key: value for key, value in header["info"].items() if key != name}}, payload
    )


def clock(*pts):
    return lambda header, payload: pack(
        {"info": header["info"] | {"lengths": [len(pts), 0]}}, np.array(pts, np.int64).tobytes()
    )


# Said in place of what answers a probe: from its header and payload to what goes into the pipe.
IN_A_PROBE = {
    "noise": lambda header, payload: np.random.default_rng(0).bytes(100_000),
    "zeros": lambda header, payload: bytes(1000),
    "a header of 4 GB": lambda header, payload: raw(2**32 - 1, 0, b"{" * 100_000),
    "a payload of 16 EB": lambda header, payload: raw(13, 2**64 - 1, b'{"info": {}} '),
    "a payload of a terabyte": lambda header, payload: raw(13, 2**40, b'{"info": {}} '),
    "a payload to a sign of life": lambda header, payload: pack({"alive": True}, b"x"),
    "no JSON": lambda header, payload: text(b"{info"),
    "no UTF-8": lambda header, payload: text(b'{"info": "\xff"}'),
    "a list": lambda header, payload: text(b"[1, 2]"),
    "a number of 10,000 digits": lambda header, payload: text(b'{"info": ' + b"9" * 10_000 + b"}"),
    "deep nesting": lambda header, payload: text(b'{"info": ' + b"[" * 30_000 + b"]" * 30_000 + b"}"),
    "an empty object": lambda header, payload: pack({}),
    "facts that are none": lambda header, payload: pack({"info": 7}),
    "an answer to another question": lambda header, payload: pack({"done": True}),
    "frames that nobody asked for": lambda header, payload: pack(
        {"slot": 0, "items": [0], "lost": [], "thumbnails": []}
    ),
    "an error of one part": lambda header, payload: pack({"error": ["no"]}),
    "an error that is no text": lambda header, payload: pack({"error": [1, 2, 3]}),
    "an error of 1 MB": lambda header, payload: pack({"error": ["no" * 500_000, "no", "no"]}),
    "a number that takes forever to compute": facts(time_base="1e999999999"),
    "a number without end": facts(time_base=float("inf")),
    "no number": facts(end_pts=float("nan")),
    "a name that leaves the store": facts(identity="../../../../tmp/elsewhere"),
    "a name of another length": facts(identity="ab"),
    "no width": facts(width=0),
    "a width beyond reason": facts(width=10**9),
    "a width that is a text": facts(width="160"),
    "a negative height": facts(height=-96),
    "a rotation between": facts(rotation=45),
    "a clock that stands still": facts(time_base="0"),
    "a clock that divides by zero": facts(time_base="1/0"),
    "a clock of years": facts(time_base="100000"),
    "a start after the end": facts(start="1000000"),
    "a timecode of 1,000 letters": facts(start_timecode="0" * 1000),
    "a day of 1,000 digits": facts(created="2" * 1000),
    "a sound that is a number": facts(sound=7),
    "a codec of 1,000 letters": facts(codec="h" * 1000),
    "a thousand streams": facts(video_streams=list(range(1000))),
    "a negative stream": facts(stream=-1),
    "keyframes that did not come": facts(lengths=[50, 10**6]),
    "fewer than no keyframes": facts(lengths=[53, -1]),
    "arrays of unknown meaning": facts(lengths=[13, 13, 13, 14]),
    "a place that is not a number": facts(restarts=["0"]),
    "a leap before the film": facts(dark=[[-5, -1, "leap"]]),
    "a leap without a reason": facts(dark=[[1, 2, "magic"]]),
    "a leap that is a number": facts(dark=[7]),
    "more frames left out than a film has": facts(num_merged=10**9),
    "no rate of a number": facts(nominal_rate="25 frames"),
    "a fact too few": without("width"),
    "half a timestamp": lambda header, payload: pack(header, payload + b"1234"),
    "no timestamps": lambda header, payload: pack({"info": header["info"] | {"lengths": [0, 0]}}),
    "timestamps that fall": clock(5, 4, 3),
    "timestamps that overflow": clock(-(2**63), 0, 2**63 - 1),
}

# Said in place of the first batch. The film has 100 frames.
IN_A_DECODE = {
    "a slot that is none": batch(slot=3),
    "a negative slot": batch(slot=-1),
    "a slot that is a text": batch(slot="0"),
    "a slot that is true": batch(slot=True),
    "a frame that was not asked": batch(items=[100]),
    "a frame before the first": batch(items=[-1]),
    "a frame in halves": batch(items=[0.5]),
    "a frame twice": batch(items=[1, 1]),
    "a frame that came and is lost": batch(items=[1], lost=[1]),
    "more frames than fit": batch(items=list(range(65))),
    "frames that are a number": batch(items=3),
    "no word of what is lost": lambda header, payload: pack({"slot": 0, "items": [], "thumbnails": []}),
    "a slot that is still read": lambda header, payload: (
        pack(header | {"items": [0], "thumbnails": []}) + pack(header | {"items": [1], "thumbnails": []})
    ),
    "a thumbnail of more bytes than came": batch(thumbnails=[[0, 0, 400_000]]),
    "a thumbnail of fewer than no bytes": batch(thumbnails=[[0, 0, -5]]),
    "a thumbnail of a frame of another batch": batch(thumbnails=[[99, 0, 10]]),
    "a thumbnail of a window that nobody asked for": batch(thumbnails=[[0, 1, 10]]),
    "a thumbnail of nothing": batch(thumbnails=[[]]),
    "bytes that are no JPEG": lambda header, payload: pack(header | {"thumbnails": [[0, 0, 4]]}, b"GIF8"),
    "bytes that belong to nothing": lambda header, payload: pack(header | {"thumbnails": []}, b"12345"),
    "the end before the frames": lambda header, payload: pack({"done": True}),
    "facts of a film": lambda header, payload: pack({"info": {}}),
}


def _silent(header, payload):
    os.close(1)
    os.close(answers_fd)
    time.sleep(60)


def _drip(header, payload):
    while True:
        os.write(answers_fd, b"\0")
        time.sleep(0.01)


def _lively(header, payload):
    while True:
        os.write(answers_fd, pack({"alive": True}))


def _die(header, payload):
    os._exit(0)


# It does not answer at all.
STALLS = {"silent": _silent, "drip": _drip, "lively": _lively, "gone": _die}
# It answers, and says more than it was asked; or more than a person can read.
EXCESS = {
    "twice": lambda header, payload: 2 * pack(header, payload),
    "at length": lambda header, payload: pack({"error": ["x\x1b[31m" * 1000, "y" * 9000, "z"]}),
}
LIES = IN_A_PROBE | IN_A_DECODE | STALLS | EXCESS
answers_fd = -1


def main() -> None:
    lie = LIES[os.environ["LIE"]]
    kind = "slot" if os.environ["LIE"] in IN_A_DECODE else "info"
    send = child._Child._send

    def lying(self, header, payload=b""):
        global answers_fd
        answers_fd = self._answers.fileno()
        if kind in header:
            self._answers.write(lie(header, payload))
            self._answers.flush()
        else:
            send(self, header, payload)

    child._Child._send = lying
    sandbox.enter = lambda memory_bytes: []
    child.main()


if __name__ == "__main__":
    sys.exit(main())
