"""How a film is looked at: checked and loaded before it begins, fixed with its first frames."""

from fractions import Fraction
from typing import TYPE_CHECKING

from vtn_stream.analysis import Analyzer
from vtn_stream.errors import InputError
from vtn_stream.film import VideoInfo
from vtn_stream.following.keys import settings_key
from vtn_stream.following.live import Live
from vtn_stream.following.pieces import Tools
from vtn_stream.framing import Cutout, box_of
from vtn_stream.outline import Outline
from vtn_stream.placing import SIZE
from vtn_stream.region import TRIMMED
from vtn_stream.settings import Settings
from vtn_stream.track import change_s
from vtn_stream.video import Window

if TYPE_CHECKING:
    from vtn_stream.checkpoints.training_films import FilmRole
    from vtn_stream.model import VTN

__all__ = ["Looks"]


class Looks:
    """What the settings ask for, with the networks loaded.

    Raises InputError for what cannot be done while a film is written; BackboneError, CheckpointError, StoreError.
    """

    def __init__(self, settings: Settings, analyzer: Analyzer) -> None:
        _check(settings, analyzer)
        analyzer.load()
        analyzer.store.check_writable()
        self._settings, self._analyzer = settings, analyzer
        self._network: VTN | None = None
        if (checkpoint := analyzer.checkpoint) is not None:
            from vtn_stream.scorers.model import load_network

            self._network = load_network(checkpoint, analyzer.encoder)

    @property
    def stream(self) -> int | None:
        return self._settings.stream

    @property
    def back_s(self) -> Fraction:
        """How far the inputs go back."""
        return max((change_s(name) or Fraction(0) for name in self._analyzer.inputs), default=Fraction(0))

    def cutout(self, video: VideoInfo) -> Cutout:
        (cutout,) = self._analyzer.cutouts(video)
        return cutout

    def tools(self, cutout: Cutout) -> Tools:
        analyzer = self._analyzer
        return Tools(
            encoder=analyzer.encoder,
            sampling=analyzer.sampling,
            store=analyzer.store,
            process=analyzer.process,
            inputs=analyzer.inputs,
            region=cutout.region,
            exact=self._settings.exact,
        )

    def outline(self, cutout: Cutout) -> Outline:
        analyzer = self._analyzer
        return Outline(cutout, analyzer.sampling, analyzer.encoder, analyzer.inputs)

    def key(self, region: str) -> str:
        """A name for all of this: equal for equal settings and models."""
        analyzer, settings = self._analyzer, self._settings
        model = None if analyzer.checkpoint is None else analyzer.checkpoint.digest
        return settings_key(analyzer.recipe, region, analyzer.inputs, model, settings.point, settings.refine)

    def live(self, video: VideoInfo, region: str) -> Live:
        """What says what happens in this film."""
        checkpoint, fps = self._analyzer.checkpoint, self._analyzer.sampling.fps
        if checkpoint is None:
            from vtn_stream.following.live_scenes import LiveScenes

            box = box_of(region, video, self._analyzer.store, self._analyzer.process)
            window = Window(SIZE, box, video.upright_size)
            return LiveScenes(fps, refine=self._settings.refine, window=window)
        from vtn_stream.following.live_model import live_model

        assert self._network is not None
        return live_model(checkpoint, self._network, self._settings.point, fps)

    def role(self, video: VideoInfo) -> "FilmRole | None":
        """Of the film in the training of the model."""
        if (checkpoint := self._analyzer.checkpoint) is None:
            return None
        from vtn_stream.checkpoints.training_films import film_role

        return film_role(checkpoint.training, *video.identities)


def _check(settings: Settings, analyzer: Analyzer) -> None:
    if settings.decoder != "pyav":
        raise InputError(
            f"{settings.decoder} reads finished files only", "the film was not followed", "leave out --decoder"
        )
    learnt = None if analyzer.checkpoint is None else analyzer.checkpoint.recipe.region
    if settings.trim_borders or (learnt == TRIMMED and not settings.regions):
        raise InputError(
            "black borders are measured over the whole film, which is not there yet",
            "the film was not followed",
            "say with --region which part of the picture to look at",
        )
    if len(settings.regions) > 1:
        raise InputError(
            f"{len(settings.regions)} regions are asked for, and a film that is still written is followed in one",
            "the film was not followed",
            "give one --region; vtn-stream analyze takes several when the film is finished",
        )
