"""Files that say which label a number stands for."""

import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.errors import AnnotationError
from vtn_stream.formats.annotations.label_files import read_label_names


@pytest.fixture
def read(tmp_path):
    def read_(content):
        (tmp_path / "names.txt").write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_label_names(tmp_path / "names.txt")

    return read_


@pytest.fixture
def problems(read):
    def problems_(content):
        with pytest.raises(AnnotationError) as caught:
            read(content)
        return [text for _, text in caught.value.problems]

    return problems_


THREE = ("air drumming", "run", "sit, down")


@pytest.mark.parametrize(
    "content",
    [
        "air drumming\nrun\nsit, down\n",
        "# three\n\n  air drumming\r\nrun\r\n\r\nsit, down",
        "air drumming,0\nrun,1\nsit, down,2\n",  # Moments in Time
        "sit, down, 2\nrun,1\nair drumming,0\n",
        "0 air drumming\n1 run\n2 sit, down\n",
        "1 air drumming\n2 run\n3 sit, down\n",  # UCF101 counts from 1
        "0,air drumming\n1,run\n7,sit, down\n",
        "0;air drumming\n1;run\n7;sit, down\n",
        "air drumming 0\nrun 1\nsit, down 2\n",
        "id,name\n0,air drumming\n1,run\n2,sit, down\n",
        '{"air drumming": 0, "run": 1, "sit, down": 2}',
        '{"\\"air drumming\\"": 0, "run": 1, "\\"sit, down\\"": 2}',  # Kinetics' class_to_idx
        '{"0": "air drumming", "1": "run", "2": "sit, down"}',
        '{"air drumming": "0", "run": "1", "sit, down": "2"}',
        '["air drumming", "run", "sit, down"]',
        "air drumming\nrun\nsit, down\n".encode("utf-16"),
    ],
)
def test_labels_are_in_the_order_of_their_numbers(read, content):
    assert read(content).labels == THREE


def test_a_list_calls_a_label_by_its_name_or_its_number(read):
    names = read("1 air drumming\n2 run\n3 sit, down\n")
    assert [names.label_of(given) for given in ("1", "003", "air drumming", "air_drumming", "0", "4", "Run", "")] == [
        "air drumming",
        "sit, down",
        "air drumming",
        "air drumming",
        *(None,) * 4,
    ]
    assert read("1\n0\n").label_of("1") == "1"  # a name comes first
    assert read("u\u0308ben\n").label_of("\u00fcben") == "u\u0308ben"


def test_labels_that_end_with_numbers_are_labels(read):
    assert read("camera 1\ncamera 2\n").labels == ("camera 1", "camera 2")
    assert read("50 m sprint\n50 m hurdles\n").labels == ("50 m sprint", "50 m hurdles")
    assert read("area 51\ntake 5\n").labels == ("area 51", "take 5")
    assert read("area,51\ntake,5\n").labels == ("take", "area")
    assert read("run 1\nrun 2\nsit 1\n").labels == ("run 1", "run 2", "sit 1")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("run\nsit\nrun\n", ["run has the numbers 0 and 2: it has one"]),
        ('{"run": 0, "sit": 0}', ["number 0 is run and sit: it has one label"]),
        ('{"run": 0, "run": 1}', ["run: this key occurs twice; the first would be read"]),
        ('{"run": "first", "sit": -1}', ["run has first where its number should be", "sit has -1 where its number"]),
        ('{"run": true, "sit": 1.5}', ["run has True where", "sit has 1.5 where"]),
        ("[1, null]", ["number 0 has 1 where its label should be", "number 1 has nothing where"]),
        ("run\nsi\0t\n", ["the label si\\x00t of number 1 holds control characters"]),
        ("x" * 2000 + "\n", ["of number 0 has more than 1000 characters"]),
        ("x" * 1_000_000, ["it is too long for a label"]),
        ("".join(f"label {n} of many\n" for n in range(20_000)), ["it has more than 10000 labels"]),
        ("[" * 100_000, ["it is damaged JSON: "]),
        ('{"run": 0', ["it is damaged JSON: "]),
        ('{"run": ' + "9" * 5000 + "}", ["run has"]),
    ],
)
def test_what_is_wrong_is_told(problems, content, told):
    found = problems(content)
    assert len(found) == len(told)
    assert all(part in text for part, text in zip(told, found, strict=True)), found


@pytest.mark.parametrize("content", ["", "# nothing\n\n", "{}", "[]"])
def test_a_file_without_labels_is_told(read, content):
    with pytest.raises(AnnotationError, match=r"^names\.txt names no labels; no label has its name; give one label"):
        read(content)


def test_a_pickle_is_refused(read):
    with pytest.raises(AnnotationError, match="is a pickle"):
        read(pickle.dumps(["run"]))


WORDS = st.text("abcäéñ12", min_size=1, max_size=8)


@given(st.lists(st.lists(WORDS, min_size=1, max_size=3).map(" ".join), min_size=1, max_size=9, unique=True), st.data())
def test_json_of_labels_is_read_as_it_was_written(tmp_path_factory, labels, data):
    form = data.draw(st.sampled_from([list, lambda them: dict(zip(them, range(len(them)), strict=True))]))
    path = tmp_path_factory.mktemp("names") / "names.json"
    path.write_text(json.dumps(form(labels)))
    assert list(read_label_names(path).labels) == labels
