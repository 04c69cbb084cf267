"""Faults in what is none of the picture's cost no frame; faults in the picture do."""

import av
import pytest
from counting import number_shown, write_film

from vtn_stream.video import DecodingProcess, probe
from vtn_stream.video.bare import bare_extradata, bare_packet
from vtn_stream.video.nals import nals

SIZE = (48, 80)
CUT_SEI = {"h264": b"\x06\x05\x20Too short", "hevc": b"\x4e\x01\x05\x20Too short"}  # 32 bytes are announced
X265 = {"x265-params": "keyint=40:log-level=none:pools=1:frame-threads=1:info=0"}


def rewritten(source, target, change):
    """A copy with change(number, packet) in place of each packet's bytes."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for number, packet in enumerate(p for p in old.demux(video=0) if p.size):
            made = av.Packet(change(number, bytes(packet)))
            made.pts, made.dts, made.time_base = packet.pts, packet.dts, packet.time_base
            made.is_keyframe, made.stream = packet.is_keyframe, stream
            new.mux(made)
    return target


def decoded(path):
    """(frames by number, lost ones)"""
    numbers, lost = {}, []
    with DecodingProcess(deadline_s=20) as process:
        video = probe(path, process)
        for batch in process.frames(video, video.pts, SIZE):
            numbers |= {i: number_shown(frame) for i, frame in zip(batch.items, batch.frames, strict=True)}
            lost += batch.lost
    return numbers, lost


@pytest.mark.parametrize(("codec", "encoder", "options"), [("h264", "libx264", {}), ("hevc", "libx265", X265)])
def test_messages_that_are_cut_off_cost_no_frame(tmp_path, codec, encoder, options):
    film = write_film(tmp_path / "film.mp4", 100, codec=encoder, options=options)
    sei = CUT_SEI[codec]
    with_sei = rewritten(film.path, tmp_path / "sei.mp4", lambda number, data: len(sei).to_bytes(4, "big") + sei + data)
    numbers, lost = decoded(with_sei)
    assert numbers == {i: i for i in range(100)}
    assert lost == []


def test_damage_is_found_beside_messages_that_are_cut_off(tmp_path):
    film = write_film(tmp_path / "film.mp4", 120)  # a keyframe every 40
    sei = CUT_SEI["h264"]

    def spoiled(number, data):
        data = data[:20] + bytes(len(data) - 20) if number == 60 else data
        return len(sei).to_bytes(4, "big") + sei + data

    numbers, lost = decoded(rewritten(film.path, tmp_path / "spoiled.mp4", spoiled))
    assert sorted(lost) == list(range(60, 80))
    assert numbers == {i: i for i in range(120) if not 60 <= i < 80}


def test_only_the_recovery_point_is_kept_of_messages():
    picture, recovery, other = b"\x65abc", b"\x06\x06\x01\xc4\x80", b"\x06\x01\x02ab\x06\x01\xc4\x80"
    packet = b"".join(b"\0\0\1" + unit for unit in (recovery, other, CUT_SEI["h264"], picture))
    assert list(nals(bare_packet("h264", b"", packet), 0)) == [recovery, recovery, picture]


@pytest.mark.parametrize("packet", [b"", b"\0\0\0\x09abc", b"\0\0\0\0", b"garbage"])
def test_a_broken_packet_is_left_as_it_is(packet):
    extradata = bytes.fromhex("0142001effe1000467420000")
    assert bare_packet("h264", extradata, packet) == packet


@pytest.mark.parametrize("extradata", [b"", b"\1", bytes.fromhex("0142001effff"), bytes.fromhex("0142001effe1ffff67")])
def test_broken_extradata_does_no_harm(extradata):
    assert bare_extradata("h264", extradata).startswith(extradata[:6])
