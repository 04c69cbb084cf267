"""follow(feed) -> events, and the timeline at the end: the table of contents of this room.

bytes -> packets (`GrowingFilm`) -> positions that are settled -> embeddings, piece by piece, in the store (`pieces`)
      -> what a model, or the film's own structure, says (`live`) -> final segments, timelines (`telling`)
      -> at the end, the chunks become those of the finished film (`linking`)
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from fractions import Fraction
from typing import TYPE_CHECKING

from vtn_stream.analysis import Analyzer
from vtn_stream.draft import Analysis
from vtn_stream.errors import DecodingLost, VideoError
from vtn_stream.film import VideoInfo
from vtn_stream.following.begun import Begun, begin, finish
from vtn_stream.following.events import Ended, FollowEvent, Restarted, Told, Waiting, Warned
from vtn_stream.following.feed import Feed, NewStretch, Nothing, Piece
from vtn_stream.following.keys import running_identity
from vtn_stream.following.load import Pace
from vtn_stream.following.looks import Looks
from vtn_stream.following.pieces import STEP_S
from vtn_stream.following.stretches import Stretch
from vtn_stream.settings import Settings

if TYPE_CHECKING:
    from vtn_stream.video import GrowingFilm

__all__ = ["follow", "nothing_told"]

# A film of which more than this lies there unread is caught up with chunk by chunk: the chunks may be in the store.
CATCH_UP_S = 30.0
# Packets that wait for a chunk to be complete. Where a minute of film has more, smaller pieces are embedded.
MAX_QUEUED_BYTES = 128 << 20
# Where the store had the embeddings, nothing was decoded: so many seconds of packets are held for those who look at the
# frames between sampled ones.
PACKETS_S = Fraction(15)
MARK_EVERY_S = 1200.0  # `cache gc` keeps what was used within an hour
REPLAYED_S = 2.0  # what a pipe carries once more comes fast: so long is waited for a chunk that may be in the store
MAX_LOST_IN_A_ROW = 3  # a film on which decoding dies for so many pieces one after the other is given up


def nothing_told(begins: str, settings_key: str, /) -> Told:
    """That there was no earlier run."""
    return Told()


def follow(
    feed: Feed,
    settings: Settings = Settings(),
    *,
    name: str | None = None,
    told: Callable[[str, str], Told] = nothing_told,
    on_event: Callable[[FollowEvent], None] | None = None,
    analyzer: Analyzer | None = None,
) -> Analysis:
    """Draws the timeline of a film while it is written, until its source ends.

        with open_feed("recording.mkv", until_idle_s=60) as feed:
            timeline = follow(feed, Settings(model="mine"), on_event=print).timeline

    name      what results call the film, by default as its source is called
    told      gives what an earlier run told as final; it is asked once, when the film has begun, with names for what
              the film begins with and for the settings, 32 hex digits each
    on_event  gets what is known as it becomes known: `Final` segments never change. What it raises ends the run, which
              can be repeated: what is in the store is not computed again
    analyzer  whose networks and store are used; it has the same settings

    A source that breaks off after the film has begun is an `Ended` with "failed"; the timeline is not `complete` then.
    Raises VideoError for what is no film, and InputError, BackboneError, CheckpointError, StoreError.
    """
    with ExitStack() as stack:
        if analyzer is None:
            analyzer = stack.enter_context(Analyzer(settings))
        following = _Following(feed, Looks(settings, analyzer), name, told, on_event or (lambda event: None))
        stack.callback(following.close)
        return following.run()


class _Following:
    """One film on its way, from its first byte to its timeline."""

    def __init__(
        self,
        feed: Feed,
        looks: Looks,
        name: str | None,
        told: Callable[[str, str], Told],
        tell: Callable[[FollowEvent], None],
    ) -> None:
        self._feed, self._looks, self._name, self._told, self._tell = feed, looks, name, told, tell
        self._pace = Pace()
        self._first = self._open()
        self._num_read = 0  # bytes of the first stretch, before it has begun
        self._has_all = self._is_new = False  # all bytes that lie there were given; what comes now came after that
        self._waits = -1, 0.0  # for the chunk at this position, since then
        self._begun: Begun | None = None
        self._num_new = 0  # stretches that began after the first one
        self._num_to_pass = 0  # of these, where reading begins again
        self._lost_at, self._num_lost = -1, 0
        self._no_more = False  # bytes
        self._marked_s = time.monotonic()

    def close(self) -> None:
        self._first.close()
        if self._begun is not None:
            self._begun.stretches.close()

    def run(self) -> Analysis:
        try:
            self._read()
        except VideoError as error:
            if self._begun is None:
                raise
            self._warn(f"{error.fact}: {error.consequence}; {error.cure}")
            with suppress(VideoError):  # what came before is looked at to its end
                self._end_stretch()
            analysis = self._begun.telling.failed()
            self._tell(Ended(why="failed", timeline=analysis.timeline))
            return analysis
        assert self._begun is not None
        analysis = finish(self._begun, self._looks, self._warn)
        self._tell(Ended(why="idle" if self._feed.ended == "idle" else "end", timeline=analysis.timeline))
        return analysis

    def _warn(self, line: str) -> None:
        self._tell(Warned(message=line))

    @property
    def _film(self) -> "GrowingFilm":
        return self._first if self._begun is None else self._begun.stretches.last.film

    def _open(self) -> "GrowingFilm":
        from vtn_stream.video import GrowingFilm

        return GrowingFilm(self._name or self._feed.name, stream=self._looks.stream, keep_s=float(self._looks.back_s))

    # -- bytes

    def _read(self) -> None:
        """All bytes of the feed. Raises VideoError where the film cannot be read on."""
        pieces = self._feed.pieces()
        while True:
            try:
                for piece in pieces:
                    self._take(piece)
                self._no_more = True
                self._end_stretch()
                return
            except DecodingLost as error:
                pieces = self._go_on_after(error, pieces)

    def _take(self, piece: Piece) -> None:
        if isinstance(piece, Nothing):
            self._has_all = True
            self._tell(Waiting(waited_s=piece.waited_s, begun=self._begun is not None))
            self._tell_load()
        elif isinstance(piece, NewStretch):
            if self._num_to_pass:
                self._num_to_pass -= 1
                return
            if self._film.video is not None:
                self._end_stretch()
            self._num_new += 1
            self._begin_stretch(piece.why)
        elif not self._num_to_pass:
            if self._begun is None:
                self._num_read += len(piece)
            else:
                self._begun.stretches.last.num_read += len(piece)
            self._is_new = self._is_new or self._has_all
            self._film.feed(piece)
            self._advance(ended=False)
            self._has_all = self._feed.backlog_bytes == 0

    def _begin_stretch(self, why: str) -> None:
        if self._begun is None:  # nothing was shown yet
            self._first.close()
            self._first, self._num_read = self._open(), 0
            return
        begun = self._begun
        at_s = begun.stretches.video.duration_s
        begun.stretches.begin(Stretch(self._open(), begun.pieces()))
        begun.telling.restarted()
        self._tell(Restarted(at_s=at_s, why=why))

    def _end_stretch(self) -> None:
        """No more bytes of this stretch come."""
        self._film.end()
        if self._begun is None:
            self._begin(ended=True)
        assert self._begun is not None
        last = self._begun.stretches.last
        last.ended = True
        if self._no_more and self._feed.path is not None and len(self._begun.stretches) == 1:
            last.compare(self._feed.path, self._warn)
        self._advance(ended=True)
        if last.video is not None:
            last.pieces.close(last.video, self._begun.tools.encoder.execution(last.film.decoder))
            last.pieces.write(last.video, last.film.digest_at)

    def _go_on_after(self, error: DecodingLost, pieces: Iterator[Piece]) -> Iterator[Piece]:
        """Another decoding process goes on where one was lost: from the beginning, where the source can be read again;
        else with the bytes that come next. Where it is lost twice in one place, that place is a gap.
        """
        if self._begun is None or (self._no_more and not self._feed.replays):
            raise error
        last, replays = self._begun.stretches.last, self._feed.replays
        at = last.first + last.pieces.next
        is_again, self._lost_at = at == self._lost_at, at
        if is_again or not replays:
            self._num_lost += 1
            if self._num_lost >= MAX_LOST_IN_A_ROW or not self._lose(last, one_step=replays):
                raise VideoError(error.fact, "the rest of the film is not read", error.cure) from error
        last.film.close()
        if replays:
            self._warn(f"{error.fact}: the film is read from its beginning once more, to this place")
            last.film, last.is_dead, last.is_kept, last.ended, last.num_read = self._open(), False, False, False, 0
            self._num_to_pass, self._no_more = self._num_new, False
            return self._feed.pieces()
        self._begin_stretch(f"{error.fact}, and what it held is a gap")
        return pieces

    def _lose(self, last: Stretch, *, one_step: bool) -> bool:
        """Gives up what can be given up: the next step, or all that is known of a stretch. False: there is nothing."""
        assert self._begun is not None
        video, pieces = last.video, last.pieces
        if video is None:
            return not one_step
        until = self._begun.tools.sampling.num_positions(video)
        if one_step:
            until = next((stop for _, stop in pieces.steps(pieces.next, until)), pieces.next)
        lost_any = pieces.next < until
        while pieces.next < until:
            lost = pieces.lose(video, min(until, pieces.full_stop))
            self._begun.telling.add(lost, 1)
        return lost_any or not one_step

    # -- positions

    def _begin(self, *, ended: bool) -> bool:
        """Fixes what is fixed with the first seconds, once they are known. Whether they are."""
        film = self._first
        digest = film.digest_at(STEP_S)
        if digest is None and not ended:
            return False
        if (video := film.video) is None or digest is None:
            if not ended:
                return False
            raise VideoError(f"{self._feed.name} shows no frame", "it has no timeline", "check that it is a film")
        self._begun = begin(
            film,
            video,
            running_identity(digest, video),
            self._looks,
            self._pace,
            name=self._name or self._feed.name,
            told=self._told,
            tell=self._tell,
        )
        self._begun.stretches.last.num_read = self._num_read
        return True

    def _advance(self, *, ended: bool) -> None:
        """Embeds, says and tells all that can be by now. It is called for every piece of the feed, of which there may
        be many in a second: nothing is done then that takes longer the longer the film is.
        """
        if self._begun is None and not self._begin(ended=ended):
            return
        assert self._begun is not None
        begun, last = self._begun, self._begun.stretches.last
        while (stop := self._next_stop(last, ended=ended)) is not None and (video := last.video) is not None:
            last.keep(begun.live.window)
            self._tell_restarts(last, video)
            self._embed(last, video, stop, ended=ended)
            last.pieces.write(video, last.film.digest_at)
            self._num_lost = 0
            self._drop(last, video)
        # Read once more after a decoding process was lost: what was embedded by then is not decoded again.
        if last.film.num_queued_bytes >= MAX_QUEUED_BYTES and (known := last.video) is not None:
            self._drop(last, known)
        if time.monotonic() - self._marked_s > MARK_EVERY_S:
            self._marked_s = time.monotonic()
            for stretch in begun.stretches.all:
                stretch.pieces.mark_used()
        self._tell_load()

    def _drop(self, last: Stretch, video: VideoInfo) -> None:
        """Lets go of packets of which no frame can be asked for any more."""
        assert self._begun is not None
        held_s = Fraction(0) if self._begun.live.window is None else PACKETS_S
        last.film.drop(last.pieces.oldest_needed(video, max(self._looks.back_s, held_s)))

    def _next_stop(self, last: Stretch, *, ended: bool) -> int | None:
        """Up to which position can be embedded now; None: more of the film must come first."""
        assert self._begun is not None
        pieces, is_known = last.pieces, last.is_known
        if ended:
            video = last.video
            stop = 0 if video is None else pieces.chunk_stop(video)
            return stop if stop > pieces.next else None
        if is_known(pieces.full_stop):
            return pieces.full_stop
        if pieces.is_at_start and last.film.num_queued_bytes < MAX_QUEUED_BYTES:
            unread_s = self._feed.backlog_bytes * self._pace.s_per_byte
            if unread_s > CATCH_UP_S or self._comes_again(last):
                return None  # until the chunk is complete
        stop = pieces.next
        for _, border in pieces.steps(pieces.next, pieces.full_stop):
            if not is_known(border):
                break
            stop = border
        return stop if stop > pieces.next else None

    def _comes_again(self, last: Stretch) -> bool:
        """Whether the chunk that is next may be in the store, and its bytes are read once more. What is new is not
        waited for: what it shows would be final too late.
        """
        assert self._begun is not None
        if not self._begun.may_be_stored:
            return False
        if self._feed.replays:
            return not self._is_new
        now, at = time.monotonic(), last.first + last.pieces.next
        if self._waits[0] != at:
            self._waits = at, now
        return now - self._waits[1] < REPLAYED_S

    def _embed(self, last: Stretch, video: VideoInfo, stop: int, *, ended: bool) -> None:
        assert self._begun is not None
        pieces, embedded, every = last.pieces, None, 1
        if pieces.is_at_start and stop == (pieces.chunk_stop(video) if ended else pieces.full_stop):
            digest = last.film.digest_at(pieces.settled_at(stop - 1))
            embedded = None if digest is None else pieces.stored(video, stop, digest, self._warn)
        if embedded is None:
            every = self._pace.every
            if last.first + pieces.next == self._lost_at:  # with less at once, less may be lost
                _, stop = next(pieces.steps(pieces.next, stop))
            embedded = pieces.embed(last.film, video, stop, every=every, on_batch=self._tell_load)
        self._begun.telling.add(embedded, every)
        if last.is_dead:
            raise DecodingLost(f"the process decoding {video.path.name} died", "some frames are missing", "run again")

    def _tell_restarts(self, last: Stretch, video: VideoInfo) -> None:
        assert self._begun is not None
        for pts in video.restarts[last.num_restarts :]:
            at_s = self._begun.stretches.first_s + video.seconds(pts)
            self._begun.telling.restarted()
            self._tell(Restarted(at_s=at_s, why="the film's clock begins again"))
        last.num_restarts = max(last.num_restarts, len(video.restarts))

    def _tell_load(self) -> None:
        if self._begun is not None:
            self._begun.telling.tell_load(self._feed.backlog_bytes)
