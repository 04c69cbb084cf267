"""Films as pixels that a network learns from: what is seen of them, what the bank remembers, and what goes wrong."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from learning_films import FPS, INPUTS, LABELS, SIZE, lesson_of, settings_of

from vtn_stream.backbone import trainable
from vtn_stream.embedding import Warned
from vtn_stream.errors import TrainingError, VideoError
from vtn_stream.model import VTN, VTNConfig
from vtn_stream.training.augment import Look
from vtn_stream.training.crops import Crops
from vtn_stream.training.film_frames import FilmFrames, bank_of
from vtn_stream.training.film_shots import FilmShots, Stretch
from vtn_stream.training.objective import Objective
from vtn_stream.video import DecodingProcess

pytestmark = pytest.mark.usefixtures("warm_decoders")


@pytest.fixture(scope="module")
def lesson(tmp_path_factory, film_maker, tiny, tiny_weights):
    return lesson_of(tmp_path_factory.mktemp("learning"), film_maker, tiny, tiny_weights)


@pytest.fixture(scope="module")
def process():
    with DecodingProcess() as running:
        yield running


def frames_of(lesson, process, settings, **options):
    """(the films of the bank, their examples)"""
    bank = bank_of(lesson.films)
    crops = Crops(bank, LABELS, settings.crop_positions, settings.batch_size, hold=False)
    shots = FilmShots(bank, lesson.source, INPUTS)
    return bank, FilmFrames(bank, crops, shots, settings.backbone, process, **options)


def changed(bank, lesson):
    """The rows of each film that are not what they were, of each input."""
    width = bank[0].values.shape[1] // len(INPUTS)
    return [
        tuple((new.values != old.values)[:, n * width : (n + 1) * width].any(1) for n in range(len(INPUTS)))
        for new, old in zip(bank, lesson.films, strict=True)
    ]


def as_learnt(examples, batches):
    """Each example is learnt: its embeddings become 7 where its pixels are, and 9 elsewhere."""
    seen = []
    for example in batches:
        embeddings = torch.full_like(example.batch.embeddings, 9.0)
        for shot in example.pixels.shots:
            width = embeddings.shape[2] // len(INPUTS)
            embeddings[shot.crop, shot.positions, shot.input * width : (shot.input + 1) * width] = 7.0
            seen.append((example.places[shot.crop], shot.input, shot.positions.numpy()))
        examples.learnt(example, embeddings)
    return seen


def test_shown_whole_a_film_is_embedded_as_before(lesson, process, tiny, tiny_weights):
    """The decoder, the change pictures and the network are those of the stored embeddings."""
    shots = FilmShots(lesson.films, lesson.source, INPUTS)
    backbone = trainable(tiny, tiny_weights, recipe=lesson.source.encoder.recipe(FPS)).eval()
    film = lesson.films[1]
    width = film.values.shape[1] // len(INPUTS)
    for shot in shots.of(process, Stretch(film=1, crop=0, start=2, positions=np.arange(5))):
        with torch.no_grad():
            values = backbone(shot.look.shown(shot.frames, (SIZE, SIZE))).numpy()
        stored = film.values[2:7, shot.input * width : (shot.input + 1) * width].astype(np.float32)
        np.testing.assert_allclose(values, stored, rtol=0.02, atol=0.02)


def test_rows_of_the_bank_change_only_where_pixels_were(lesson, process):
    settings = settings_of(lesson, share=0.3, piece=2)
    bank, examples = frames_of(lesson, process, settings)
    seen = as_learnt(examples, list(examples.epoch(0, seed=0))[:1])
    expected = [tuple(np.zeros(len(film.values), np.bool_) for _ in INPUTS) for film in lesson.films]
    for place, of, positions in seen:
        assert len(positions) == 4  # two pieces of six
        assert (np.diff(positions) == 1).all()
        expected[place.film][of][place.start + positions] = True
    for ours, theirs, film in zip(changed(bank, lesson), expected, bank, strict=True):
        for of, rows in enumerate(theirs):
            assert (ours[of] == rows).all()
            width = film.values.shape[1] // len(INPUTS)
            assert (film.values[rows, of * width : (of + 1) * width] == 7).all()


def test_a_share_of_one_sees_all_of_every_crop(lesson, process):
    bank, examples = frames_of(lesson, process, settings_of(lesson))
    seen = as_learnt(examples, examples.epoch(0, seed=0))
    for place, _, positions in seen:
        assert (place.start + positions).tolist() == list(range(len(bank[place.film].values)))
    assert len(seen) >= len(bank) * len(INPUTS)
    assert not any(of.any() for film in changed(bank, lesson) for of in film)  # nothing is remembered
    assert examples.num_frames == sum(len(film.values) for film in lesson.films) * len(INPUTS)


def test_the_films_stay_as_they_were(lesson, process):
    before = [film.values.copy() for film in lesson.films]
    _, examples = frames_of(lesson, process, settings_of(lesson))
    as_learnt(examples, examples.epoch(0, seed=0))
    assert all((film.values == values).all() for film, values in zip(lesson.films, before, strict=True))


def test_an_epoch_that_begins_later_gives_the_same_examples(lesson, process):
    settings = settings_of(lesson, share=0.5, batch_size=1)
    whole = [list(frames_of(lesson, process, settings)[1].epoch(1, seed=3))]
    whole.append(list(frames_of(lesson, process, settings)[1].epoch(1, seed=3, first=2)))
    for one, other in zip(whole[0][2:], whole[1], strict=True):
        assert torch.equal(one.batch.embeddings, other.batch.embeddings)
        for ours, theirs in zip(one.pixels.shots, other.pixels.shots, strict=True):
            assert torch.equal(ours.frames, theirs.frames)
            assert torch.equal(ours.positions, theirs.positions)
            assert ours.look == theirs.look


def test_changes_are_shown_without_other_colours(lesson, process):
    settings = settings_of(lesson)
    jitter = replace(settings.backbone.augmentation, jitter=0.3, jitter_share=1.0)
    _, examples = frames_of(
        lesson, process, replace(settings, backbone=replace(settings.backbone, augmentation=jitter))
    )
    for shot in next(examples.epoch(0, seed=0)).pixels.shots:
        assert bool(shot.look.colours) == (shot.input == 0)
        assert shot.look.box != Look().box


def test_a_gradient_reaches_the_image_network_through_differences_alone(lesson, process, tiny, tiny_weights):
    settings = settings_of(lesson)
    encoder = replace(settings.encoder, reads_embeddings=False, difference_lags=(), magnitude_lags=(1,))
    settings = replace(settings, encoder=encoder)
    backbone = trainable(tiny, tiny_weights, recipe=lesson.source.encoder.recipe(FPS))
    network = VTN(VTNConfig(backbone=tiny, encoder=settings.encoder, head=settings.head), backbone).train()
    _, examples = frames_of(lesson, process, settings)
    Objective(network, smoothing=0.0, piece=4)(next(examples.epoch(0, seed=0))).backward()
    silent = [name for name, p in backbone.named_parameters() if p.requires_grad and not p.grad.abs().max() > 0]
    assert not silent


def test_a_film_that_is_gone_is_named_once_and_its_embeddings_stay(lesson, process, tmp_path):
    video = lesson.source.videos["clip 1"]
    gone = replace(video, path=tmp_path / "clip 1.mp4")
    without = replace(lesson, source=replace(lesson.source, videos={**lesson.source.videos, "clip 1": gone}))
    told = []
    bank, examples = frames_of(without, process, settings_of(lesson, share=0.9), on_event=told.append)
    for epoch in range(2):
        as_learnt(examples, examples.epoch(epoch, seed=0))
    assert [event.message for event in told if isinstance(event, Warned)] == [
        "clip 1: clip 1.mp4 was replaced or written to while it was read; there its embeddings stay as they were"
    ]
    assert examples.lost == {"clip 1"}
    assert [bool(film[0].any()) for film in changed(bank, lesson)] == [True, False, True, True]
    with pytest.raises(VideoError, match=r"^clip 1 is not there any more, or was replaced; the image network cannot"):
        without.source.check_there(lesson.films)


def test_without_any_film_it_stops(lesson, process, tmp_path):
    videos = {name: replace(video, path=tmp_path / "none.mp4") for name, video in lesson.source.videos.items()}
    without = replace(lesson, source=replace(lesson.source, videos=videos))
    _, examples = frames_of(without, process, settings_of(lesson))
    with pytest.raises(TrainingError, match="no frame of the films can be decoded any more"):
        list(examples.epoch(0, seed=0))


def test_the_bank_is_computed_again_after_five_epochs(lesson, process):
    again = tuple(replace(film, values=np.full_like(film.values, 3)) for film in lesson.films)
    bank, examples = frames_of(lesson, process, settings_of(lesson, share=0.5), refresh=lambda: again)
    for epoch in range(5):
        next(examples.epoch(epoch, seed=0))
        assert not any(of.any() for film in changed(bank, lesson) for of in film)
    next(examples.epoch(5, seed=0))
    assert all((film.values == 3).all() for film in bank)


def test_what_a_batch_gives_does_not_depend_on_what_was_read_before(lesson, process, monkeypatch):
    """Else a damaged film could lose other frames after a kill: a batch opens its first film again."""
    asked = []
    frames = DecodingProcess.frames

    def heard(self, video, pts, size, **options):
        asked.append((video.path.name, pts.tolist(), options.get("is_fresh", False)))
        return frames(self, video, pts, size, **options)

    monkeypatch.setattr(DecodingProcess, "frames", heard)
    settings = settings_of(lesson, share=0.5, batch_size=2)
    list(frames_of(lesson, process, settings)[1].epoch(0, seed=0))
    assert [is_fresh for _, _, is_fresh in asked] == [True, False] * 2
    whole, asked[:] = list(asked), []
    list(frames_of(lesson, process, settings)[1].epoch(0, seed=0, first=1))
    assert asked == whole[2:]


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_what_was_lost_and_what_is_remembered_is_in_the_state(lesson, process, share):
    settings = settings_of(lesson, share=share)
    bank, examples = frames_of(lesson, process, settings, refresh=lambda: bank)
    as_learnt(examples, examples.epoch(0, seed=0))
    examples.lost.add("clip 2")
    other, later = frames_of(lesson, process, settings)
    later.go_on(examples.state)
    assert later.lost == {"clip 2"}
    assert all((ours.values == theirs.values).all() for ours, theirs in zip(bank, other, strict=True))
