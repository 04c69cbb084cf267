"""Joins H.264 pictures of two encoders into one stream: both sets of parameters stand in the file's head, under numbers
of their own, and each picture names the one that it needs.

ISO/IEC 14496-15, 5.3.3.1 (avcC: the parameter sets of a file); ITU-T H.264, 7.3.2.1 and 7.3.2.2.
"""

from vtn_stream.video.nals import length_size, nals, sequence_set

__all__ = ["PROFILES", "free_id", "joint_head", "parameter_sets", "prefixed"]

# profile_idc that an encoder can be told to keep to. Others have other colours or more bits.
PROFILES = {66: "baseline", 77: "main", 100: "high"}
_SPS, _PPS = 7, 8
_MAX_SETS = 31


def parameter_sets(extradata: bytes) -> tuple[list[bytes], list[bytes]]:
    """The sequence and the picture parameter sets in the head of a file; none where it cannot be read."""
    if length_size("h264", extradata) == 0:
        units = [unit.rstrip(b"\0") for unit in nals(extradata, 0, len(extradata))]
        return tuple([unit for unit in units if unit and unit[0] & 31 == kind] for kind in (_SPS, _PPS))  # type: ignore[return-value]
    found: list[list[bytes]] = []
    at = 5
    for mask in (31, 255):
        found.append([])
        for _ in range(extradata[at] & mask if at < len(extradata) else 0):
            size = int.from_bytes(extradata[at + 1 : at + 3], "big")
            found[-1].append(extradata[at + 3 : at + 3 + size])
            at += 2 + size
        at += 1
    return found[0], found[1]


def free_id(extradata: bytes, used: frozenset[int]) -> int | None:
    """A number that no parameter set has yet; None where another encoder's pictures cannot be joined to these."""
    from vtn_stream.video.clip_film import set_id

    sequences, pictures = parameter_sets(extradata)
    if not sequences or not pictures or len(sequences) >= _MAX_SETS:
        return None
    for sps in sequences:
        facts = sequence_set(sps)
        if len(sps) < 4 or sps[1] not in PROFILES or facts is None or not facts.frames_only:
            return None
    taken = used | {set_id(unit) for unit in (*sequences, *pictures)}
    return next((number for number in range(_MAX_SETS) if number not in taken), None)


def joint_head(extradata: bytes, other: bytes) -> bytes:
    """An avcC with the parameter sets of both; lengths of 4 bytes."""
    both = [parameter_sets(extradata), parameter_sets(other)]
    sequences, pictures = (list(dict.fromkeys(unit for sets in both for unit in sets[k])) for k in (0, 1))
    profile, level = max(sps[1] for sps in sequences), max(sps[3] for sps in sequences)
    compatible = sequences[0][2]
    for sps in sequences:
        compatible &= sps[2]
    head = bytes((1, profile, compatible, level, 0xFF, 0xE0 | len(sequences)))
    head += b"".join(len(unit).to_bytes(2, "big") + unit for unit in sequences)
    head += bytes((len(pictures),)) + b"".join(len(unit).to_bytes(2, "big") + unit for unit in pictures)
    return head + (b"\xfd\xf8\xf8\0" if profile == 100 else b"")  # 4:2:0, 8 bits


def prefixed(packet: bytes, size: int) -> bytes:
    """The packet with lengths of 4 bytes. size: of its own lengths; 0: start codes."""
    if size == 4:
        return packet
    units = [unit if size else unit.rstrip(b"\0") for unit in nals(packet, size, len(packet))]
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in units if unit)
