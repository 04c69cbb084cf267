"""Files of marks, with anything in the place of anything: they are read, or refused in one line."""

import contextlib

import pytest
from editor_timelines import segment, written
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.errors import TimelineError
from vtn_stream.formats import avid, avid_markers, llc, losslesscut, premiere, scenes
from vtn_stream.formats.reading import ReadingOptions, encoding_of

MODULES = [avid, avid_markers, llc, losslesscut, premiere, scenes]
WRITTEN = {
    m: written(m, segment(0, 2, "a", colour="RED"), segment(3, 3, "b, c"), segment(4, 9.5, '"d"'))[0] for m in MODULES
}
PIECES = [
    "",
    "\t",
    "\n",
    ",",
    ";",
    '"',
    "'",
    ":",
    "00:00:70:00",
    "25:00:00:00",
    "-1",
    "1e999",
    "nan",
    "9" * 30,
    "{",
    "]",
    "\0",
]


@pytest.mark.parametrize("module", MODULES)
@given(st.data())
def test_an_edited_file_is_read_or_refused(module, data):
    encoding = encoding_of(WRITTEN[module])
    text = WRITTEN[module].decode(encoding)
    at = data.draw(st.integers(0, len(text)))
    gone = data.draw(st.integers(0, 12))
    text = text[:at] + data.draw(st.sampled_from(PIECES) | st.text(max_size=3)) + text[at + gone :]
    content = text.encode(encoding, "surrogatepass")
    module.claims(text, ".txt")
    with contextlib.suppress(TimelineError):
        (timeline,) = module.read(content, "a.txt", ReadingOptions()).timelines
        assert all(s.start_s <= s.end_s for s in timeline.segments)


@pytest.mark.parametrize("module", MODULES)
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(module, data):
    with contextlib.suppress(TimelineError):
        module.read(data, "a.txt", ReadingOptions())


@pytest.mark.parametrize("module", MODULES)
def test_equal_timelines_give_equal_bytes_and_warnings(module):
    marked = [segment(0, 2, "a"), segment(-5, -4, "b\n\0\ud800"), segment(1e300, 1e308, "=1")]
    first, again = (written(module, *marked, duration_s=1e308) for _ in range(2))
    assert first == again
    assert b"\0" not in first[0].decode(encoding_of(first[0])).encode()
