"""mmaction2's lists, results and proposals; pickles. Its annotations are in test_published_annotations."""

import json
import pickle

import pytest
from annotation_reading import drawn, problems, read  # noqa: F401  (fixtures among them)

from vtn_stream.errors import AnnotationError, InputError
from vtn_stream.evaluation import Prediction, read_predictions
from vtn_stream.exchange.intake import read_any
from vtn_stream.timeline import Segment

NOT_READ = "numbers beside the path and the label, votes or frames, are not read"


def labels(annotations):
    return {name: video.clip_label for name, video in annotations.videos.items()}


def test_a_list_of_folders_of_pictures_names_films_and_labels(read):
    annotations = read("# a\nsome/directory-1 163 1\nsome/directory-2 122 14\n")
    assert labels(annotations) == {"some/directory-1": "1", "some/directory-2": "14"}
    assert annotations.warnings == ((2, NOT_READ),)
    assert labels(read("v_abc 163 1\nv_def 122 3\n")) == {"v_abc": "1", "v_def": "3"}


def test_a_list_of_films_is_read_as_before(read):
    assert labels(read("some/path/000.mp4 1\nsome/path/001.mp4 14\n")) == {
        "some/path/000.mp4": "1",
        "some/path/001.mp4": "14",
    }
    annotations = read("run/a.mp4,run,5,1\n")  # Moments in Time: votes
    assert (labels(annotations), annotations.warnings) == ({"run/a.mp4": "run"}, ((1, NOT_READ),))


def test_several_labels_of_one_film_are_no_label(problems):
    assert problems("a/x.mp4 1 3\na/y.mp4 2\n") == [(1, "several labels of one film, 1 3: a whole clip has one")]
    assert problems("a/x 163 1 3\na/y 122 1\n") == [(1, "not a path and a label: a/x 163 1 3")]


@pytest.mark.parametrize("text", ["walk 1 2\nrun 3 4\n", "x 1 2\ny 3 4\n"])
def test_names_and_two_numbers_may_be_anything(read, text):
    with pytest.raises(AnnotationError):
        read(text)


# ---- results


def entry(**fields):
    return {"label": "BMX", "score": 0.5, "segment": [1.5, 20.25]} | fields


def results(**films):
    return json.dumps({"version": "VERSION 1.3", "results": films, "external_data": {}})


def test_results_of_one_file_and_of_a_folder_of_files_are_alike(tmp_path):
    (tmp_path / "all.json").write_text(results(v_a=[entry()], v_b=[]))
    folder = tmp_path / "each"
    folder.mkdir()
    for name, entries in (("v_a", [entry()]), ("v_b", [])):
        (folder / f"{name}.json").write_text(results(**{name: entries}))
    whole = read_predictions(tmp_path / "all.json")
    assert whole["v_a"].segments == (Segment(start_s=1.5, end_s=20.25, label="BMX", score=0.5),)
    assert whole["v_b"] == Prediction(candidates=())
    assert read_predictions(folder) == whole


def test_one_film_in_two_files_of_a_folder_is_an_error(tmp_path):
    for name in ("one", "two"):
        (tmp_path / f"{name}.json").write_text(results(v_a=[entry()]))
    with pytest.raises(InputError, match=r"one\.json and two\.json both hold predictions of v_a"):
        read_predictions(tmp_path)


def test_what_is_left_out_of_a_folder_names_its_file(tmp_path):
    (tmp_path / "v_a.json").write_text(results(v_a=[entry(), entry(score=float("nan"))]))
    left_out = []
    assert len(read_predictions(tmp_path, left_out=left_out)["v_a"].segments) == 1
    assert left_out == ["v_a.json: v_a[1]: its score is nan, not a number"]


def test_proposals_without_labels_are_refused_with_what_they_lack(tmp_path):
    proposal = entry()
    del proposal["label"]
    (tmp_path / "proposals.json").write_text(results(v_a=[proposal]))
    with pytest.raises(InputError, match="it has no label: proposals, which say when and not what, are not scored"):
        read_predictions(tmp_path / "proposals.json")
    folder = tmp_path / "pgm"
    folder.mkdir()
    header = "tmin,tmax,tmin_score,tmax_score,score,match_iou,match_ioa\n"
    (folder / "v_a.csv").write_text(header + "0.1,0.9,0.5,0.5,0.25,0.5,0.5\n")
    for path in (folder, folder / "v_a.csv"):
        with pytest.raises(InputError, match="tmin and tmax are shares of a film's length, and it has no labels"):
            read_predictions(path)


# ---- pickles


class _Trap:
    def __reduce__(self):
        return pytest.fail, ("the pickle was opened",)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_pickle_is_refused_unopened_and_the_cure_is_a_format_that_is_read(tmp_path, read, protocol):
    data = pickle.dumps([{"video_name": "v_a"}, _Trap()], protocol=protocol)
    (tmp_path / "result.pkl").write_bytes(data)
    for reader, error in ((read_predictions, InputError), (read_any, AnnotationError)):
        with pytest.raises(error, match="is a pickle, which can run any program when it is opened") as caught:
            reader(tmp_path / "result.pkl")
        assert "a table with the columns video, start_s, end_s and label" in caught.value.cure
    cured = read("video,start_s,end_s,label,score\nv_a,1,2,BMX,0.5\n", "cured.csv")
    assert drawn(cured) == {"v_a": "BMX 1-2"}
