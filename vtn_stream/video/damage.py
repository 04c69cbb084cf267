"""Which frames of a damaged film can be trusted.

Not those that the decoder complained of, nor those predicted from them, up to the next keyframe: a decoder fills in
what is missing from earlier pictures, and goes on from there.
"""

from collections import deque
from dataclasses import dataclass

__all__ = ["DamageLog"]

# Decoders hold fewer packets than this, so what came earlier has been looked at.
_MEMORY_PACKETS = 1024


@dataclass(frozen=True, slots=True)
class _Sent:
    order: int  # of decoding
    pts: int | None
    is_keyframe: bool
    is_disposable: bool


@dataclass(slots=True)
class _Stretch:
    """Frames not to trust: from packet `first` on, up to the packet of the next keyframe, shown at `end_pts`."""

    first: int
    end: int | None = None
    end_pts: int = 0


class DamageLog:
    """Is given every packet that the decoder gets, in that order, and the decoder's complaints."""

    def __init__(self, max_delay: int) -> None:
        """max_delay: how many packets later a complaint can come (a decoder's frame threads)."""
        self._max_delay = max_delay
        self.restart()

    def restart(self) -> None:
        """Decoding begins anew elsewhere, at the next packet, which is a keyframe."""
        self._recent: deque[_Sent] = deque(maxlen=_MEMORY_PACKETS)
        self._order: dict[int, int] = {}  # by pts
        self._count = 0
        self._entry_pts: int | None = None
        self._alone: set[int] = set()
        self._stretches: list[_Stretch] = []

    def sent(self, pts: int | None, *, is_keyframe: bool, is_disposable: bool) -> None:
        """is_disposable: nothing is predicted from this one."""
        if len(self._recent) == _MEMORY_PACKETS:
            self._forget(self._recent[0])
        self._recent.append(_Sent(self._count, pts, is_keyframe, is_disposable))
        if pts is not None:
            self._order[pts] = self._count
            if is_keyframe:
                self._entry_pts = pts if self._entry_pts is None else self._entry_pts
                for stretch in self._stretches:
                    if stretch.end is None:
                        stretch.end, stretch.end_pts = self._count, pts
        self._count += 1

    def failed(self) -> None:
        """The decoder refused the packet sent last, or one that its threads held."""
        for packet in list(self._recent)[-1 - self._max_delay :]:
            self._mark(packet)

    def corrupt(self, pts: int | None) -> None:
        """The decoder says that this frame is not what was encoded."""
        order = None if pts is None else self._order.get(pts)
        if order is not None:
            self._mark(self._recent[order - self._recent[0].order])

    def incomplete(self, pts: int | None) -> None:
        """The container says that bytes of this frame are missing. It says so of a whole one where two streams were
        joined, so those predicted from it are judged by the decoder."""
        if pts is not None:
            self._alone.add(pts)

    def is_sound(self, pts: int) -> bool:
        """Whether the frame with this timestamp can be trusted."""
        if not self._stretches and not self._alone:
            return True
        order = self._order.get(pts, -1)
        return pts not in self._alone and not any(
            order >= s.first and (s.end is None or order < s.end or pts < s.end_pts) for s in self._stretches
        )

    def _mark(self, packet: _Sent) -> None:
        if packet.pts is not None:
            self._alone.add(packet.pts)
            if self._entry_pts is not None and packet.pts < self._entry_pts:
                return  # shown before the keyframe at which decoding began: nothing after that is predicted from it
        if packet.is_disposable:
            return
        end = next((p for p in self._recent if p.is_keyframe and p.pts is not None and p.order > packet.order), None)
        if end is None:
            if not any(s.end is None for s in self._stretches):
                self._stretches.append(_Stretch(packet.order))
        else:
            assert end.pts is not None
            self._stretches.append(_Stretch(packet.order, end.order, end.pts))

    def _forget(self, oldest: _Sent) -> None:
        if oldest.pts is not None and self._order.get(oldest.pts) == oldest.order:
            del self._order[oldest.pts]
            self._alone.discard(oldest.pts)
        if self._stretches:
            self._stretches = [s for s in self._stretches if s.end is None or s.end >= oldest.order]
