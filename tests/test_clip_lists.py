"""Lists of clips to learn from: which films, their classes and subsets, and every mistake at once."""

import pytest

from vtn_stream.training.clip_lists import read_clip_lists


@pytest.fixture
def films(tmp_path):
    root = tmp_path / "films"
    for name in ("run/1.mp4", "run/2.mp4", "sit/3.mp4", "sit/4.mp4", "sit/down/5.mp4"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


@pytest.fixture
def read(films):
    """read(list, validation=..., names=...): the clips of such files."""

    def read_(text, **options):
        given = {"list": text} | {key: options.pop(key) for key in ("validation", "names") if key in options}
        paths = {key: films.parent / f"{key}.txt" for key in given}
        for key, path in paths.items():
            path.write_bytes(given[key] if isinstance(given[key], bytes) else given[key].encode())
        return read_clip_lists(paths.pop("list"), films, **paths, **options)

    return read_


def drawn(lists):
    """(file, label, t or v) of each clip."""
    root = lists.clips.root
    return [(c.path.relative_to(root).as_posix(), lists.labels[c.label], c.subset[0]) for c in lists.clips]


TWO = "run/1.mp4 run\nsit/3.mp4 sit\n"


def test_clips_have_a_file_a_class_and_a_subset(read, films):
    lists = read(TWO, validation="sit/4.mp4 sit\n")
    assert lists.labels == ("run", "sit")
    assert list(lists.clips) == [
        (films / "run/1.mp4", 0, "training"),
        (films / "sit/3.mp4", 1, "training"),
        (films / "sit/4.mp4", 1, "validation"),
    ]
    assert [clip.label for clip in lists.clips.of("validation")] == [1]
    assert lists.clips[-1] == lists.clips[1:][1]
    assert lists.notes == ()
