"""analyze(path) -> Timeline: the table of contents of the whole program.

probe -> chunks -> embeddings (from the store, or decoded and embedded now) -> scores -> cuts -> segments -> timeline
"""

import math
import os
import time
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from vtn_stream.cuts import CutsPlaced, find_cuts, find_transitions
from vtn_stream.draft import Analysis, Draft, Look, check_usable
from vtn_stream.embedding import (
    DEFAULT_BACKBONE,
    ChunkReady,
    EmbeddingEvent,
    FramesEmbedded,
    Warned,
    embed,
    look_up,
    probe,
    views_to_embed,
)
from vtn_stream.errors import CheckpointError, InputError, VideoError, listed
from vtn_stream.estimate import Estimate
from vtn_stream.film import VideoInfo
from vtn_stream.film_notices import warnings
from vtn_stream.framing import Cutout, cutout
from vtn_stream.outline import fixed_provenance
from vtn_stream.plan import Plan, check_recording_name, plan_of
from vtn_stream.recording import joined
from vtn_stream.region import TRIMMED, Region
from vtn_stream.sampling import Chunk, SamplingPlan
from vtn_stream.scorers import Scorer
from vtn_stream.scorers.scenes import Scenes
from vtn_stream.settings import Decoder, Device, Settings
from vtn_stream.store import EmbeddingStore
from vtn_stream.timeline import Timeline
from vtn_stream.track import PICTURE, WHOLE, Execution, Recipe, region_words
from vtn_stream.video import DecodingProcess

if TYPE_CHECKING:
    from vtn_stream.backbone import FrameEncoder
    from vtn_stream.checkpoints import Checkpoint
    from vtn_stream.model import VTN

__all__ = [
    "DEFAULT_BACKBONE",
    "DEFAULT_FPS",
    "Analysis",
    "AnalysisEvent",
    "Analyzer",
    "ChunkReady",
    "CutsPlaced",
    "FramesEmbedded",
    "Plan",
    "Provisional",
    "SequenceRead",
    "Settings",
    "Warned",
    "analyze",
    "check_usable",
]

DEFAULT_FPS = Fraction(2)
# Provisional timelines may take this part of the time that an analysis has run.
PROVISIONAL_SHARE = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Provisional:
    """The timeline as it would be if no more of the film arrived."""

    timeline: Timeline


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceRead:
    """How far a model has come with reading a very long film as one sequence: positions, over all its layers."""

    num_done: int
    num_total: int


AnalysisEvent = EmbeddingEvent | Provisional | SequenceRead | CutsPlaced


def analyze(
    path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    name: str | None = None,
    model: str | os.PathLike[str] | None = None,
    point: str | None = None,
    fps: float | Fraction | str | None = None,
    start_s: float = 0.0,
    end_s: float = math.inf,
    backbone: str | None = None,
    weights: str | os.PathLike[str] | None = None,
    size: int | None = None,
    device: Device = "auto",
    store: str | os.PathLike[str] | None = None,
    stream: int | None = None,
    decoder: Decoder = "pyav",
    region: str | None = None,
    trim_borders: bool = False,
    refine: bool = True,
    on_event: Callable[[AnalysisEvent], None] | None = None,
) -> Timeline:
    """The timeline of a film: what a model sees in it, or without one its scenes.

    path            the film; or the files of a recording in their order, each of which begins where the one before ends
    name            of the recording
    model           a checkpoint's file, or the name of one in the models folder
    point           the name of one of its operating points; by default the default one
    fps             grid positions per second; by default the model's, or 2
    start_s, end_s  the part of the film to analyze, in seconds: whole 60 s chunks are embedded, then cropped
    backbone        a timm image network, by default the model's; weights is a file for it where they are not installed
    size            height and width of the frames that it looks at; by default its own
    store           folder of the embeddings; by default in the user's cache
    stream          index of the video stream in its container; by default the first that is not a cover picture
    decoder         what decodes the frames; decord refuses films that it would miscount
    region          the part of the picture to look at: x,y,width,height in pixels or percent; by default all of it, or
                    what the model learnt from
    trim_borders    cut black borders away
    refine          cuts between scenes are placed to the frame
    on_event        gets every chunk, warning and provisional timeline

    Raises VtnStreamError: InputError, VideoError, BackboneError, CheckpointError, StoreError.
    """
    settings = Settings(
        model=model,
        point=point,
        fps=fps,
        backbone=backbone,
        weights=weights,
        size=size,
        device=device,
        store=store,
        stream=stream,
        decoder=decoder,
        regions=() if region is None else (region,),
        trim_borders=trim_borders,
        refine=refine,
    )
    with Analyzer(settings) as analyzer:
        plan = analyzer.plan(path, name=name, start_s=start_s, end_s=end_s)
        analysis = analyzer.analyze(plan, on_event=on_event)
        check_usable(plan, analysis)
        return analysis.timeline


class Analyzer:
    """The same settings for many films: the network is loaded once, the decoding process lives on. A context manager.

        with Analyzer(Settings(model="mine")) as analyzer:
            timelines = [analyzer.analyze(analyzer.plan(film)).timeline for film in films]

    encoder: the image network, where the caller has one; else that of the settings, loaded when first needed.
    """

    def __init__(self, settings: Settings = Settings(), *, encoder: "FrameEncoder | None" = None) -> None:
        self._settings = settings
        self._sampling = settings.sampling
        self._checkpoint: Checkpoint | None = None
        self._network: VTN | None = None
        self._store = EmbeddingStore(settings.store_root)
        self._encoder = encoder
        self._process = DecodingProcess(decoder=settings.decoder)
        self._estimate: Estimate | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.close()

    @property
    def encoder(self) -> "FrameEncoder":
        """The image network. It is loaded here, or where the store knows its weights, when it is first needed."""
        if self._encoder is None:
            from vtn_stream.backbone import FrameEncoder

            asked, checkpoint = self._settings, self.checkpoint
            weights = None if asked.weights is None else Path(asked.weights)
            model = None if checkpoint is None else checkpoint.recipe
            if model is not None and asked.size is not None and model.size != (asked.size, asked.size):
                raise InputError(
                    f"the model reads frames of {model.size[0]} x {model.size[1]}, and --size is {asked.size}",
                    "its labels would be wrong",
                    "leave out --size",
                )
            default = DEFAULT_BACKBONE if model is None else model.backbone
            self._encoder = FrameEncoder(
                default if asked.backbone is None else asked.backbone,
                weights=checkpoint.backbone if checkpoint is not None and weights is None else weights,
                recipe=model,
                size=asked.size,
                device=asked.device,
                memory=self._store.backbones,
            )
        return self._encoder

    @property
    def checkpoint(self) -> "Checkpoint | None":
        """The model, if one was asked for. Raises CheckpointError."""
        if self._checkpoint is None and self._settings.model is not None:
            from vtn_stream.checkpoints import find_model

            path = find_model(self._settings.model)
            from vtn_stream.checkpoints import load_checkpoint  # it brings torch, which a wrong name is told without

            checkpoint = load_checkpoint(path)
            trained_at = checkpoint.recipe.fps
            if self._sampling is not None and self._sampling.fps != trained_at:
                raise CheckpointError(
                    f"{path.name} was trained at {float(trained_at):g} positions per second, "
                    f"and --fps is {float(self._sampling.fps):g}",
                    "its labels would be wrong",
                    "leave out --fps",
                )
            checkpoint.operating_points_at(self._settings.point)
            self._checkpoint = checkpoint
        return self._checkpoint

    @property
    def sampling(self) -> SamplingPlan:
        """The grid: as asked for, else the model's. Raises CheckpointError."""
        if self._sampling is None:
            self._sampling = SamplingPlan(DEFAULT_FPS if self.checkpoint is None else self.checkpoint.recipe.fps)
        return self._sampling

    @property
    def recipe(self) -> Recipe:
        """What the embeddings of pictures mean. Raises BackboneError, CheckpointError, InputError."""
        return self.encoder.recipe(self.sampling.fps)

    @property
    def inputs(self) -> tuple[str, ...]:
        """What the image network is shown of each frame: what the model reads, else the picture."""
        return (PICTURE,) if self.checkpoint is None else self.checkpoint.inputs

    @property
    def execution(self) -> Execution:
        """How this machine computes them. Raises BackboneError, CheckpointError, InputError."""
        return self.encoder.execution(self._process.decoder)

    @property
    def store(self) -> EmbeddingStore:
        return self._store

    @property
    def process(self) -> DecodingProcess:
        """What decodes its films, one after the other; it is started with the first one."""
        return self._process

    def load(self) -> None:
        """Finds out now, not at the first film, what networks are asked for; loads those that the store does not know.

        Raises BackboneError, CheckpointError, InputError.
        """
        _ = self.encoder

    def probe(self, path: str | os.PathLike[str]) -> VideoInfo:
        """The film's clock, from the store if this very file was probed before."""
        stream = self._settings.stream
        return probe(path, self._store, self._process, stream=stream, inputs=lambda: self.inputs)

    def recording(
        self, paths: Sequence[str | os.PathLike[str]], name: str, starts: Sequence[Fraction] | None = None
    ) -> VideoInfo:
        """The files of a recording as one film of this name; see `recording.joined`.

        Raises VideoError for a file that cannot be read: a recording without it would be another one.
        """
        videos = []
        for path in paths:
            try:
                videos.append(self.probe(path))
            except VideoError as error:
                cure = error.cure if len(paths) == 1 else f"{error.cure}, or leave this file out"
                raise VideoError(error.fact, f"nothing of {name} was analyzed", cure) from error
        return joined(name, videos, starts)

    def plan(
        self,
        path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        *,
        name: str | None = None,
        starts: Sequence[Fraction] | None = None,
        start_s: float = 0.0,
        end_s: float = math.inf,
        region: str | None = None,
    ) -> Plan:
        """Plans the analysis of a film, or of the part of it in [start_s, end_s). Probes it, and loads no network.

        path    the film; or the files of a recording, in their order
        name    of the recording
        starts  when each of its files begins, in seconds; by default where the one before ends
        region  of the picture, as a recipe names it; None: those of the settings, else what the model learnt from

        Raises VideoError, CheckpointError, and InputError where the part holds nothing.
        """
        paths = [path] if isinstance(path, str | os.PathLike) else path
        if name is None:
            if len(paths) != 1:
                raise InputError(
                    f"{len(paths)} files are given as a recording without a name",
                    "nothing was analyzed",
                    "give its files, and its name",
                )
            video = self.probe(paths[0])
        else:
            check_recording_name(name, paths)
            video = self.recording(paths, name, starts)
        plan = plan_of(video, self.sampling, start_s, end_s)
        return replace(plan, cutouts=self.cutouts(video, region))

    def cutouts(self, video: VideoInfo, region: str | None = None) -> tuple[Cutout, ...]:
        """What is looked at of the film: this region, else as asked for, else what the model learnt from."""
        settings, checkpoint = self._settings, self.checkpoint
        usual = TRIMMED if settings.trim_borders else WHOLE if checkpoint is None else checkpoint.recipe.region
        asked: Sequence[str | Region] = settings.asked_regions or [usual]
        asked = asked if region is None else [region]
        found = [cutout(one, video, self._store, self._process) for one in asked]
        if checkpoint is None:
            return tuple(found)
        from vtn_stream.checkpoints.training_regions import regions_of

        learnt = regions_of(checkpoint.training, checkpoint.recipe)
        note = f"The model learnt from {region_words(checkpoint.recipe.region)}: expect more errors here."
        if len(learnt) > 1:
            places = listed(sorted(map(region_words, learnt)))
            note = f"The model learnt from {places}, and from nothing else: say what to look at with --region."
        return tuple(one if one.region in learnt else replace(one, notes=(*one.notes, note)) for one in found)

    def missing(self, plan: Plan) -> tuple[Chunk, ...]:
        """The plan's chunks of which an input is not in the store, or is damaged there."""
        exact, of_store = self._settings.exact, (self.sampling, self.encoder, self._store, self._process)
        found = (
            look_up(plan.video, chunk, *of_store, inputs=self.inputs, regions=plan.regions, exact=exact)
            for chunk in plan.chunks
        )
        return tuple(of.chunk for of in found if of.missing)

    def estimate_s(self, video: VideoInfo, chunks: Sequence[Chunk], regions: Sequence[str] = (WHOLE,)) -> float:
        """About how long it takes to embed these chunks here: the network is timed, decoding is guessed."""
        if not chunks:
            return 0.0
        if self._estimate is None:
            self._estimate = Estimate(self.encoder)
        num_views = views_to_embed(chunks, self.recipe, self.inputs, self._store, regions)
        return self._estimate.seconds(video, self.sampling, chunks, num_views)

    def analyze(
        self, plan: Plan, *, lost: Container[int] = (), on_event: Callable[[AnalysisEvent], None] | None = None
    ) -> Analysis:
        """The timeline of what was planned, of one region of the picture, with the scores that it was drawn from.

        lost: numbers of chunks that are gaps where they are not stored: decoding died on them already.
        """
        if len(plan.cutouts) != 1:
            raise ValueError(f"a timeline is of one region of the picture, and the plan has {len(plan.cutouts)}")
        tell = on_event or (lambda event: None)
        for message in warnings(plan.video):
            tell(Warned(message=message))
        scorer = self._scorer(plan, tell)
        training = None if self.checkpoint is None else self.checkpoint.training
        draft = Draft(plan, self.sampling, self.encoder, scorer, self.inputs, training)

        began, provisional_s = time.monotonic(), 0.0
        for event in self.embed(plan.video, plan.chunks, regions=plan.regions, lost=lost):
            tell(event)
            if not isinstance(event, ChunkReady):
                continue
            draft.add(event)
            now = time.monotonic()
            if on_event and event.source != "store" and provisional_s <= PROVISIONAL_SHARE * (now - began):
                tell(Provisional(timeline=draft.analysis(complete=False).timeline))
                provisional_s += time.monotonic() - now
        look = None
        if self.checkpoint is None and self._settings.refine:
            (region,) = plan.regions
            at: dict[str, Any] = {"store": self._store, "process": self._process, "tell": tell, "region": region}
            look = Look(shots=partial(find_transitions, plan.video, **at), place=partial(find_cuts, plan.video, **at))
        return draft.analysis(complete=True, look=look)

    def embed(
        self,
        video: VideoInfo,
        chunks: Sequence[Chunk],
        *,
        regions: Sequence[str] = (WHOLE,),
        lost: Container[int] = (),
    ) -> Iterator[EmbeddingEvent]:
        """The chunks' embeddings of each of these regions, from the store or computed and stored now. Lost chunks come
        only from the store.
        """
        exact, of_store = self._settings.exact, (self.sampling, self.encoder, self._store, self._process)
        return embed(video, chunks, *of_store, inputs=self.inputs, regions=regions, exact=exact, lost=lost)

    def provenance(self, region: str = WHOLE) -> dict[str, Any]:
        """The part of the provenance that depends on the settings, not on the film. Loads the image network only."""
        checkpoint = self.checkpoint
        if checkpoint is None:
            analysis = Scenes(self.sampling.fps, self._settings.refine).provenance()
        else:
            from vtn_stream.scorers.model import model_provenance

            analysis = model_provenance(checkpoint, self._settings.point)
        return fixed_provenance(replace(self.recipe, region=region), self.inputs, self.encoder, analysis)

    def _scorer(self, plan: Plan, tell: Callable[[AnalysisEvent], None]) -> Scorer:
        checkpoint, fps = self.checkpoint, self.sampling.fps
        if checkpoint is None:
            return Scenes(fps, self._settings.refine)
        from vtn_stream.scorers.actions import FilmActions
        from vtn_stream.scorers.clips import FilmClassifier
        from vtn_stream.scorers.model import ModelOnFilm, load_network

        if self._network is None:
            self._network = load_network(checkpoint, self.encoder)
        first, last = self.sampling.span(plan.video, *plan.span_s)
        rows = plan.rows(self.sampling)
        job = ModelOnFilm(
            checkpoint=checkpoint,
            point=self._settings.point,
            network=self._network,
            within=(max(first, rows.start) - rows.start, min(last, rows.stop) - rows.start),
            fps=fps,
            film=f"{plan.video.identity}-{first}-{last}-{checkpoint.digest}",
            scratch=self._store.scratch,
            on_progress=lambda done, total: tell(SequenceRead(num_done=done, num_total=total)),
        )
        return FilmClassifier(job) if job.head.names_clips else FilmActions(job)
