"""A film that comes in pieces, for what says something of it while it comes."""

from dataclasses import dataclass
from types import SimpleNamespace

from vtn_stream.following.live import Rows


@dataclass
class Heard:
    """final: in the order in which they were told; early: those before the end; said: (positions there, Said)."""

    final: list
    early: list
    said: list


def follow(live, values, index, duration_s, cuts=()):
    """All that is said of the film, if its positions come up to each of the cuts."""
    heard, start = Heard([], [], []), 0
    for stop in [*sorted({cut for cut in cuts if 0 < cut < len(values)}), len(values)]:
        live.add(Rows(start=start, values=values[start:stop], index=index[start:stop]))
        said = live.say(_film(float(index.grid_s[stop - 1]) + 1e-3), ended=False)
        heard.final += said.final
        heard.early += said.final
        heard.said.append((stop, said))
        start = stop
    said = live.say(_film(duration_s), ended=True)
    assert not said.provisional
    heard.final += said.final
    heard.said.append((len(values), said))
    return heard


def _film(duration_s):
    return SimpleNamespace(video=SimpleNamespace(duration_s=duration_s))


def in_order(segments):
    return sorted(segments, key=lambda s: (s.start_s, s.end_s, s.label, s.score))


def check_delays(heard, live, index):
    """Every early one was told as soon as it had to be, and none that ends before `until_s` came later."""
    for (_, before), (_, said) in zip(heard.said, heard.said[1:], strict=False):
        assert before.until_s <= said.until_s
        assert all(segment.end_s >= before.until_s for segment in said.final)
    for stop, said in heard.said[:-1]:
        told = {id(segment) for num, so_far in heard.said if num <= stop for segment in so_far.final}
        there_s = index.grid_s[stop - 1]
        late = [s for s in heard.final if id(s) not in told and s.end_s + live.delay_s <= there_s]
        assert not late, (there_s, late, said.until_s)
