"""Films as a recorder writes them, and `vtn-stream follow` over them, in this process or in its own."""

import io
import json
import subprocess
import threading
from contextlib import contextmanager

import av
from console_script import SCRIPT

MUXERS = {
    "ts": ("mpegts", {}),
    "mkv": ("matroska", {"live": "1", "cluster_time_limit": "1000"}),
    "mp4": ("mp4", {"movflags": "frag_keyframe+empty_moov+default_base_moof"}),
}


class _Pipe(io.RawIOBase):
    """What is written into it, and no way back."""

    def __init__(self):
        self.parts = []

    def writable(self):
        return True

    def seekable(self):
        return False

    def write(self, data):
        self.parts.append(bytes(data))
        return len(data)


def recorded(film, suffix):
    """The same pictures as a recorder writes them into a pipe."""
    pipe, (muxer, options) = _Pipe(), MUXERS[suffix]
    with av.open(film) as source, av.open(pipe, "w", format=muxer, container_options=options) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    return b"".join(pipe.parts)


def segmented(film, folder):
    """The same pictures as HLS segments in this folder; gives the playlist."""
    options = {"hls_time": "10", "hls_list_size": "0", "hls_segment_filename": str(folder / "part%d.ts")}
    with av.open(film) as source, av.open(str(folder / "live.m3u8"), "w", format="hls", options=options) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    return folder / "live.m3u8"


def final_of(lines):
    """Final segments, as fields without the name of the event, in the order in which they came."""
    return [{k: v for k, v in line.items() if k != "event"} for line in lines if line["event"] == "segment"]


def segments_of(timeline):
    return [(s.start_s, s.end_s) for s in timeline.segments]


class Follower:
    """A run in its own process, and its lines."""

    def __init__(self, process):
        self.process = process
        self.lines = []

    def until(self, event):
        """Reads up to the next line of this kind."""
        for line in self.process.stdout:
            self.lines.append(json.loads(line))
            if self.lines[-1]["event"] == event:
                return self.lines[-1]
        raise AssertionError(f"no {event} in {self.lines}")

    def end(self):
        """Reads all that is left; gives the exit code."""
        self.lines += map(json.loads, self.process.stdout)
        return self.process.wait()

    def feed(self, data, *, last=False):
        """Writes to its standard input, from a thread: it may be full."""

        def write():
            self.process.stdin.write(data)
            self.process.stdin.flush()
            if last:
                self.process.stdin.close()

        threading.Thread(target=write, daemon=True).start()


@contextmanager
def follower(source, *options, complaints, **more):
    """complaints: the file for what it says on stderr."""
    command = [SCRIPT, "follow", source, *options]
    with open(complaints, "a") as err:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=err, **({"stdin": subprocess.PIPE} | more))
    with process:
        try:
            yield Follower(process)
        finally:
            process.kill()
