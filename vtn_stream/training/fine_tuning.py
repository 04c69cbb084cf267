"""One fit whose image network learns: on from what the rest has learnt, to predictions of films embedded again.

Such fits are done one after the other in this process, with as many threads as there are cores. The network's own
embeddings of the films that are read never go to the store.
"""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from vtn_stream.backbone import FrameEncoder, trainable, weights_digest
from vtn_stream.backbone.learning import TrainableBackbone
from vtn_stream.backbone.speed import num_cores
from vtn_stream.errors import CheckpointError, TrainingError
from vtn_stream.heads import head_of
from vtn_stream.model import VTN, VTNConfig
from vtn_stream.sampling import SamplingPlan
from vtn_stream.store import EmbeddingStore
from vtn_stream.track import Recipe
from vtn_stream.training.crops import Crops
from vtn_stream.training.events import TrainingEvent
from vtn_stream.training.film_frames import REFRESHED_EVERY, FilmFrames, bank_of
from vtn_stream.training.film_shots import FilmShots
from vtn_stream.training.films import TrainingFilm, embedded
from vtn_stream.training.fits import EMBEDDED, Fit, Lesson, Outcome, keep, network_of, state_of
from vtn_stream.training.freed_memory import keep_freed_memory
from vtn_stream.training.hyperparameters import Hyperparameters
from vtn_stream.training.loop import run
from vtn_stream.training.validation import predictions
from vtn_stream.training.ways import films_of
from vtn_stream.video import DecodingProcess

__all__ = ["BACKBONE", "Speed", "backbone_tensors", "measured_speed", "own_tensors", "recipe_after", "tune"]

BACKBONE = "backbone."  # begins the names of the image network's tensors
TIMED_PIECES = 2
Tell = Callable[[TrainingEvent], None]


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds to learn from a frame, and to embed one."""

    learning_s: float
    embedding_s: float


def backbone_tensors(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Those of the image network, by timm's names."""
    return {name.removeprefix(BACKBONE): tensor for name, tensor in weights.items() if name.startswith(BACKBONE)}


def own_tensors(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Those of the encoder and the head."""
    return {name: tensor for name, tensor in weights.items() if not name.startswith(BACKBONE)}


def recipe_after(recipe: Recipe, tensors: Mapping[str, Tensor]) -> Recipe:
    """What embeddings of the network mean once it has these tensors."""
    return replace(recipe, weights=weights_digest(tensors))


def tune(lesson: Lesson, one: Fit, begun: Mapping[str, Tensor], tell: Tell) -> Outcome:
    """Learns on from the weights `begun`, and predicts. One that was killed goes on, on as many cores to the same bits.

    Raises TrainingError, BackboneError; VideoError where a film that is read cannot be.
    """
    settings, source = one.settings, lesson.source
    assert isinstance(settings, Hyperparameters)
    assert settings.backbone is not None
    assert source is not None
    with _threads(num_cores()), DecodingProcess() as process:
        network = _network(lesson, one, begun)
        backbone = network.backbone
        assert isinstance(backbone, TrainableBackbone)
        films = bank_of(films_of([lesson.films[n] for n in one.learns], lesson.inputs, one.way))
        hold = head_of(settings.head).learns_segments
        crops = Crops(films, lesson.labels, settings.crop_positions, settings.batch_size, hold=hold)
        shots = FilmShots(films, source, one.way.inputs)

        def again() -> list[TrainingFilm]:
            return _embedded_again(lesson, one, films, backbone_tensors(network.state_dict()), process, tell)

        examples = FilmFrames(
            films,
            crops,
            shots,
            settings.backbone,
            process,
            refresh=again if settings.num_epochs > REFRESHED_EVERY else None,
            on_event=tell,
        )
        keep_freed_memory()
        fitted = run(
            examples,
            network.to(lesson.device),
            settings,
            stops=[settings.num_epochs],
            state=state_of(lesson, one),
            on_event=tell,
        )
        weights = {name: tensor.detach().cpu() for name, tensor in fitted.network.state_dict().items()}
        read = films_of([lesson.films[n] for n in one.reads], lesson.inputs, one.way)
        try:
            read = tuple(_embedded_again(lesson, one, read, backbone_tensors(weights), process, tell))
            predicted = tuple(predictions(network_of(one, lesson, own_tensors(weights)), read, lesson.fps))
        except CheckpointError as error:
            raise TrainingError(
                f"what a model predicted of films that it did not learn is not a number ({one.name})",
                "training stopped",
                "train without --learn-backbone, or try another --seed",
            ) from error
    notes = list(fitted.notes)
    if examples.lost:
        num = len(examples.lost)
        notes.append(f"Of {num} film{'s' * (num > 1)} not all frames could be decoded while the image network learned.")
    outcome = Outcome(
        predictions={1.0: predicted},
        num_epochs=fitted.num_epochs,
        losses=fitted.losses,
        notes=tuple(notes),
        stopped=fitted.stopped,
        weights={1.0: weights} if one.keeps_weights else None,
    )
    keep(lesson, one, outcome)
    return outcome


def measured_speed(lesson: Lesson, one: Fit, begun: Mapping[str, Tensor]) -> Speed:
    """How fast this machine learns from frames, and embeds them: of a few, made of noise. Changes nothing."""
    settings = one.settings
    assert isinstance(settings, Hyperparameters)
    assert settings.backbone is not None
    network = _network(lesson, one, begun).to(lesson.device).train()
    backbone = network.backbone
    assert isinstance(backbone, TrainableBackbone)
    piece = settings.backbone.piece or 16
    generator = torch.Generator().manual_seed(0)
    shape = (TIMED_PIECES * piece, 3, *backbone.size)
    frames = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8).to(lesson.device)
    with _threads(num_cores()):
        seconds = []
        for learns in (True, False):
            for _ in range(2):  # the first one also makes room
                begin = time.monotonic()
                with torch.set_grad_enabled(learns):
                    total = network.embed(frames, piece).sum()
                if learns:
                    total.backward()  # type: ignore[no-untyped-call]
                float(total.detach())
            seconds.append((time.monotonic() - begin) / len(frames))
    return Speed(*seconds)


def _network(lesson: Lesson, one: Fit, begun: Mapping[str, Tensor]) -> VTN:
    """With the image network as it was, and what the rest has learnt."""
    settings, source = one.settings, lesson.source
    assert isinstance(settings, Hyperparameters)
    assert settings.backbone is not None
    assert source is not None
    recipe = source.encoder.recipe(lesson.fps)
    learning = settings.backbone
    backbone = trainable(
        lesson.backbone, source.weights, recipe=recipe, blocks=learning.blocks, drop_path=learning.drop_path
    )
    if (there := backbone.recipe(recipe.fps)) != recipe:
        raise TrainingError(
            f"the weights of {lesson.backbone} are {there.weights[:12]}, and the films were embedded with "
            f"{recipe.weights[:12]}",
            "the image network cannot learn",
            "give the same command again",
        )
    network = VTN(VTNConfig(backbone=lesson.backbone, encoder=settings.encoder, head=settings.head), backbone)
    network.load_state_dict({**network.state_dict(), **begun})
    return network


def _embedded_again(
    lesson: Lesson,
    one: Fit,
    films: Sequence[TrainingFilm],
    tensors: Mapping[str, Tensor],
    process: DecodingProcess,
    tell: Tell,
) -> list[TrainingFilm]:
    """The films with embeddings of a network that has these tensors, as `analyze` will compute them."""
    source = lesson.source
    assert source is not None
    if not films:
        return []
    recipe = recipe_after(source.encoder.recipe(lesson.fps), tensors)
    encoder = FrameEncoder(
        lesson.backbone, weights=dict(tensors), recipe=recipe, device="cpu" if lesson.device == "cpu" else "cuda"
    )
    found = []
    with _own_store(lesson, one, recipe.weights) as store:
        for film in films:
            video = source.videos[film.name]
            values, index = embedded(
                video,
                SamplingPlan(lesson.fps),
                encoder,
                store,
                process,
                one.way.inputs,
                lambda event: None,
                region=film.region,
            )
            found.append(replace(film, values=values, index=index))
    return found


@contextmanager
def _own_store(lesson: Lesson, one: Fit, digest: str) -> Iterator[EmbeddingStore]:
    """A store that is there for the block only, or until a training that was killed has gone on."""
    state = state_of(lesson, one)
    if state is None:
        with tempfile.TemporaryDirectory() as temporary:
            yield EmbeddingStore(Path(temporary))
        return
    folder = state[0].with_suffix(f".{EMBEDDED}")
    yield EmbeddingStore(folder)
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _threads(num: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(num)
    try:
        yield
    finally:
        torch.set_num_threads(before)
