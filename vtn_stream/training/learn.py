"""Chooses how to learn on predictions of films that no model learnt, then learns from all films.

k folds, W ways: k W models are trained, each predicts the films of its fold. With what is best there, one model is
trained on all films, and for each fold two on a quarter and on half of the films, for the learning curve.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np

from vtn_stream.embedding import Warned
from vtn_stream.heads import HEADS
from vtn_stream.report.card_facts import CurveFacts
from vtn_stream.track import GridScores
from vtn_stream.training.base import grown_head, way_of
from vtn_stream.training.events import TrainingEvent, TrainingStage
from vtn_stream.training.exam import Exam, examine
from vtn_stream.training.film_source import FilmSource
from vtn_stream.training.films import TrainingFilm
from vtn_stream.training.fine_tuning import backbone_tensors, own_tensors
from vtn_stream.training.fits import EMBEDDED, SUFFIXES, Fit, Lesson, Outcome, files_of, going_on, network_of
from vtn_stream.training.hyperparameters import WIDTH, Hyperparameters, followed, natural_hyperparameters
from vtn_stream.training.key import key_of
from vtn_stream.training.learnt import Learnt
from vtn_stream.training.linear import LinearSettings, natural_linear
from vtn_stream.training.loop import Fitted, check_numbers
from vtn_stream.training.measure import baselines, before, crossed_exam, growth
from vtn_stream.training.out_of_fold import (
    Choice,
    CurvePoint,
    OutOfFold,
    Tables,
    choose,
    cross_fitted,
    unchosen,
)
from vtn_stream.training.overrides import overridden
from vtn_stream.training.prepare import Material
from vtn_stream.training.second_stage import SecondStage
from vtn_stream.training.side_by_side import VALUES, Progress, do_all
from vtn_stream.training.split import NO_FOLD
from vtn_stream.training.ways import Way, films_of, ways_of

__all__ = ["learn", "state_files", "taught_by"]

# Of a training, as shares of its epochs: the learning rate falls as for all of them, and the model is taken there.
LENGTHS = (1.0, 0.75, 0.5)
CURVE = (0.25, 0.5)  # of the groups of films
FEWEST_FOR_CURVE = 4  # groups
OF_FRAMES = ("backbone.", "augmentation.")  # settings of the second stage


def learn(
    material: Material,
    *,
    seed: int,
    epochs: int | None = None,
    backbone: str,
    device: str = "cpu",
    work: Path | None = None,
    source: FilmSource | None = None,
    streamable: bool = False,
    overrides: Sequence[tuple[str, str]] = (),
    on_event: Callable[[TrainingEvent], None] | None = None,
) -> Learnt:
    """Everything in `teach` except files and films. work: the folder of its state and curves; None: not kept.

    source     of the films' frames, from which the image network learns too; None: it stays as it is
    streamable the model can be followed. One that goes on from another can be if that can
    overrides  of settings, as users type them: those of the image network are for its stage, all others for the first
    """
    tell = on_event or (lambda event: None)
    return _Lessons(material, seed, epochs, backbone, device, work, source, streamable, overrides, tell).learn()


class _Lessons:
    def __init__(
        self,
        material: Material,
        seed: int,
        epochs: int | None,
        backbone: str,
        device: str,
        work: Path | None,
        source: FilmSource | None,
        streamable: bool,
        overrides: Sequence[tuple[str, str]],
        tell: Callable[[TrainingEvent], None],
    ) -> None:
        films, fps = (*material.films, *material.held_out), material.plan.fps
        check_numbers(films)
        self._material, self._seed, self._epochs, self._tell = material, seed, epochs, tell
        self._head = HEADS[material.head]
        self._config = self._head.config_for(material.films, len(material.labels), WIDTH)
        self._followed = {"global_token": self._head.names_clips or not streamable}
        if streamable:
            self._config = followed(self._config, fps)
        self._ways = ways_of(material.inputs, material.head)
        self._base = base = material.base
        if base is not None:
            self._config, self._ways = grown_head(base, self._config), (way_of(base),)
        self._folds = sorted(set(material.folds) - {NO_FOLD})
        self._lesson = Lesson(
            films=films,
            inputs=material.inputs,
            labels=material.labels,
            fps=fps,
            backbone=backbone,
            device=device,
            work=work,
            key=""
            if work is None
            else key_of(
                films,
                material.inputs,
                material.labels,
                fps,
                backbone=backbone,
                device=device,
                base="" if base is None else base.digest,
                plugins=HEADS.versions(material.head),
            ),
            base=base,
            source=source,
        )
        of_frames = [one for one in overrides if one[0].startswith(OF_FRAMES)] if source is not None else []
        self._overrides = [one for one in overrides if one not in of_frames]
        self._second = SecondStage(self._lesson, self._config, seed, of_frames, tell)
        if work is not None and (others := files_of(self._lesson, work)[1]):
            num = f"{len(others)} file{'s' * (len(others) > 1)}"
            tell(Warned(message=f"{work.name} holds {num} of another training, of other films or labels: not used"))

    def learn(self) -> Learnt:
        material, head, labels = self._material, self._head, self._material.labels
        compared = [self._of_fold(way, fold) for way in self._ways for fold in self._folds if len(self._folds) > 1]
        self._second.check(compared)
        likely = [*compared, self._final(self._ways[0], 1.0), *chain(*self._shorter(self._ways[0], 1.0))]
        progress = Progress(len(likely), self._cost(likely), self._lesson.work, self._tell)
        self._tell(TrainingStage(name="training"))
        outcomes = do_all(self._lesson, compared, progress)
        tables: dict[tuple[Way, float], OutOfFold] = {}
        for way in self._ways if compared else ():
            of_way = [(one, its) for one, its in zip(compared, outcomes, strict=True) if one.way == way]
            for length in of_way[0][0].lengths:
                tables[way, length] = self._table([(one, its.predictions[length]) for one, its in of_way])
        if tables:
            done = list(zip(compared, outcomes, strict=True))
            tables |= self._second.tables(tables, done, progress, self._table)
            choice = choose(tables, head, self._config, labels, self._folds, self._base)
        else:
            choice = unchosen(self._ways[0], head, self._config, material.films, labels, self._base)

        final, shorter, whole, less = self._last(choice, progress)
        if choice.way.tunes:
            length = self._second.begins[1]
            assert whole.weights is not None
            tuned = self._second.whole(final, length, whole.weights[length], progress)
            if tuned is not None:
                final, whole = tuned
                self._second.say_again(choice)
            else:
                tables = {key: table for key, table in tables.items() if not key[0].tunes}
                choice = choose(tables, head, self._config, labels, self._folds, self._base)
                final, shorter, whole, less = self._last(choice, progress)
        self._tell(TrainingStage(name="measuring"))
        crossed = cross_fitted(tables, head, self._config, labels, self._base) if tables else None
        exam = None if crossed is None else crossed_exam(crossed, choice, labels, material.head, self._config)
        assert whole.weights is not None
        weights = whole.weights[choice.length]
        network = network_of(final, self._lesson, own_tensors(weights))
        head.calibrate(network, choice.calibration)
        notes = list(whole.notes)
        if crossed is None and self._base is not None:
            notes.append(f"Fewer than two films are new to {self._base.name}: nothing was chosen or measured.")
        elif crossed is None:
            what = "There was one film" if len(material.films) == 1 else "All films are of one source"
            notes.append(f"{what}: nothing was chosen or measured, and no threshold was fitted.")
        elif stopped := sum(its.stopped for its in (*outcomes, *less)):
            notes.append(f"{stopped} of the {len(outcomes) + len(less)} models that were compared stopped early.")
        if self._lesson.source is not None:
            notes.append(self._second.said(choice))
        return Learnt(
            seed=self._seed,
            settings=final.settings,
            fitted=Fitted(
                network=network,
                num_epochs=whole.num_epochs,
                losses=whole.losses,
                notes=whole.notes,
            ),
            choice=choice,
            out_of_fold=tables[choice.way, choice.length] if tables else None,
            crossed=crossed,
            exam=exam,
            baselines=self._baselines(tables, choice) if tables else {},
            curve=None if exam is None or choice.way.tunes else self._growth(exam, compared, shorter, less, choice),
            held_out=self._held_out(whole.predictions[choice.length], choice),
            notes=tuple(notes),
            backbone=backbone_tensors(weights) or None,
            begun=self._lesson.source.encoder.weights_digest if choice.way.tunes and self._lesson.source else "",
            is_finished=not self._second.given_up,
        )

    # ---- the fits

    def _last(self, choice: Choice, progress: Progress) -> tuple[Fit, list[list[Fit]], Outcome, list[Outcome]]:
        """The model of all films in the chosen way, or the one from which an image network goes on; and those for the
        learning curve, which the latter has not.
        """
        way, length = self._second.begins if choice.way.tunes else (choice.way, choice.length)
        final, shorter = self._final(way, length), [] if choice.way.tunes else self._shorter(way, length)
        last = [final, *chain(*shorter)]
        progress.now_known(len(last), self._cost(last))
        whole, *less = do_all(self._lesson, last, progress)
        return final, shorter, whole, less

    def _of_fold(self, way: Way, fold: int) -> Fit:
        """Learns the other folds, and predicts this one."""
        places = self._places()
        learns = tuple(n for n in places if self._material.folds[n] != fold)
        reads = tuple(n for n in places if self._material.folds[n] == fold)
        lengths = LENGTHS if way.model == "network" else (1.0,)
        one = self._fit(f"{way.name}, fold {fold + 1} of {len(self._folds)}", way, learns, reads, lengths)
        return replace(one, keeps_weights=self._lesson.source is not None)

    def _final(self, way: Way, length: float) -> Fit:
        """Learns all films, and predicts those that are held out."""
        num = len(self._material.films)
        apart = tuple(range(num, num + len(self._material.held_out)))
        return replace(self._fit("all films", way, self._places(), apart, (length,)), keeps_weights=True)

    def _shorter(self, way: Way, length: float) -> list[list[Fit]]:
        """For the learning curve, for each share of all groups: each fold is predicted by a model that learnt so many
        groups of the others. What a small share has, a large one has too.
        """
        groups = sorted({film.group for film in self._material.films})
        if len(self._folds) < 2 or len(groups) < FEWEST_FOR_CURVE or self._base is not None:
            return []
        shares = [round(share * len(groups)) for share in CURVE]
        fits: dict[int, list[Fit]] = {num: [] for num in shares}
        for fold in self._folds:
            one = self._of_fold(way, fold)
            others = sorted({self._material.films[n].group for n in one.learns})
            drawn = np.random.default_rng([self._seed, fold]).permutation(others).tolist()
            for num in shares:
                some = set(drawn[:num])
                learns = tuple(n for n in one.learns if self._material.films[n].group in some)
                if num < len(others) and any(taught_by(self._material.films[n]) for n in learns):
                    fits[num].append(
                        self._fit(f"{one.name}, {num} of {len(groups)}", way, learns, one.reads, (length,))
                    )
        return [of_share for of_share in fits.values() if len(of_share) == len(self._folds)]

    def _fit(
        self, name: str, way: Way, learns: tuple[int, ...], reads: tuple[int, ...], lengths: tuple[float, ...]
    ) -> Fit:
        """With the settings that suit the films that are learnt, and the head that suits all."""
        material = self._material
        films = films_of([material.films[n] for n in learns], material.inputs, way)
        kind, labels, fps = material.head, material.labels, material.plan.fps
        settings: Hyperparameters | LinearSettings
        if way.model == "linear":
            settings = natural_linear(films, labels, kind, fps)
        else:
            settings = natural_hyperparameters(
                films, labels, kind, fps, motion=way.motion, seed=self._seed, num_epochs=self._epochs, **self._followed
            )
        settings = replace(settings, head=self._config)
        if self._base is not None:
            settings = going_on(self._base, settings)
        if isinstance(settings, Hyperparameters):  # last: nothing that a user set is replaced
            settings = overridden(settings, self._overrides, keeps_sizes=self._base is not None)
        return Fit(name=name, way=way, learns=learns, reads=reads, settings=settings, lengths=lengths)

    def _places(self) -> tuple[int, ...]:
        return tuple(range(len(self._material.films)))

    def _cost(self, fits: Sequence[Fit]) -> float:
        return sum(one.cost(self._lesson) for one in fits)

    # ---- what they predict

    def _table(self, read: Sequence[tuple[Fit, Sequence[GridScores]]]) -> OutOfFold:
        """Of fits that read some of the films each."""
        scores = {n: its for one, predictions in read for n, its in zip(one.reads, predictions, strict=True)}
        places = sorted(scores)
        return OutOfFold(
            films=tuple(self._material.films[n] for n in places),
            folds=tuple(self._material.folds[n] for n in places),
            predictions=tuple(scores[n] for n in places),
        )

    def _curve(
        self, shorter: Sequence[Sequence[Fit]], predictions: Iterator[Sequence[GridScores]]
    ) -> tuple[CurvePoint, ...]:
        return tuple(
            CurvePoint(
                num_films=float(np.mean([len(one.learns) for one in fits])),
                out_of_fold=self._table([(one, next(predictions)) for one in fits]),
            )
            for fits in shorter
        )

    def _baselines(self, tables: Tables, choice: Choice) -> dict[str, dict[str, float]]:
        """Simpler models, and the one from which the training goes on, as it is."""
        material = self._material
        beside = baselines(tables, choice, material.labels, material.head, self._config)
        if self._base is None:
            return beside
        films = next(iter(tables.values())).films
        return {"model before": before(self._base, films, material.labels, material.plan.fps), **beside}

    def _growth(
        self,
        exam: Exam,
        compared: Sequence[Fit],
        shorter: Sequence[Sequence[Fit]],
        outcomes: Sequence[Outcome],
        choice: Choice,
    ) -> CurveFacts | None:
        points = self._curve(shorter, iter(its.predictions[choice.length] for its in outcomes))
        num_films = float(np.mean([len(one.learns) for one in compared]))
        return growth(exam, num_films, points, choice, self._material.labels, self._material.head, self._config)

    def _held_out(self, predictions: Sequence[GridScores], choice: Choice) -> Exam | None:
        films, head, labels = self._material.held_out, self._material.head, self._material.labels
        if not any(map(taught_by, films)):
            return None
        return examine(films, predictions, labels, head, self._config, choice.thresholds, [choice] * len(films))


def taught_by(film: TrainingFilm) -> list[str]:
    """The label of each of the film's examples."""
    return [s.label for s in film.segments] if film.clip_label is None else [film.clip_label]


def state_files(work: Path) -> list[Path]:
    """The files and folders that `learn` keeps in the folder, to go on from; also of other trainings."""
    return [
        *(file for suffix in (*SUFFIXES, EMBEDDED) for file in sorted(work.glob(f"*.{suffix}"))),
        *work.glob(VALUES),
    ]
