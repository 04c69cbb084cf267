"""The cost of sampled frames, ours beside others: python benchmarks/decoding.py [--codecs h264 ...] [--rounds 3]

Makes a film of 1280 x 720 at 25 frames a second for each codec, from the real clips of VTN_STREAM_DATA (or --clips),
and gets the frames of 2 and of 2.56 positions a second from it, squashed to 224 x 224 RGB. CPU seconds, user and
system, medians of rounds in which everyone has a turn:

    ours          the decoding process, which leaves out packets that no other frame refers to and that are not wanted
    all packets   the same, every packet decoded
    ffmpeg        the ffmpeg program at the same rate and size, pixels to /dev/null: the frames are chosen before they
                  are scaled. Left out where it is not installed
    decord        VideoReader at that size, get_batch of the same frames. Left out where it is not installed

ffmpeg and decord are measured with one thread and with as many as they like; the cheaper one counts. What each needs
to start (imports; for ffmpeg, printing its version) is not counted, nor is ours to read the film's clock: that is
done once a film, kept, and printed beside. decord's reading of the same is part of opening a film, so it counts.

Prints also what share of the packets was never decoded, and checks that our frames are equal to the bit with all of
them. Exit status 1 where they are not.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import psutil
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

from vtn_stream.film import VideoInfo
from vtn_stream.sampling import SamplingPlan
from vtn_stream.video import DecodingProcess
from vtn_stream.video.container import open_video, packets_of
from vtn_stream.video.references import disposable_test

SIZE = (224, 224)  # (H, W)
WIDTH, HEIGHT, FPS = 1280, 720, 25
RATES = (Fraction(2), Fraction(64, 25))
# Long enough for a scene, short enough for many: encoders behave otherwise at each new one.
CLIP_S = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """An encoder at its everyday settings. limit: what ours may cost of what ffmpeg does, where that is promised."""

    title: str
    encoder: str
    suffix: str
    options: dict[str, str]
    limit: float | None = None


_X265 = "log-level=error:bframes=4:b-pyramid=1:keyint=250"
CODECS = {
    "h264": Codec(
        title="H.264, x264 medium, 3 B-frames",
        encoder="libx264",
        suffix=".mp4",
        options={"preset": "medium", "bf": "3", "g": "250", "crf": "23"},
        limit=0.8,
    ),
    "hevc": Codec(
        title="HEVC, x265 fast, 4 B-frames, B-pyramid",
        encoder="libx265",
        suffix=".mp4",
        options={"preset": "fast", "crf": "28", "x265-params": _X265},
    ),
    "hevc-layers": Codec(
        title="HEVC, the same in temporal layers",
        encoder="libx265",
        suffix=".mp4",
        options={"preset": "fast", "crf": "28", "x265-params": f"{_X265}:temporal-layers=3"},
    ),
    "vp9": Codec(
        title="VP9, libvpx good",
        encoder="libvpx-vp9",
        suffix=".webm",
        options={"deadline": "good", "cpu-used": "5", "row-mt": "1", "crf": "33", "b": "0", "g": "250"},
    ),
}

DECORD = """
import json, resource, sys
import numpy
import decord
path, threads, width, height, batch_size = sys.argv[1], *map(int, sys.argv[2:])
frames = json.load(sys.stdin)
before = resource.getrusage(resource.RUSAGE_SELF)
reader = decord.VideoReader(path, width=width, height=height, num_threads=threads)
for i in range(0, len(frames), batch_size):
    reader.get_batch(frames[i : i + batch_size]).asnumpy()
after = resource.getrusage(resource.RUSAGE_SELF)
print(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
"""


def encode(clips: list[Path], codec: Codec, seconds: int, path: Path) -> None:
    """The first seconds of each clip, again and again, scaled and shown at 25 frames a second."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec.encoder, rate=FPS, options=codec.options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        number = 0
        while number < seconds * FPS:
            for clip in clips:
                with av.open(str(clip)) as source:
                    source.streams.video[0].thread_type = "AUTO"
                    for i, shown in enumerate(source.decode(video=0)):
                        if i == CLIP_S * FPS or number == seconds * FPS:
                            break
                        frame = shown.reformat(WIDTH, HEIGHT, "yuv420p", interpolation=Interpolation.BICUBIC)
                        frame.pts, frame.time_base = number, Fraction(1, FPS)
                        frame.pict_type = av.video.frame.PictureType.NONE  # the encoder's choice, not the clip's
                        out.mux(stream.encode(frame))
                        number += 1
        out.mux(stream.encode())


class Ours:
    """Our decoding process, started, for one film: it keeps the film open, and how it began to read it."""

    def __init__(self, path: Path, *, leave_out: bool) -> None:
        self._process = DecodingProcess()
        self._process.probe(path)  # it starts
        self.probe_s = self.cpu_s(lambda: self._process.probe(path))
        video = self._process.probe(path)
        self.video = video if leave_out else replace(video, temporal_layers=0)

    def close(self) -> None:
        self._process.close()

    def cpu_s(self, work: Callable[[], object]) -> float:
        """CPU seconds of this process and of the one that decodes."""
        pid = self._process.pid
        assert pid is not None
        members = [psutil.Process(), *psutil.Process(pid).children(recursive=True), psutil.Process(pid)]

        def spent() -> float:
            return sum(t.user + t.system for t in (member.cpu_times() for member in members))

        before = spent()
        work()
        if self._process.pid != pid:
            raise SystemExit("the decoding process ended and another one went on: its CPU is not known")
        return spent() - before

    def decode(self, pts: NDArray[np.int64]) -> int:
        return sum(len(batch.items) for batch in self._process.frames(self.video, pts, SIZE))

    def frames(self, pts: NDArray[np.int64]) -> NDArray[np.uint8]:
        """[N, H, W, 3], by time. These films are sound: none may be lost."""
        values, num_decoded = np.zeros((len(pts), *SIZE, 3), np.uint8), 0
        for batch in self._process.frames(self.video, pts, SIZE):
            values[batch.items] = batch.frames
            num_decoded += len(batch.items)
        if num_decoded != len(pts):
            raise SystemExit(f"{len(pts) - num_decoded} of {len(pts)} frames were lost")
        return values


def ffmpeg_s(program: str, path: Path, fps: Fraction, threads: int | None) -> float:
    limit = [] if threads is None else ["-threads", str(threads), "-filter_threads", str(threads)]
    height, width = SIZE
    chosen = f"fps={fps},scale={width}:{height}:flags=bicubic"
    output = ["-vf", chosen, "-pix_fmt", "rgb24", "-f", "rawvideo", "-y", os.devnull]
    quiet = [program, "-nostdin", "-loglevel", "error"]
    return child_s([*quiet, *limit, "-i", str(path), "-an", *output]) - child_s([program, "-version"])


def child_s(command: list[str]) -> float:
    """CPU seconds of a program from its start to its end."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status  # it was waited for here: Popen must not wait again
    if status:
        raise SystemExit(f"{command[0]} failed")
    return usage.ru_utime + usage.ru_stime


def decord_s(path: Path, frames: list[int], threads: int) -> float:
    height, width = SIZE
    numbers = [str(n) for n in (threads, width, height, 64)]
    command = [sys.executable, "-c", DECORD, str(path), *numbers]
    ended = subprocess.run(command, input=json.dumps(frames), capture_output=True, text=True, check=False)
    if ended.returncode:
        raise SystemExit(f"decord failed: {ended.stderr.strip().splitlines()[-1:]}")
    return float(ended.stdout.splitlines()[-1])


def share_left_out(video: VideoInfo, pts: NDArray[np.int64]) -> float:
    """The share of the film's packets that the reader leaves out: nothing refers to them, they are not wanted, more
    come.
    """
    wanted, last = set(pts.tolist()), int(pts[-1])
    container, stream = open_video(str(video.path), video.stream)
    with container:
        codec = stream.codec_context
        is_disposable = disposable_test(codec.name, bytes(codec.extradata or b""), video.temporal_layers)
        packets = [packet for packet in packets_of(container, stream) if packet is not None]
        if is_disposable is None:
            return 0.0
        times = [packet.pts for packet in packets if is_disposable(bytes(packet))]
        return sum(time is not None and time < last and time not in wanted for time in times) / len(packets)


def measure(codec: Codec, path: Path, rounds: int, program: str | None, has_decord: bool) -> bool:
    """Prints the table of one film. Returns whether our frames are equal with and without leaving packets out."""
    ours, full, equal = Ours(path, leave_out=True), Ours(path, leave_out=False), True
    video = ours.video
    megabits = path.stat().st_size * 8 / video.duration_s / 1e6
    print(f"\n{codec.title}: {video.duration_s:.0f} s, {megabits:.1f} Mbit/s", end="")
    print(f"; reading its clock: {ours.probe_s:.2f} CPU s; temporal layers: {video.temporal_layers}")
    for fps in RATES:
        grid = SamplingPlan(fps).grid(video)
        frames = np.unique(grid.frame[grid.valid])
        pts = video.pts[frames]
        same = bool(np.array_equal(ours.frames(pts), full.frames(pts)))
        equal &= same

        contestants: dict[str, Callable[[], float]] = {
            "ours": lambda pts=pts: ours.cpu_s(lambda: ours.decode(pts)),
            "all packets": lambda pts=pts: full.cpu_s(lambda: full.decode(pts)),
        }
        if program is not None:
            contestants["ffmpeg, 1 thread"] = lambda fps=fps: ffmpeg_s(program, path, fps, 1)
            contestants["ffmpeg"] = lambda fps=fps: ffmpeg_s(program, path, fps, None)
        if has_decord:
            contestants["decord, 1 thread"] = lambda frames=frames: decord_s(path, frames.tolist(), 1)
            contestants["decord"] = lambda frames=frames: decord_s(path, frames.tolist(), 0)
        seconds: dict[str, list[float]] = {name: [] for name in contestants}
        for _ in range(rounds):
            for name, run in contestants.items():
                seconds[name].append(run())
        medians = {name: statistics.median(values) for name, values in seconds.items()}

        left_out = share_left_out(video, pts)
        print(f"  {float(fps):g} positions/s: {len(pts)} frames, {left_out:.0%} of the packets not decoded,", end=" ")
        print("equal to the bit with all of them" if same else "NOT EQUAL to those with all of them")
        for name, median in medians.items():
            low, high = min(seconds[name]), max(seconds[name])
            print(f"    {name:18} {median:6.2f} CPU s   ({low:.2f} to {high:.2f})")
        print(f"    {'ours / all packets':18} {medians['ours'] / medians['all packets']:6.2f}")
        for peer in ("ffmpeg", "decord"):
            costs = [median for name, median in medians.items() if name.startswith(peer)]
            if costs:
                wanted = f"   (wanted: at most {codec.limit})" if peer == "ffmpeg" and codec.limit else ""
                print(f"    {f'ours / {peer}':18} {medians['ours'] / min(costs):6.2f}{wanted}", flush=True)
    ours.close()
    full.close()
    return equal


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = Path(os.environ.get("VTN_STREAM_DATA", "../shared/data"))
    arguments.add_argument("--clips", type=Path, default=data / "films")
    arguments.add_argument("--codecs", nargs="+", choices=CODECS, default=list(CODECS))
    arguments.add_argument("--seconds", type=int, default=60)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--keep", type=Path, help="folder where the encoded films stay, and are found again")
    given = arguments.parse_args()
    clips = [clip for clip in sorted(given.clips.glob("*.mp4")) if height(clip) >= 480]
    if not clips:
        raise SystemExit(f"there are no .mp4 files of 480 lines or more in {given.clips}")
    program = shutil.which("ffmpeg")
    if program is None:
        print("the ffmpeg program is not installed: it is left out")
    has_decord = subprocess.run([sys.executable, "-c", "import decord"], capture_output=True).returncode == 0
    if not has_decord:
        print("decord is not installed: it is left out")

    print(f"{os.cpu_count()} cores, PyAV {av.__version__} with FFmpeg {av.ffmpeg_version_info}", end="")
    print(f"; {first_line(program)}" if program else "", flush=True)
    all_equal = True
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for name in given.codecs:
            codec: Codec = CODECS[name]
            path = folder / f"{name}-{given.seconds}s{codec.suffix}"
            if not path.exists():
                unfinished = path.with_stem("unfinished")
                encode(clips, codec, given.seconds, unfinished)
                unfinished.replace(path)
            all_equal &= measure(codec, path, given.rounds, program, has_decord)
    if not all_equal:
        raise SystemExit("frames differ between leaving packets out and decoding them all")


def height(clip: Path) -> int:
    with av.open(str(clip)) as container:
        return int(container.streams.video[0].height)


def first_line(program: str) -> Any:
    output = subprocess.run([program, "-version"], capture_output=True, text=True, check=True).stdout
    return " ".join(output.split()[:3])


if __name__ == "__main__":
    main()
