"""The second stage of a training: the image network learns too, after the rest has learnt from what it gave before.

For each fold, the model goes on that is best on the other folds, so that what is predicted of a fold depends on nothing
in it. These predictions are one more way to learn; the usual choice keeps it only where they say so. Where the stage
cannot be finished, the training ends with the model that was learnt before it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from vtn_stream.backbone import last_blocks, passes_over
from vtn_stream.embedding import Warned
from vtn_stream.errors import TrainingError, VtnStreamError
from vtn_stream.heads import HEADS
from vtn_stream.model import HeadConfig
from vtn_stream.track import GridScores
from vtn_stream.training.events import TrainingEvent, TrainingStage
from vtn_stream.training.fine_tuning import Speed, measured_speed, tune
from vtn_stream.training.fits import Fit, Lesson, Outcome, kept
from vtn_stream.training.hyperparameters import Hyperparameters
from vtn_stream.training.out_of_fold import Choice, OutOfFold, Tables, choose, cross_fitted
from vtn_stream.training.overrides import overridden
from vtn_stream.training.side_by_side import Progress, telling
from vtn_stream.training.trouble import told_as_errors
from vtn_stream.training.tuning import crop_frames, tuning
from vtn_stream.training.ways import Way, films_of

__all__ = ["SecondStage"]

PRODUCTS_PER_S = 6e9  # of a fit that is done on embeddings, on one core: by it both kinds of fits have one measure
Start = tuple[Way, float]  # and the length at which it goes on


@dataclass(slots=True, eq=False)
class SecondStage:
    """seed and overrides as they are asked for; head: that of all models of the training.

    begins    from what the model of all films goes on, once there are tables
    given_up  why it could not be finished, without names of films; "": it was
    """

    lesson: Lesson
    head: HeadConfig
    seed: int
    overrides: Sequence[tuple[str, str]]
    tell: Callable[[TrainingEvent], None]
    begins: Start = (Way(name="network"), 1.0)
    given_up: str = ""
    _speed: Speed | None = None

    def tables(
        self,
        tables: Tables,
        done: Sequence[tuple[Fit, Outcome]],
        progress: Progress,
        table_of: Callable[[Sequence[tuple[Fit, Sequence[GridScores]]]], OutOfFold],
    ) -> dict[Start, OutOfFold]:
        """The predictions of models whose image network learned, as one more way; none if it does not, or cannot.
        done: the fits from which tables are, one for each fold and way; table_of makes one.
        """
        if self.lesson.source is None or not any(way.can_be_tuned(self.head.kind) for way, _ in tables):
            return {}
        try:
            return self._tables(tables, done, progress, table_of)
        except VtnStreamError as error:
            self._give_up(error)
            return {}

    def check(self, fits: Sequence[Fit]) -> None:
        """Before anything is trained. fits: of the first stage. Raises InputError for overrides that cannot be."""
        for one in fits:
            if self.lesson.source is not None and one.way.can_be_tuned(self.head.kind):
                self.fit(one, 1.0, one.name)

    def whole(
        self, first: Fit, length: float, begun: Mapping[str, Tensor], progress: Progress
    ) -> tuple[Fit, Outcome] | None:
        """The model of all films, whose image network learns; None: it cannot."""
        one = self.fit(first, length, "all films, image network trained", keeps_weights=True)
        try:
            cost = self.cost(one, begun)
            progress.now_known(1, cost)
            return one, self.do(one, begun, cost, progress)
        except VtnStreamError as error:
            self._give_up(error)
            return None

    def _give_up(self, error: VtnStreamError) -> None:
        """Says why, and what is done instead: the model that was learnt before is whole."""
        self.given_up = (
            error.fact if isinstance(error, TrainingError) else "not all films could be read and embedded again"
        )
        kept = "" if self.lesson.work is None else f", and what was done is kept in {self.lesson.work.name}"
        instead = f"the model is written with the image network as it was{kept}"
        self.tell(TrainingStage(name="training"))
        self.tell(Warned(message=f"{error.fact}; {instead}; to try again, with --overwrite: {error.cure}"))

    def _tables(
        self,
        tables: Tables,
        done: Sequence[tuple[Fit, Outcome]],
        progress: Progress,
        table_of: Callable[[Sequence[tuple[Fit, Sequence[GridScores]]]], OutOfFold],
    ) -> dict[Start, OutOfFold]:
        source = self.lesson.source
        assert source is not None
        source.check_there(self.lesson.films)
        starts, self.begins = self.starts(tables)
        first_table = next(iter(tables.values()))
        fold_of = {film.name: fold for film, fold in zip(first_table.films, first_table.folds, strict=True)}
        fits: list[tuple[Fit, Mapping[str, Tensor]]] = []
        for fold, (way, length) in starts.items():
            of_fold = (
                it for it in done if it[0].way == way and fold_of[self.lesson.films[it[0].reads[0]].name] == fold
            )
            first, outcome = next(of_fold)
            assert outcome.weights is not None
            name = f"{way.tuned.name}, fold {fold + 1} of {len(starts)}"
            fits.append((self.fit(first, length, name), outcome.weights[length]))
        costs = [self.cost(*fit) for fit in fits]
        self.say([one for one, _ in fits])
        progress.now_known(len(fits) + 1, sum(costs) + costs[0])
        read = [
            (one, self.do(one, begun, cost, progress).predictions[1.0])
            for (one, begun), cost in zip(fits, costs, strict=True)
        ]
        self.tell(TrainingStage(name="training"))
        return {(self.begins[0].tuned, 1.0): table_of(read)}

    def said(self, choice: Choice) -> str:
        """What became of the image network, in words."""
        if self.given_up:
            return (
                f"The image network was to learn too, and this was given up because {self.given_up}. It stays as it "
                "was, and the model is the one that was learnt before."
            )
        tuned = choice.worths.get(self.begins[0].tuned.name)
        if tuned is None:
            return "The image network was to learn too. Nothing could be compared, so it stays as it is."
        others = max(worth for name, worth in choice.worths.items() if name != self.begins[0].tuned.name)
        metric = HEADS[self.head.kind].metric_name
        figures = f"{metric} {100 * tuned:.1f} % with it trained, {100 * others:.1f} % with it fixed"
        if choice.way.tunes:
            return f"The image network was trained too, and this is kept: {figures}. There is no learning curve of it."
        return f"The image network was trained too, and it was not kept: {figures}."

    def starts(self, tables: Tables) -> tuple[dict[int, Start], Start]:
        """From what to go on in each fold, and with all films. tables: of ways in which the image network is fixed."""
        kind, labels = HEADS[self.head.kind], self.lesson.labels
        possible = {key: table for key, table in tables.items() if key[0].can_be_tuned(self.head.kind)}
        crossed = cross_fitted(possible, kind, self.head, labels, self.lesson.base)
        folds = sorted(crossed.choices)
        whole = choose(possible, kind, self.head, labels, folds, self.lesson.base)
        return {fold: (its.way, its.length) for fold, its in crossed.choices.items()}, (whole.way, whole.length)

    def fit(self, first: Fit, length: float, name: str, *, keeps_weights: bool = False) -> Fit:
        """The fit that goes on from another one, where it was after that length."""
        lesson, source = self.lesson, self.lesson.source
        assert source is not None
        films = films_of([lesson.films[n] for n in first.learns], lesson.inputs, first.way)
        blocks = "all" if source.blocks == "all" else last_blocks(lesson.backbone)
        of_clips = HEADS[self.head.kind].names_clips
        settings = tuning(
            first.settings,
            films,
            lesson.labels,
            blocks,
            names_clips=of_clips,
            seed=self.seed,
            passes_over=passes_over(lesson.backbone),
        )
        return Fit(
            name=name,
            way=first.way.tuned,
            learns=first.learns,
            reads=first.reads,
            settings=overridden(settings, self.overrides),
            after=replace(first, lengths=(length,), keeps_weights=True),
            keeps_weights=keeps_weights,
        )

    def cost(self, one: Fit, begun: Mapping[str, Tensor]) -> float:
        """About how long it takes, in the measure of other fits; measured once."""
        if self._speed is None:
            with told_as_errors(lambda: "the image network cannot learn"):
                self._speed = measured_speed(self.lesson, one, begun)
        return PRODUCTS_PER_S * (_epoch_s(one, self.lesson, self._speed) * _epochs(one) + self._reading_s(one))

    def say(self, fits: Sequence[Fit]) -> None:
        """What is to come, in one line. Call it once a cost is known."""
        assert self._speed is not None
        epoch_s = _epoch_s(fits[0], self.lesson, self._speed)
        total_s = sum(_epoch_s(one, self.lesson, self._speed) * _epochs(one) + self._reading_s(one) for one in fits)
        self.tell(
            TrainingStage(
                name="training the image network",
                message=f"about {_time(epoch_s)} an epoch, {len(fits)} model{'s' * (len(fits) > 1)} of "
                f"{_epochs(fits[0])} epochs: "
                f"{_time(total_s)} in all, and as long as one model more if it is kept",
            )
        )

    def say_again(self, choice: Choice) -> None:
        """That a model with an image network of its own finds nothing in the store."""
        if not choice.way.tunes or self._speed is None:
            return
        num = sum(len(film.values) for film in self.lesson.films)
        seconds = num * len(choice.way.inputs) * self._speed.embedding_s
        self.tell(
            Warned(
                message="the model has an image network of its own: it embeds every film again, also those that it "
                f"learnt; for these {num} positions that takes about {_time(seconds)}"
            )
        )

    def do(self, one: Fit, begun: Mapping[str, Tensor], cost: float, progress: Progress) -> Outcome:
        """The outcome, of an earlier run or of this one."""
        outcome, complaint = kept(self.lesson, one)
        if complaint is not None:
            progress.warn(complaint)
        if outcome is None:
            source = self.lesson.source
            assert source is not None
            source.check_there([self.lesson.films[n] for n in (*one.learns, *one.reads)])
            with told_as_errors(lambda: "the image network cannot learn"):
                outcome = tune(self.lesson, one, begun, telling(progress, one, cost))
        progress.finished(one, cost)
        return outcome

    def _reading_s(self, one: Fit) -> float:
        assert self._speed is not None
        num = sum(len(self.lesson.films[n].values) for n in one.reads)
        return num * len(one.way.inputs) * self._speed.embedding_s


def _epochs(one: Fit) -> int:
    assert isinstance(one.settings, Hyperparameters)
    return one.settings.num_epochs


def _epoch_s(one: Fit, lesson: Lesson, speed: Speed) -> float:
    assert isinstance(one.settings, Hyperparameters)
    frames = crop_frames(one.settings, [lesson.films[n] for n in one.learns])
    return frames * len(one.way.inputs) * speed.learning_s


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
