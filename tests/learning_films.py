"""Clips of a few seconds, of one texture each, and the lesson of a tiny image network that learns from them."""

from dataclasses import replace
from fractions import Fraction

from planted import small

from vtn_stream.backbone import FrameEncoder
from vtn_stream.model import ClassificationConfig, EncoderConfig
from vtn_stream.sampling import SamplingPlan
from vtn_stream.store import EmbeddingStore
from vtn_stream.timeline import Segment
from vtn_stream.track import WHOLE
from vtn_stream.training.augment import Augmentation
from vtn_stream.training.film_source import FilmSource
from vtn_stream.training.films import TrainingFilm, embedded
from vtn_stream.training.fits import Lesson
from vtn_stream.training.hyperparameters import BackboneLearning
from vtn_stream.video import DecodingProcess, probe

FPS = Fraction(2)
LABELS = ("run", "jump")
INPUTS = ("picture", "change-1/2")
SIZE = 32
SECONDS = 6  # 12 positions


def lesson_of(folder, film_maker, tiny, tiny_weights, num=4):
    """Clips of textures 1 and 2 by turns, embedded by the tiny network with random weights."""
    encoder = FrameEncoder(tiny, weights=tiny_weights, size=SIZE, pooling="maximum", device="cpu")
    films, videos, store = [], {}, EmbeddingStore(folder / "store")
    with DecodingProcess() as process:
        for n in range(num):
            video = probe(film_maker(folder / f"clip {n}.mp4", [(SECONDS, 1 + n % 2)]), process)
            values, index = embedded(
                video, SamplingPlan(FPS), encoder, store, process, INPUTS, lambda event: None, region=WHOLE
            )
            videos[f"clip {n}"] = video
            films.append(
                TrainingFilm(
                    name=f"clip {n}",
                    identity=video.identity,
                    group=f"clip {n}",
                    subset=None,
                    values=values,
                    index=index,
                    duration_s=video.duration_s,
                    segments=(Segment(start_s=0.0, end_s=video.duration_s, label=LABELS[n % 2]),),
                    clip_label=LABELS[n % 2],
                )
            )
    return Lesson(
        films=tuple(films),
        inputs=INPUTS,
        labels=LABELS,
        fps=FPS,
        backbone=tiny,
        device="cpu",
        key="clips",
        source=FilmSource(videos=videos, encoder=encoder, weights=tiny_weights, blocks="all"),
    )


def settings_of(lesson, *, share=1.0, piece=4, num_epochs=2, lags=(2,), num_positions=12, **changes):
    """Of a network that reads differences to earlier positions."""
    begun = small("classification", num_epochs=num_epochs, crop_positions=num_positions, **changes)
    encoder: EncoderConfig = replace(
        begun.encoder, input_width=lesson.films[0].values.shape[1], difference_lags=lags, dropout=0.0
    )
    return replace(
        begun,
        encoder=encoder,
        head=ClassificationConfig(num_classes=2, dropout=0.0),
        learning_rate=1e-3,
        backbone=BackboneLearning(
            piece=piece, share=share, augmentation=Augmentation(area=(0.7, 1.0), flip=0.5), drop_path=0.0
        ),
    )
