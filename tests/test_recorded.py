"""When a film was recorded, as its container says: text of strangers, believed only where it is a day and a time."""

import pytest
from counting import write_film

from vtn_stream.video import probe


@pytest.fixture
def said(tmp_path):
    """said(suffix, created): what a probe finds of a film whose container says this."""

    def write(suffix, created, codec="libx264"):
        path = tmp_path / f"film{suffix}"
        write_film(path, 5, codec=codec, audio_s=0.2, metadata={"creation_time": created, "date": created})
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
