"""The temporal encoder over sequences that do not fit in memory: the numbers of `TemporalEncoder`, layer by layer.

A layer's frames see the global token of the layer below, which saw every frame: no single pass can do it. So every
layer is a pass over all frames, a tile at a time; what it makes of them goes to a scratch file that the next layer
reads, and is deleted when that one is through. A film has one sequence:

    T frames, D width, L layers
"""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from vtn_stream.atomic import is_full, write_whole
from vtn_stream.errors import InUse, StoreError
from vtn_stream.model.encoder import Encoded, ReadFrames, TemporalEncoder, layer_tiles, show_frames

__all__ = ["LongEncoding", "Tile"]

_STATE = "state.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """The last layer's tokens of frames [start, stop): values[first : first + stop - start] of values [n, D], which
    hold the asked halo to each side as well, where the film does.
    """

    start: int
    stop: int
    first: int
    values: Tensor


class LongEncoding:
    """One long sequence on its way through an encoder. Ask for `cls()`, or for `tiles()` and then `encoded`.

    read           (start, stop) -> embeddings [stop - start, input_width], any float type
    scratch        a folder of this encoding's own; emptied when it is done, and kept when it is interrupted: the
                   same encoding of the same sequence then goes on after the last layer that was finished
    sequence       names what `read` gives, to the bit: another name, another sequence
    position_ids   int64 [T] or None; valid bool [T] or None, as in TemporalEncoder.forward
    on_progress    called with the frames done and those to do, of all layers together

    Memory: attention scores of the last global row (4 H T bytes), and some tiles. Disk: 8 T D bytes of scratch for
    three layers or more, 4 T D for two.
    """

    def __init__(
        self,
        encoder: TemporalEncoder,
        read: ReadFrames,
        num_frames: int,
        *,
        scratch: Path,
        sequence: str,
        position_ids: Tensor | None = None,
        valid: Tensor | None = None,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self._encoder = encoder.eval()
        self._read = read
        self._num = num_frames
        self._scratch = scratch
        self._key = _digest(encoder, sequence, num_frames, position_ids, valid)
        self._device = encoder.cls_token.device
        self._position_ids = position_ids
        self._valid = None if valid is None else valid[None].to(self._device)
        self._tell = on_progress or (lambda done, total: None)
        self.encoded: Encoded | None = None

    @torch.no_grad()
    def cls(self) -> Encoded:
        """The global token and what it saw; no frames. Raises StoreError if there is no room for the scratch, or
        another process is at work in it.
        """
        with self._locked():
            return self._cls()

    def _cls(self) -> Encoded:
        source, cls = self._below_last()
        layer = self._encoder.layers[-1]
        row = layer.global_row(cls, keeps_attention=True)
        show_frames(row, self._counted(source, self._num_layers - 1), self._num, self._valid)
        return self._done(layer.global_token(cls, row), row.attention()[:, 1:])

    @torch.no_grad()
    def tiles(self, halo: int = 0) -> Iterator[Tile]:
        """The last layer's tokens in order, with `halo` frames more to each side; afterwards `encoded` is there.

        Raises StoreError as `cls` does.
        """
        with self._locked():
            yield from self._tiles(halo)

    def _tiles(self, halo: int) -> Iterator[Tile]:
        source, cls = self._below_last()
        layer = self._encoder.layers[-1]
        row = layer.global_row(cls, keeps_attention=True)
        made = layer_tiles(layer, row, self._counted(source, self._num_layers - 1), self._num, cls, self._valid)
        yield from _with_halo(made, self._num, halo)
        self._done(layer.global_token(cls, row), row.attention()[:, 1:])

    @property
    def _num_layers(self) -> int:
        return len(self._encoder.layers)

    def _below_last(self) -> tuple[ReadFrames, Tensor]:
        """What the last layer reads: frames [1, n, D] and the global token [1, D]."""
        begin, cls = self._resumed()
        self._check_room(begin)
        for number in range(begin, self._num_layers - 1):
            layer = self._encoder.layers[number]
            row = layer.global_row(cls)
            source = self._counted(self._source(number), number)
            self._write(number, layer_tiles(layer, row, source, self._num, cls, self._valid))
            cls = layer.global_token(cls, row)
            self._keep_state(number, cls)
            self._file(number - 1).unlink(missing_ok=True)
        return self._source(self._num_layers - 1), cls

    def _source(self, layer: int) -> ReadFrames:
        """The input of this layer."""
        return self._embedded if layer == 0 else self._stored(layer - 1)

    def _embedded(self, start: int, stop: int) -> Tensor:
        ids = None if self._position_ids is None else self._position_ids[None, start:stop].to(self._device)
        low = max(0, start - self._encoder.config.history)
        valid = None if self._valid is None else self._valid[:, low:stop]
        embeddings = self._read(low, stop)[None].to(self._device)
        return self._encoder.embed(embeddings, ids, valid, first=start, history=start - low)

    def _stored(self, layer: int) -> ReadFrames:
        width, file = self._encoder.config.width, self._file(layer)

        def read(start: int, stop: int) -> Tensor:
            # Not mapped: pages of a mapped file count as this process's memory.
            buffer = bytearray(4 * width * (stop - start))
            try:
                with open(file, "rb") as opened:
                    opened.seek(4 * width * start)
                    whole = opened.readinto(buffer) == len(buffer)
            except OSError:
                whole = False
            if not whole:
                raise StoreError(
                    "the scratch file of a long film is too short",
                    "its encoding cannot continue",
                    "run again to start from the beginning",
                )
            tokens = torch.frombuffer(buffer, dtype=torch.float32).view(1, stop - start, width)
            return tokens.to(self._device, self._encoder.cls_token.dtype)

        return read

    def _write(self, layer: int, tiles: Iterator[tuple[int, Tensor]]) -> None:
        try:
            with open(self._file(layer), "wb") as file:
                for _, tile in tiles:
                    file.write(tile.float().cpu().contiguous().numpy().data)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise self._unwritable(error) from error

    def _counted(self, read: ReadFrames, layer: int) -> ReadFrames:
        """Reports the progress of this layer whenever it reads on."""

        def reading(start: int, stop: int) -> Tensor:
            self._tell(layer * self._num + start, self._num_layers * self._num)
            return read(start, stop)

        return reading

    def _done(self, cls: Tensor, attention: Tensor) -> Encoded:
        self._tell(self._num_layers * self._num, self._num_layers * self._num)
        shutil.rmtree(self._scratch, ignore_errors=True)
        self.encoded = Encoded(cls, None, attention)
        return self.encoded

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Keeps others out of the scratch. The lock lies beside it, since the scratch itself comes and goes."""
        lock = self._scratch.with_name(f".{self._scratch.name}.lock")
        try:
            lock.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise self._unwritable(error) from error
        with open(descriptor, "rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise InUse(
                    "another run is encoding the same film", "this run stopped", "wait until it ends, then run again"
                ) from error
            yield
            lock.unlink(missing_ok=True)

    # -- what was done before

    def _resumed(self) -> tuple[int, Tensor]:
        """The next layer to compute, and the global token that it starts from."""
        try:
            state = json.loads((self._scratch / _STATE).read_bytes())
            done, cls = int(state["layer"]), torch.tensor(state["cls"], dtype=torch.float32)
            size = 4 * self._num * self._encoder.config.width
            fits = state["key"] == self._key and cls.shape == (self._encoder.config.width,)
            if fits and done < self._num_layers - 1 and self._file(done).stat().st_size == size:
                return done + 1, cls[None].to(self._device, self._encoder.cls_token.dtype)
        except (OSError, ValueError, KeyError, TypeError):
            pass
        shutil.rmtree(self._scratch, ignore_errors=True)
        return 0, self._encoder.embed_cls(1)

    def _keep_state(self, layer: int, cls: Tensor) -> None:
        state = {"key": self._key, "layer": layer, "cls": cls[0].float().tolist()}
        try:
            write_whole(self._scratch / _STATE, [json.dumps(state).encode()])
        except OSError as error:
            raise self._unwritable(error) from error

    def _file(self, layer: int) -> Path:
        """The frames after this layer, float32 [T, D]."""
        return self._scratch / f"layer-{layer}.f32"

    def _check_room(self, next_layer: int) -> None:
        """Raises StoreError now, not after an hour of work. At most two files are there at a time: one is
        read while the next is written.
        """
        num_files = min(2, self._num_layers - 1 - next_layer)
        if num_files == 0:
            return
        try:
            self._scratch.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(self._scratch).free
        except OSError as error:
            raise self._unwritable(error) from error
        if free < num_files * 4 * self._num * self._encoder.config.width:
            raise self._no_room()

    def _unwritable(self, error: OSError) -> StoreError:
        if is_full(error):
            return self._no_room()
        return StoreError(
            f"the scratch file of a long film cannot be written ({error.strerror})",
            "the encoding stopped here; embeddings are kept",
            "check the store's folder, or name another with --store",
        )

    def _no_room(self) -> StoreError:
        needed = min(2, self._num_layers - 1) * 4 * self._num * self._encoder.config.width
        return StoreError(
            f"encoding {self._num} positions needs {needed / 1e9:.1f} GB for scratch files, and the disk has less",
            "the encoding stopped here; embeddings are kept",
            "free some space, or name another place with --store, and run again",
        )


def _with_halo(tiles: Iterator[tuple[int, Tensor]], num: int, halo: int) -> Iterator[Tile]:
    held: Tensor | None = None  # [n, D], of frames from `low` on
    low = start = 0
    for begin, tile in tiles:
        held = tile[0] if held is None else torch.cat([held, tile[0]])
        have = begin + tile.shape[1]
        stop = num if have == num else have - halo
        if stop <= start:
            continue
        yield Tile(start=start, stop=stop, first=start - low, values=held[: min(num, stop + halo) - low])
        keep = max(0, stop - halo)
        held, low, start = held[keep - low :], keep, stop


def _digest(
    encoder: TemporalEncoder, sequence: str, num_frames: int, position_ids: Tensor | None, valid: Tensor | None
) -> str:
    """The digest of everything that the numbers depend on; `sequence` names the embeddings."""
    digest = hashlib.blake2b(repr((encoder.config, sequence, num_frames)).encode())
    for name, tensor in {**encoder.state_dict(), "position_ids": position_ids, "valid": valid}.items():
        digest.update(f"{name} {None if tensor is None else tensor.dtype}".encode())
        if tensor is not None:
            digest.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy())
    return digest.hexdigest()
