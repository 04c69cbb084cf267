"""A page of any timeline saves that timeline: its file to the byte, and the same CSV as the library writes."""

import random
from dataclasses import replace

import pytest
from film_pages import NO_FILM, open_page_of, timeline

from vtn_stream.formats import timeline_csv
from vtn_stream.formats.timeline_json import dumps, loads, read_document
from vtn_stream.formats.writing import Options
from vtn_stream.timeline import Reviewed, Segment

TIMES = (
    0.0,
    -0.0,
    1e-9,
    1e-7,
    0.1 + 0.2,
    0.0005,
    0.0015,
    2.5e-4,
    1.0005,
    359999.999,
    35999.9995,
    1e15,
    1e16,
    1e21,
    5e-324,
    2**53 + 1.0,
)
SCORES = (None, 0.0, -0.0, 1.0, 1e-7, 5e-5, 0.00015, 0.5, 1 / 3, -1e-9, 1e21, 1e22, 123456.78905)
TEXTS = (
    *(
        "",
        " ",
        "=cmd|' /C calc'!A0",
        "'=1",
        "''+",
        "-1",
        "@x",
        "\t",
        "\r",
        "\n=",
        'a"b',
        "a,b",
        "a;b",
        "a\r\nb",
        "'",
        "'a",
        "\x00=1",
    ),
    *(
        "\x7f\x85",
        "\ud800",
        "\udc00=\ud800",
        "\ufffe",
        "\u202e=1",
        "\u2028",
        "é",
        "é",
        "\U0001f600",
        "__proto__",
        "constructor",
    ),
    *("toString", "2", "10", "</script>", "<!--", "\\", "\ufeff=1", "x" * 3000),
)


def any_timeline(draw):
    def text():
        return draw.choice(TEXTS) if draw.random() < 0.8 else "".join(draw.choices(TEXTS, k=3))

    def one(**given):
        start_s, end_s = sorted(draw.choice((*TIMES, draw.uniform(0, 9))) for _ in range(2))
        attributes = {text(): text() for _ in range(draw.choice((0, 0, 1, 3)))}
        return Segment(
            start_s=start_s, end_s=end_s, label=text(), score=draw.choice(SCORES), attributes=attributes, **given
        )

    origins = draw.choice(((None,), ("model",), (None, "model", "manual", "curated", "curated")))
    found = [one(origin=draw.choice(origins)) for _ in range(draw.randrange(20))]
    found = [replace(s, was=one()) if s.origin == "curated" and draw.random() < 0.7 else s for s in found]
    reviewed = [
        Reviewed(start_s=s.start_s, end_s=s.end_s, labels=draw.choice((None, (text(),), (text(), text(), s.label))))
        for s in found[:3]
    ]
    subset, source = draw.choice((text(), None, 3)), draw.choice((text(), "", {}))
    return timeline(
        *found,
        video_path=draw.choice(("film.webm", "=film.webm", 'a"b,c\n.mp4', "'-x.mkv", "\ud800.mp4", "\u202egpj.mp4")),
        video_identity=text(),
        duration_s=draw.choice((0, 1e-9, 8.0, 36_000.1, 25 / 3)),
        span_s=(0.1 + 0.2, 4.0),
        variable_rate=draw.random() < 0.5,
        reviewed=reviewed,
        rejected=[one(origin="model") for _ in range(draw.randrange(3))],
        provenance={
            "subset": subset,
            "source": source,
            "n": 2**70,
            "f": [1e-7, -0.0, 1e21],
            text(): {text(): [None, True]},
        },
    )


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.release) for seed in range(2, 40))])
def test_a_page_of_any_timeline_saves_it_exactly(open_page, tmp_path, seed):
    draw = random.Random(seed)
    files = {"timeline.csv": ("ab" * 32,)} if seed % 2 else {}
    for k in range(3):
        made_of = any_timeline(draw)
        path = tmp_path / f"{k}.html"
        path.write_bytes(open_page_of(made_of, files=files, truth=made_of.segments[:2] if k else None))
        page = open_page(path, allowed=NO_FILM)
        written = dumps(made_of, files)
        assert page.evaluate("inside.timelineText()").encode() == written
        assert page.evaluate("inside.csvText()").encode() == timeline_csv.write([loads(written)], Options()).content
        page.evaluate(
            """() => {
                const { standing, keep, relabel, reject, moveTo, nothingElse, filmEnd, data } = inside, is = standing();
                is.forEach((i, k) => [() => keep([i]), () => relabel([i], k % data.labels.length),
                    () => reject([i]), () => moveTo(i, k / 3, k / 3 + 0.1)][k % 4]());
                nothingElse(filmEnd / 3, filmEnd, null);
            }"""
        )
        edited = read_document(page.evaluate("inside.timelineText()").encode())
        assert edited.origin == "ours"
        assert page.evaluate("inside.csvText()").encode() == timeline_csv.write([edited.timeline], Options()).content
        assert page.evaluate("() => { while (inside.undo()); return inside.timelineText(); }").encode() == written
