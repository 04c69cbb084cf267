"""A film that has begun, and its end: what is fixed with the first frames, and what is made of all of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vtn_stream.draft import Analysis, check_usable
from vtn_stream.film import VideoInfo
from vtn_stream.film_notices import warnings
from vtn_stream.following.events import FollowEvent, Told
from vtn_stream.following.linking import Linked, link, whole_track
from vtn_stream.following.live import Live
from vtn_stream.following.load import Pace
from vtn_stream.following.looks import Looks
from vtn_stream.following.pieces import Pieces, Tools
from vtn_stream.following.so_far import SoFar
from vtn_stream.following.stretches import Stretch, Stretches
from vtn_stream.following.telling import Telling
from vtn_stream.plan import plan_of
from vtn_stream.store.followed import read_followed

if TYPE_CHECKING:
    from vtn_stream.video import GrowingFilm

__all__ = ["Begun", "begin", "finish"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Begun:
    """What is fixed with the first frames. begins: a name for them; linked: as of `Pieces`."""

    begins: str
    tools: Tools
    live: Live
    linked: Mapping[str, str]
    stretches: Stretches
    telling: Telling

    def pieces(self) -> Pieces:
        """Of a new stretch."""
        return Pieces(self.tools, self.begins, self.linked)

    @property
    def may_be_stored(self) -> bool:
        """Whether an earlier run may have stored the chunk that is next: it had all before, and more than these.
        Another film that only begins in the same way does not have them.
        """
        of = [stretch.pieces for stretch in self.stretches.all]
        return not any(pieces.has_new for pieces in of) and sum(len(pieces.kept) for pieces in of) < len(self.linked)


def begin(
    film: "GrowingFilm",
    video: VideoInfo,
    begins: str,
    looks: Looks,
    pace: Pace,
    *,
    name: str,
    told: Callable[[str, str], Told],
    tell: Callable[[FollowEvent], None],
) -> Begun:
    """Asks what an earlier run told, and tells that the film has begun."""
    cutout = looks.cutout(video)
    tools, live = looks.tools(cutout), looks.live(video, cutout.region)
    earlier = told(begins, looks.key(cutout.region))
    linked = read_followed(tools.store.root, begins)
    stretches = Stretches(name, tools.sampling)
    stretches.begin(Stretch(film, Pieces(tools, begins, linked)))
    telling = Telling(live, looks.outline(cutout), stretches, pace, begins=begins, told=earlier, name=name, tell=tell)
    return Begun(begins=begins, tools=tools, live=live, linked=linked, stretches=stretches, telling=telling)


def finish(begun: Begun, looks: Looks, warn: Callable[[str], None]) -> Analysis:
    """All that was seen becomes final, the chunks become the finished film's, and the timeline is drawn."""
    begun.telling.end()
    video, tools, notes = begun.stretches.video, begun.tools, list[str]()
    linked = Linked(num=0, total=0)
    if len(begun.stretches) == 1:
        video, linked = _linked(begun, warn)

    def read_whole(live: Live, so_far: SoFar) -> None:
        if linked.is_whole:
            with whole_track(tools, video) as values:
                if values is not None:
                    live.read_whole(values, so_far.index, scratch=tools.store.scratch)

    if linked.total and not linked.is_whole:
        notes.append(
            f"The store has {linked.num} of {linked.total} parts of the film: a later analysis embeds the others."
        )
    analysis = begun.telling.finished(video, read_whole=read_whole, role=looks.role(video), notes=notes, warn=warn)
    for line in warnings(video):
        warn(line)
    check_usable(plan_of(video, tools.sampling, 0.0, video.duration_s), analysis)
    return analysis


def _linked(begun: Begun, warn: Callable[[str], None]) -> tuple[VideoInfo, Linked]:
    """The film as it is finished, and how much of it the store has."""
    last, video = begun.stretches.last, begun.stretches.video
    followed = last.film_video
    assert followed is not None
    finished, same_until_s = last.finished, last.same_until_s
    if finished is None and (identity := last.film.finished_identity()) is not None:
        finished, same_until_s = replace(video, identity=identity), float("inf")
    if finished is None:
        return video, Linked(num=0, total=0)
    linked = link(
        begun.tools, last.pieces.kept, finished, same_until_s, so_far=followed, begins=begun.begins, warn=warn
    )
    return (finished if same_until_s == float("inf") else video), linked
