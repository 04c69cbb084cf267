"""The embeddings of a film in one piece, for people who work with them. No film is decoded, and no network loaded."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vtn_stream.errors import DamagedFile, InputError, StoreError, listed
from vtn_stream.film import FrameIndex, VideoInfo, shareable_name
from vtn_stream.sampling import parse_rate
from vtn_stream.store.chunk_file import StoredFilm, read_chunk, read_own
from vtn_stream.timeline import Timeline
from vtn_stream.track import Recipe

__all__ = ["EmbeddingTrack", "read_track"]

_AGAIN = "analyze the film with this store, or name another one"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EmbeddingTrack:
    """The embeddings of a film with their clock: row t of `values` belongs to the frame that is shown at times_s[t].

    values          float16 [T, D]; rows are zero where the index is not valid
    index           when each position stands, and which frame is shown then
    recipe          what the embeddings mean
    video_identity  the film's content
    is_whole        whether they reach over the whole film; else positions are missing before, after or between these
    """

    values: NDArray[np.float16]
    index: FrameIndex
    recipe: Recipe
    video_identity: str
    is_whole: bool

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or len(self.values) != len(self.index):
            raise ValueError(f"values must be [{len(self.index)}, D], got {list(self.values.shape)}")

    def __len__(self) -> int:
        return len(self.values)

    @property
    def times_s(self) -> NDArray[np.float64]:
        """float64 [T], seconds from the film's start."""
        return self.index.grid_s

    @property
    def valid(self) -> NDArray[np.bool_]:
        """bool [T]: whether there is a frame, and it was decoded."""
        return self.index.valid


@dataclass(frozen=True, slots=True)
class _Kind:
    """The embeddings of one film that mean the same, by each execution that computed some, the fullest first."""

    recipe: Recipe
    stored: tuple[StoredFilm, ...]

    @property
    def words(self) -> str:
        recipe = self.recipe
        which = f"backbone={recipe.backbone!r}, fps={str(recipe.fps)!r}, input={recipe.input!r}"
        return f"{which} ({'x'.join(map(str, recipe.size))}, {recipe.pooling})"


def read_track(
    film: str | os.PathLike[str] | Timeline,
    films: Sequence[StoredFilm],
    probed: Callable[[Path], VideoInfo | None],
    *,
    input: str,
    backbone: str | None,
    fps: float | Fraction | str | None,
    recipe: Recipe | None,
) -> EmbeddingTrack:
    """As `EmbeddingStore.track`. films: all that is stored; probed: what the store knows of a file."""
    if isinstance(film, Timeline) and film.parts:
        raise InputError(
            f"{film.video_path} is a recording in {len(film.parts)} files, and embeddings belong to each file",
            "nothing was read",
            f"ask for the track of each of its files, such as {film.parts[0].video_path}",
        )
    name = film.video_path if isinstance(film, Timeline) else Path(film).name
    identity = film.video_identity if isinstance(film, Timeline) else _identity(Path(film), films, probed)
    there = list(_kinds(identity, films))
    if not there:
        raise StoreError(f"the store has no embeddings of {name}", "nothing was read", _AGAIN)
    kinds = [kind for kind in there if kind.recipe.input == input]
    if recipe is not None:
        kinds = [kind for kind in there if kind.recipe == recipe]
    if backbone is not None:
        kinds = [kind for kind in kinds if kind.recipe.backbone == backbone]
    if fps is not None:
        rate = parse_rate(fps, "nothing was read")
        kinds = [kind for kind in kinds if kind.recipe.fps == rate]
    if isinstance(film, Timeline) and len(kinds) > 1:
        kinds = [kind for kind in kinds if _is_of(film, kind.recipe)] or kinds
    if len(kinds) != 1:
        several = "several kinds of" if kinds else "only other"
        raise InputError(
            f"the store has {several} embeddings of {name}: {listed((kind.words for kind in kinds or there), 5)}",
            "nothing was read",
            "say which with backbone, fps and input, or with recipe",
        )
    return _joined(kinds[0], identity)


def _identity(path: Path, films: Sequence[StoredFilm], probed: Callable[[Path], VideoInfo | None]) -> str:
    """The identity of a film that was analyzed with this store: by its very file, or by its name if that is gone."""
    named = {stored.folder.parts[-3] for stored in films if _name(stored) == shareable_name(path.name)}
    if os.path.exists(path):
        video = probed(path)
        if video is not None:
            return video.identity
        why = " under this name, and the file has changed since" if named else ""
        cure = f"{_AGAIN}; the timeline of the earlier film finds what is there" if named else _AGAIN
        raise StoreError(f"{path.name} was not analyzed with this store as it is" + why, "nothing was read", cure)
    if len(named) > 1:
        raise InputError(
            f"the store has embeddings of {len(named)} films called {path.name}, and the file is not there",
            "nothing was read",
            "give the film's timeline",
        )
    if not named:
        unknown = f"the store knows no film called {path.name}, and the file is not there"
        raise StoreError(unknown, "nothing was read", _AGAIN)
    return named.pop()


def _name(stored: StoredFilm) -> Any:
    return None if stored.manifest is None else shareable_name(stored.manifest["name"])


def _kinds(identity: str, films: Sequence[StoredFilm]) -> Iterator[_Kind]:
    """What is stored of a film, by what it means. Raises DamagedFile if not one file of a kind can be read."""
    by_recipe: dict[str, list[StoredFilm]] = {}
    for stored in films:
        if stored.folder.parts[-3] == identity and stored.chunk_files:
            by_recipe.setdefault(stored.folder.parts[-2], []).append(stored)
    for of_recipe in by_recipe.values():
        fullest = sorted(of_recipe, key=lambda s: (s.manifest is None, -len(s.chunk_files), s.folder.name))
        yield _Kind(_recipe(file for stored in fullest for file in stored.chunk_files), tuple(fullest))


def _recipe(files: Iterable[Path]) -> Recipe:
    damaged: DamagedFile | None = None
    for file in files:
        try:
            return Recipe.from_json(read_own(file)[1]["recipe"])
        except DamagedFile as error:
            damaged = damaged or error
    assert damaged is not None
    raise damaged


def _is_of(timeline: Timeline, recipe: Recipe) -> bool:
    """Whether the timeline was drawn from embeddings of this recipe, but for their input."""
    drawn = timeline.provenance.get("recipe")
    if not isinstance(drawn, dict):
        return False
    return drawn.get("weights") == recipe.weights and drawn.get("fps") == str(recipe.fps)


def _joined(kind: _Kind, identity: str) -> EmbeddingTrack:
    files: dict[str, Path] = {}
    for stored in kind.stored:
        for file in stored.chunk_files:
            files.setdefault(file.name, file)
    chunks = [read_chunk(files[name]) for name in sorted(files, key=lambda name: int(name.partition("-")[0]))]
    index = FrameIndex(
        grid_s=np.concatenate([chunk.index.grid_s for chunk in chunks]),
        frame=np.concatenate([chunk.index.frame for chunk in chunks]),
        pts_s=np.concatenate([chunk.index.pts_s for chunk in chunks]),
        valid=np.concatenate([chunk.index.valid for chunk in chunks]),
    )
    manifest = next((stored.manifest for stored in kind.stored if stored.manifest is not None), None)
    return EmbeddingTrack(
        values=np.concatenate([chunk.values for chunk in chunks]),
        index=index,
        recipe=kind.recipe,
        video_identity=identity,
        is_whole=manifest is not None and manifest.get("num_positions") == len(index),
    )
