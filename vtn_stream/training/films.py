"""Films to train on, in memory: their embeddings, their clock, and what happens in them.

T positions of a film's grid, D embedding width, of all inputs together. Values are float16: 100 hours at 4 positions a
second and D = 1280 take 3.7 GB of memory.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vtn_stream.embedding import ChunkReady, Warned, embed
from vtn_stream.errors import InputError, VideoError, listed
from vtn_stream.film import FrameIndex, VideoInfo
from vtn_stream.formats.annotations.annotated import Subset
from vtn_stream.known import Known
from vtn_stream.sampling import SamplingPlan
from vtn_stream.store import EmbeddingStore
from vtn_stream.timeline import Segment
from vtn_stream.track import PICTURE, WHOLE, Recipe
from vtn_stream.training.events import TrainingEvent, TrainingStage
from vtn_stream.training.footage import Footage
from vtn_stream.training.split import group
from vtn_stream.video import DecodingProcess

if TYPE_CHECKING:
    from vtn_stream.backbone import FrameEncoder

__all__ = ["TrainingFilm", "Work", "embed_films", "embedded", "work_to_do"]

MAX_BYTES = 16 * 2**30  # of all values: a machine that trains has such memory, most have little more


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingFilm:
    """A film to learn from, or to validate on.

    name      its id in the annotations
    identity  of its content, as `VideoInfo` has it
    group     what films of one scene share
    values    float16 [T, D], the columns of each input side by side, zero where the index is invalid
    index     their clock
    segments  seconds, sorted; of a whole clip, one from 0 to its end
    known     in which of its time it is known what happens; None: in all of it
    region    of the picture that was embedded, as a recipe names it
    is_new    False: the model from which a training goes on knows it
    """

    name: str
    identity: str
    group: str
    subset: Subset | None
    values: NDArray[np.float16]
    index: FrameIndex
    duration_s: float
    segments: tuple[Segment, ...]
    clip_label: str | None
    known: Known | None = None
    region: str = WHOLE
    is_new: bool = True

    def __post_init__(self) -> None:
        if self.values.dtype != np.float16 or self.values.ndim != 2 or len(self.values) != len(self.index):
            raise ValueError(
                f"values must be float16 [T, D] with T = {len(self.index)}, "
                f"got {self.values.dtype} {list(self.values.shape)}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Positions of the films' grids, how many of them are not stored, and how many films are stored only at another
    rate, or of another network.
    """

    num_positions: int
    num_missing: int
    num_films_elsewhere: int


def work_to_do(
    footage: Footage,
    names: Sequence[str],
    recipe: Recipe,
    store: EmbeddingStore,
    *,
    inputs: Sequence[str] = (PICTURE,),
    regions: Mapping[str, str] = {},
) -> Work:
    """The work of embedding these films, by the names of the stored files: no file is read. recipe: of the picture.
    regions: as `embed_films` has them.
    """
    plan = SamplingPlan(recipe.fps)
    recipes = {name: replace(recipe, region=regions.get(name, recipe.region)) for name in names}
    chunks_of = [(recipes[name], chunk) for name in names for chunk in plan.chunks(footage.videos[name])]
    identities = {chunk.video_identity for _, chunk in chunks_of}  # of each file by itself
    stored: dict[tuple[str, str], set[str]] = defaultdict(set)
    elsewhere = set()
    for film in store.films():
        identity, digest = film.folder.parent.parent.name, film.folder.parent.name
        if identity in identities and film.chunk_files:
            stored[identity, digest] |= {file.stem for file in film.chunk_files}
            elsewhere.add(identity)
    num_positions = num_missing = 0
    digests = {of: [replace(of, input=name).digest for name in inputs] for of in set(recipes.values())}
    for its, chunk in chunks_of:
        have = [stored.get((chunk.video_identity, digest), set()) for digest in digests[its]]
        if any(have):
            elsewhere.discard(chunk.video_identity)
        num_positions += len(chunk)
        num_missing += 0 if all(chunk.key in keys for keys in have) else len(chunk)
    return Work(num_positions=num_positions, num_missing=num_missing, num_films_elsewhere=len(elsewhere))


def embed_films(
    footage: Footage,
    names: Sequence[str],
    plan: SamplingPlan,
    encoder: "FrameEncoder",
    store: EmbeddingStore,
    process: DecodingProcess,
    *,
    inputs: Sequence[str] = (PICTURE,),
    regions: Mapping[str, str] = {},
    skip_bad: bool = False,
    on_event: Callable[[TrainingEvent], None] | None = None,
) -> dict[str, TrainingFilm]:
    """The films by id, in this order, through these inputs. Chunks that the store lacks are embedded and stored.

    regions: of the pictures, by the films' names, as a recipe names them; else the encoder's. skip_bad: films that
    cannot be decoded are left out and reported. Raises InputError, before anything is embedded, where the values would
    take more than 16 GiB; VideoError with every film that cannot be decoded, when the others are all stored;
    StoreError.
    """
    tell = on_event or (lambda event: None)
    num_positions = sum(plan.num_positions(footage.videos[name]) for name in names)
    _check_memory(num_positions, encoder.num_features * len(inputs))
    films: dict[str, TrainingFilm] = {}
    failed: dict[str, VideoError] = {}
    for name in names:
        video = footage.videos[name]
        tell(TrainingStage(name="embedding", message=video.path.name))
        try:
            region = regions.get(name, encoder.recipe(plan.fps).region)
            values, index = embedded(video, plan, encoder, store, process, inputs, tell, region=region)
        except VideoError as error:
            failed[name] = error
            if skip_bad:
                tell(Warned(message=f"left out: {error}"))
            continue
        annotated = footage.annotations.videos[name]
        films[name] = TrainingFilm(
            name=name,
            identity=video.identity,
            group=group(name, annotated),
            subset=annotated.subset,
            values=values,
            index=index,
            duration_s=video.duration_s,
            segments=annotated.segments,
            clip_label=annotated.clip_label,
            known=annotated.known,
            region=region,
        )
    if failed and not (skip_bad and films):
        facts = listed(error.fact for error in failed.values())
        raise VideoError(
            f"{len(failed)} of {len(names)} films cannot be used ({facts})",
            "nothing was trained; the embeddings of the others are stored",
            "copy or download these films again, or leave them out with --skip-bad",
        )
    return films


def _check_memory(num_positions: int, num_features: int) -> None:
    num_bytes = num_positions * num_features * 2
    if num_bytes > MAX_BYTES:
        raise InputError(
            f"the {num_positions} positions of the films would take {num_bytes / 2**30:.1f} GiB of memory",
            f"more than {MAX_BYTES / 2**30:.0f} GiB are refused",
            "lower --fps, or train with fewer films",
        )


def embedded(
    video: VideoInfo,
    plan: SamplingPlan,
    encoder: "FrameEncoder",
    store: EmbeddingStore,
    process: DecodingProcess,
    inputs: Sequence[str],
    tell: Callable[[TrainingEvent], None],
    *,
    region: str,
) -> tuple[NDArray[np.float16], FrameIndex]:
    """Values [T, D] and their clock. Raises VideoError if not one position could be decoded."""
    chunks = plan.chunks(video)
    values = np.zeros((plan.num_positions(video), encoder.num_features * len(inputs)), np.float16)
    valid = np.zeros(len(values), np.bool_)
    for event in embed(video, chunks, plan, encoder, store, process, inputs=inputs, regions=[region]):
        tell(event)
        if isinstance(event, ChunkReady):
            values[event.chunk.rows] = event.values
            valid[event.chunk.rows] = event.index.valid
    index = replace(plan.grid(video), valid=valid)
    if not index.valid.any():
        raise VideoError(
            f"no frame of {video.path.name} can be decoded",
            "there is nothing to learn from",
            "copy or download the film again",
        )
    lost = int(np.count_nonzero(~index.valid & (index.frame >= 0)))
    if lost:
        tell(Warned(message=f"{video.path.name}: {lost} of {len(index)} positions cannot be decoded and are not used"))
    return values, index
