"""What nobody looked at teaches nothing, and measures nothing."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import FPS, HEADS, LABELS, films, planted, small, track
from test_corrected_annotations import FILES, looked, segment, timeline
from test_exam import choice, exam_of, phases_of
from test_learn import RECIPE, quick  # noqa: F401  (a fixture)
from test_learn import material as lesson_of
from test_prepare import prepared  # noqa: F401  (a fixture)
from training_material import material, process, store  # noqa: F401  (fixtures among them)

from vtn_stream.embedding import Warned, probe
from vtn_stream.errors import InputError
from vtn_stream.evaluation import Prediction, score
from vtn_stream.formats import timeline_json
from vtn_stream.formats.annotations import AnnotatedVideo, Annotations
from vtn_stream.heads import HEADS as KINDS
from vtn_stream.heads.fitting import phase_rules
from vtn_stream.heads.judged import judged
from vtn_stream.heads.labelled_film import known_at, labels_of
from vtn_stream.known import Known
from vtn_stream.metrics import segmentation_counts
from vtn_stream.model import DenseConfig, LocalizationConfig, StatisticsConfig
from vtn_stream.model.heads import Pyramid
from vtn_stream.timeline import Segment
from vtn_stream.track import GridScores, Spans
from vtn_stream.training.baselines import most_frequent
from vtn_stream.training.check import natural_head
from vtn_stream.training.claim import card_file
from vtn_stream.training.crops import Crops
from vtn_stream.training.events import Prepared
from vtn_stream.training.learn import learn
from vtn_stream.training.linear import LinearSettings, fit_linear
from vtn_stream.training.loop import fit
from vtn_stream.training.options import TrainingOptions
from vtn_stream.training.prepare import prepare
from vtn_stream.training.write import write

HALF = Known(rest=((0.0, 20.0),))  # of a planted film of 40 s


def half_known(film):
    """The film of which people looked at the first 20 s only."""
    return replace(film, known=HALF, segments=begun(film))


def begun(film):
    return tuple(part for s in film.segments if (part := s.cropped(0, 20)) is not None)


def cut(film):
    """Those 20 s as a film."""
    num = round(20 * FPS)
    return track(
        num,
        *((s.start_s, s.end_s, s.label) for s in begun(film)),
        name=film.name,
        values=film.values[:num],
    )


# ---- at each position


def test_a_position_is_of_no_label_only_where_that_is_known_of_each():
    known = Known(own={"run": ((0.0, 4.0),), "jump": ((2.0, 6.0),)})
    film = replace(track(8, (5.0, 6.0, "jump"), fps=1), known=known)
    assert labels_of(film, LABELS).tolist() == [-1, -1, 2, 2, -1, 1, -1, -1]
    assert known_at(film, LABELS).T.tolist() == [[1, 1, 1, 1, 0, 0, 0, 0], [0, 0, 1, 1, 1, 1, 0, 0]]


# ---- linear models


@pytest.mark.parametrize("head", ["dense", "localization"])
def test_a_linear_model_learns_what_is_known_as_if_there_were_nothing_else(head):
    whole = films(range(4))
    config = LocalizationConfig(num_classes=2, num_levels=2, tower_width=8) if head == "localization" else HEADS[head]
    settings = LinearSettings(
        encoder=StatisticsConfig(input_width=8, reach=0, statistics=("mean",)), head=config, decay=1e-3
    )
    masked, alone, all_of_it = (
        fit_linear(of, LABELS, settings, backbone="none").network.state_dict()
        for of in ([half_known(film) for film in whole], [cut(film) for film in whole], whole)
    )
    for name, tensor in alone.items():
        torch.testing.assert_close(masked[name], tensor, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(masked["head.out.weight"], all_of_it["head.out.weight"], atol=1e-2)


def test_each_label_of_a_linear_model_learns_where_it_is_known_itself():
    """The label run is that of a model that knows no other label."""
    config = LocalizationConfig(num_classes=2, num_levels=2, tower_width=8)
    settings = LinearSettings(
        encoder=StatisticsConfig(input_width=8, reach=0, statistics=("mean",)), head=config, decay=1e-3
    )
    whole = films(range(4))
    known = Known(own={"jump": ((5.0, 15.0),)}, rest=((0.0, 40.0),))
    partly = [
        replace(film, known=known, segments=tuple(s for s in film.segments if s.label == "run")) for film in whole
    ]
    runs = [replace(film, known=None) for film in partly]
    two = fit_linear(partly, LABELS, settings, backbone="none").network.head.out
    one = fit_linear(runs, LABELS[:1], replace(settings, head=replace(config, num_classes=1)), backbone="none")
    torch.testing.assert_close(two.weight[:1], one.network.head.out.weight, rtol=1e-3, atol=1e-4)


# ---- networks: no gradient from what is unknown

SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)).map(sorted).map(tuple), max_size=3)


def batch_of(film, head):
    crops = Crops([film], LABELS, 64, 1, hold=head == "localization")
    (example,) = crops.epoch(0, seed=0)
    return example.batch


@settings(deadline=None, max_examples=12)
@given(SPANS, SPANS)
def test_a_dense_network_gets_no_gradient_from_unknown_positions(run, jump):
    film = planted(1, num=64)
    known = Known(own={"run": tuple(run[:1]), "jump": tuple(jump[:1])})
    film = replace(film, known=known, segments=film.segments[:1])
    batch = batch_of(film, "dense")
    logits = torch.randn(1, 64, 3, requires_grad=True)
    network = SimpleNamespace(label=lambda embeddings, position_ids, valid: logits)
    KINDS["dense"].loss(DenseConfig(num_classes=2, nothing=True), network, batch, smoothing=0.15).value.backward()
    unknown = torch.from_numpy(labels_of(film, LABELS) < 0)
    assert (logits.grad[0, unknown] == 0).all()
    assert (logits.grad[0, ~unknown] != 0).any(1).all()


@settings(deadline=None, max_examples=12)
@given(SPANS, SPANS)
def test_a_pyramid_gets_no_gradient_from_unknown_positions_of_each_label(run, jump):
    film = planted(1, num=64)
    film = replace(film, known=Known(own={"run": tuple(run[:1]), "jump": tuple(jump[:1])}), segments=())
    batch = batch_of(film, "localization")
    config = LocalizationConfig(num_classes=2, num_levels=3, tower_width=8)
    lengths = [64, 32, 16]
    logits = tuple(torch.randn(1, n, 2, requires_grad=True) for n in lengths)
    offsets = tuple(torch.rand(1, n, 2, requires_grad=True) for n in lengths)
    there = tuple(torch.ones(1, n, dtype=torch.bool) for n in lengths)
    network = SimpleNamespace(locate=lambda embeddings, position_ids, valid: Pyramid(logits, offsets, there))
    KINDS["localization"].loss(config, network, batch, smoothing=0).value.backward()
    known = torch.from_numpy(known_at(film, LABELS))
    for level, of in enumerate(logits):
        assert ((of.grad[0] != 0) == known[:: 2**level]).all()


def test_a_label_by_hand_teaches_a_pyramid_that_label_and_no_other():
    film = replace(track(64, (2.0, 6.0, "run")), known=Known(own={"run": ((2.0, 6.0),)}))
    batch = batch_of(film, "localization")
    assert batch.known[0, :, 0].nonzero().flatten().tolist() == [*range(8, 24)]
    assert not batch.known[0, :, 1].any()


def test_a_network_that_learns_films_of_which_all_is_known_learns_as_before():
    whole = [replace(film, known=Known(rest=((0.0, 100.0),))) for film in films(range(2))]
    for head in ("dense", "localization"):
        marked, plain = (
            fit(of, LABELS, small(head, num_epochs=1), FPS, backbone="none").losses for of in (whole, films(range(2)))
        )
        assert marked == pytest.approx(plain)


def test_crops_lie_where_something_is_known():
    film = replace(planted(3, num=4000), known=Known(rest=((500.0, 540.0),)), segments=())
    known = [example.batch.known.any().item() for example in Crops([film], LABELS, 64, 1, hold=False).epoch(0, seed=0)]
    assert np.mean(known) > 0.3  # by chance 4 % would


# ---- figures


def frame_scores(truth, predicted):
    return score(predicted, truth, subset="all", metrics=["segmentation", "detection"])


def annotations(**videos):
    return Annotations(format="test", labels=LABELS, videos=videos)


SAID = [(0, 4, "run"), (6, 9, "jump"), (12, 16, "run"), (22, 28, "jump"), (31, 35, "run")]


def segments(spans, **facts):
    return tuple(Segment(start_s=start, end_s=end, label=label, **facts) for start, end, label in spans)


def test_figures_are_those_of_the_known_part():
    true = segments([(1, 4, "run"), (6, 10, "jump"), (12, 16, "jump")])
    said = segments(SAID, score=0.5)
    known = annotations(a=AnnotatedVideo(segments=true, duration_s=40.0, known=HALF))
    part = annotations(a=AnnotatedVideo(segments=true, duration_s=20.0))
    partly = frame_scores(known, {"a": Prediction(segments=said, candidates=said)})
    alone = frame_scores(part, {"a": Prediction(segments=said[:3], candidates=said[:3])})
    assert partly.segmentation.to_dict() == alone.segmentation.to_dict()
    assert partly.detection.to_dict() == alone.detection.to_dict()
    for metric, tally in alone.tallies().items():
        np.testing.assert_equal(partly.tallies()[metric].of_all(), tally.of_all())
    assert partly.notes[0].startswith("Of 1 film, people looked at 20.0 of 40.0 s")


def test_predictions_of_another_version_of_a_film_are_not_scored():
    true = segments([(1, 4, "run")])
    known = annotations(a=AnnotatedVideo(segments=true, duration_s=40.0, known=HALF, identity="c0ffee"))
    assert frame_scores(known, {"a": Prediction(segments=(), identity="c0ffee")}).film_s == 40
    with pytest.raises(InputError, match="of another film than the corrections, or of another version"):
        frame_scores(known, {"a": Prediction(segments=(), identity="other")})


def test_what_is_predicted_mostly_in_unknown_time_is_no_false_alarm_and_no_hit():
    true = np.array([9] * 6 + [0] * 2 + [1] * 4 + [9] * 6)
    said = np.array([1] * 8 + [1] * 4 + [2] * 6)  # one run of 12, of which 6 are known
    counts = segmentation_counts({"a": said}, {"a": true}, background=[0], unknown=9)
    assert (counts.num_right.item(), counts.num_frames.item(), counts.num_runs.item()) == (4, 6, 2)
    assert counts.hits.tolist() == [[1, 1, 1]]  # 4 of 6 known frames
    longer = np.concatenate([[9], true]), np.concatenate([[1], said])
    counts = segmentation_counts({"a": longer[1]}, {"a": longer[0]}, background=[0], unknown=9)
    assert (counts.num_runs.item(), counts.hits.tolist()) == (1, [[0, 0, 0]])


def test_the_exam_of_a_film_does_not_depend_on_what_is_said_in_unknown_time():
    whole = planted(5)
    film, wild = half_known(whole), phases_of(whole)
    wild.frame[80:] = np.roll(wild.frame[80:], 1, axis=1)
    for said in (phases_of(whole), wild):
        exam = exam_of([film], [said], "dense", choice())
        assert exam.figures["frame accuracy"] == pytest.approx(
            1, abs=0.03
        )  # half a position on either side of a border
        assert sum(exam.sureness.after.counts) == 80


def test_spans_in_unknown_time_choose_no_threshold():
    film = replace(track(160, (2.0, 6.0, "run")), known=HALF)
    bounds = np.array([[8.0, 24.0], [40.0, 56.0], [100.0, 120.0]])
    said = GridScores(spans=Spans(bounds=bounds, classes=np.zeros(3, np.int64), scores=np.array([0.5, 0.6, 0.9])))
    (of,) = judged([said], [film], LABELS).values()
    assert (of.scores.tolist(), of.right.tolist()) == ([0.6, 0.5], [False, True])


def test_rules_of_phases_follow_what_is_known():
    """What stands on both sides of unknown time does not follow each other."""
    known = Known(own={"run": ((0.0, 2.0),), "jump": ((4.0, 6.0),)})
    film = replace(track(24, (0.0, 2.0, "run"), (4.0, 6.0, "jump")), known=known)
    rules = phase_rules([film], [], [], LABELS, nothing=False)
    assert rules.change_cost == phase_rules([track(4)], [], [], LABELS, nothing=False).change_cost
    assert rules.min_positions == (4, 4)


def test_the_most_frequent_label_is_that_of_known_time():
    film = replace(track(160, (0.0, 9.0, "run")), known=Known(rest=((0.0, 12.0),)))
    assert most_frequent([film], LABELS, "dense") == {"frame accuracy": pytest.approx(0.75)}


# ---- from files to a model


def test_the_head_follows_from_the_time_in_which_all_is_known():
    by_hand = segments([(0, 10, "run"), (10, 20, "jump")])

    def head(known):
        return natural_head({"a": AnnotatedVideo(segments=by_hand, duration_s=40.0, known=known)})

    assert [head(None), head(Known(own={"run": ((0, 10),), "jump": ((10, 20),)})), head(HALF)] == [
        "localization",
        "localization",
        "dense",
    ]


@pytest.fixture
def corrected(tmp_path, material, store, process):
    """corrected({name: (segments, reviewed)}) -> a folder of corrected timelines of these films"""

    def write_all(said):
        for name, (by_hand, reviewed) in said.items():
            identity = probe(material / name, store, process).identity
            one = timeline(*by_hand, name=name, reviewed=reviewed, identity=identity)
            (tmp_path / f"{name}.timeline.json").write_bytes(timeline_json.dumps(one, FILES))
        return tmp_path

    return write_all


def by_hand(*spans):
    return [segment(start, end, label, "manual") for start, end, label in spans]


TWO = by_hand((1, 3, "run"), (4, 6, "jump"), (7, 8, "run"), (9, 10, "jump"))


def test_corrected_timelines_are_prepared_with_what_is_known_of_them(corrected, prepared):
    folder = corrected({name: (TWO, [looked(0, 10)]) for name in ("a.mp4", "c.mp4")})
    lesson, events = prepared(folder)
    assert [film.known.rest for film in lesson.films] == [((0, 10),)] * 2
    (told,) = [event for event in events if isinstance(event, Prepared)]
    assert (told.hours * 3600, told.known_hours * 3600) == (pytest.approx(40), pytest.approx(20))


def test_a_label_that_is_known_everywhere_asks_for_time_in_which_nothing_else_happens(corrected, prepared):
    folder = corrected({name: (TWO, []) for name in ("a.mp4", "c.mp4")})
    with pytest.raises(InputError, match="known of no time that jump and run do not happen") as error:
        prepared(folder)
    assert "nothing else here" in error.value.cure
    lesson, _ = prepared(folder, anyway=True)
    assert "the model may find that everywhere" in " ".join(lesson.notes)
    dense, _ = prepared(folder, head="dense")
    assert "the model gives every moment one of the labels" in " ".join(dense.notes)


def test_what_says_only_what_does_not_happen_teaches_a_dense_model_nothing(corrected, prepared):
    marks = {"a.mp4": (TWO, [looked(0, 10)]), "c.mp4": (TWO, [looked(0, 10)]), "d.mp4": ([], [looked(0, 5, "run")])}
    lesson, _ = prepared(corrected(marks), head="dense")
    assert [film.name for film in lesson.films] == ["a.mp4", "c.mp4"]
    assert any(note.startswith("left out: d.mp4: what was corrected there says only") for note in lesson.notes)


def test_where_nothing_is_left_to_learn_from_the_reason_is_told(corrected, material, store, process):
    events = []
    folder = corrected({"a.mp4": ([], [looked(0, 5, "run")])})
    asked = TrainingOptions(annotations=folder, videos=material, output=folder / "m.safetensors", head="dense")
    with pytest.raises(InputError, match="no film to learn from"):
        prepare(asked, None, store, process, on_event=events.append)
    assert any("says only what does not happen" in e.message for e in events if isinstance(e, Warned))


def test_whole_clips_are_not_taught_by_corrected_timelines(corrected, prepared):
    with pytest.raises(InputError, match="corrected timelines say when something happens"):
        prepared(corrected({"a.mp4": (TWO, [])}), head="classification")


@pytest.mark.parametrize("head", ["dense", "localization"])
def test_films_of_which_half_is_known_become_a_model_and_its_card_says_so(head, quick, tmp_path):
    events, quick["num_epochs"] = [], 1
    lesson = lesson_of([half_known(film) for film in films(range(3))], head=head)
    learnt = learn(lesson, seed=0, backbone="none", on_event=events.append)
    assert not [event for event in events if isinstance(event, Warned)]
    assert 0 <= learnt.exam.figures[learnt.exam.main] <= 1
    write(lesson, learnt, RECIPE, tmp_path / "m.safetensors")
    card = card_file(tmp_path / "m.safetensors").read_text()
    assert "0.03, of which 0.02 are known" in card
    assert "a prediction is neither right nor wrong" in card
