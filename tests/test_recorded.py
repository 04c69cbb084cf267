"""When a film was recorded, as its container says: text of strangers, believed only where it is a day and a time."""

import av
import pytest
from counting import write_film

from vtn_stream.video import probe


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """said(suffix, created): what a probe finds of a film whose container says this."""
    folder = tmp_path_factory.mktemp("recorded")
    write_film(folder / "plain.mp4", 5, audio_s=0.2)

    def write(suffix, created):
        path = folder / f"film{suffix}"
        with av.open(str(folder / "plain.mp4")) as source, av.open(str(path), "w") as out:
            out.metadata["creation_time"] = out.metadata["date"] = created
            streams = [out.add_stream_from_template(stream) for stream in source.streams]
            for packet in source.demux():
                if packet.dts is not None:
                    packet.stream = streams[packet.stream.index]
                    out.mux(packet)
        return probe(path)

    return write


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_the_time_comes_as_it_was_written(said, suffix):
    assert said(suffix, "2026-01-01T10:00:00Z").created == "2026-01-01T10:00:00.000000Z"


def test_a_container_without_a_time_has_none(said):
    assert said(".ts", "2026-01-01T10:00:00Z").created is None


@pytest.mark.parametrize("text", ["2026", "yesterday", "2026-01-01", "2026-01-01T10:00:00Z" * 9, "<b>2026-01-01</b>"])
def test_anything_else_is_not_a_time(said, text):
    assert said(".flv", text).created is None


def test_the_time_and_the_sound_are_no_part_of_the_identity(said):
    first, second = said(".mp4", "2026-01-01T10:00:00Z"), said(".mp4", "2026-02-01T10:00:00Z")
    assert (first.identity, first.created) != (second.identity, second.created)
    assert first.identity == second.identity
    assert first.sound == "aac 16000 Hz, 1"
