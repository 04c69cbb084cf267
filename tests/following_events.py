"""Events of a film that is followed, made up, and a clock that a test moves."""

from vtn_stream.following.events import Begun, Final, LeftOut, Load, Provisional, Restarted, Waiting, Warned
from vtn_stream.timeline import Gap, Segment, Timeline

WALK = Segment(start_s=0, end_s=4, label="walk", score=0.5, attributes={"who": "hen 1"}, origin="model")
RUN = Segment(start_s=4, end_s=10, label="r\u2028n\x1b[2J", origin="model")


class Clock:
    """Stands still until it is moved."""

    now_s = 100.0

    def __call__(self):
        return self.now_s


def timeline(*segments, complete=False, identity="beef", length_s=12.0, **more):
    return Timeline(
        video_identity=identity,
        video_path="a.ts",
        duration_s=length_s,
        span_s=(0, length_s),
        segments=segments,
        complete=complete,
        **more,
    )


def provisional(*segments):
    return Provisional(timeline=timeline(*segments), segments=segments)


def load(written_s=100.0, final_s=70.0, backlog_s=0.0, speed=4.0):
    return Load(written_s=written_s, done_s=written_s - backlog_s, final_s=final_s, backlog_s=backlog_s, speed=speed)


def left_out(start_s, every=2):
    gap = Gap(start_s=start_s, end_s=start_s + 5, reason="left out: this machine was too slow")
    return LeftOut(gap=gap, every=every)


BEGUN = Begun(delay_s=25.0, is_exact=True, resumed_s=0.0)
ONE_OF_EACH = (
    Waiting(waited_s=6.0, begun=False),
    BEGUN,
    provisional(WALK, RUN),
    Final(segments=(WALK,), until_s=5.0),
    load(),
    left_out(5.0),
    Restarted(at_s=10.0, why="the recorder began again"),
    Warned(message="it is late"),
)
