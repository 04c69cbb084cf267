"""Pictures of scored films, as files. matplotlib loads when the first is drawn."""

from pathlib import Path
from typing import Literal

import numpy as np

from vtn_stream.atomic import write_whole
from vtn_stream.errors import InputError
from vtn_stream.evaluation.figures import Scores

__all__ = ["pictures", "save_pictures"]

TIOU = 0.5  # of the precision-recall curves, or what is nearest to it


def pictures(scores: Scores, format: Literal["svg", "png"] = "svg") -> dict[str, bytes]:
    """The pictures that can be drawn, by file name. Equal scores give equal bytes."""
    from vtn_stream.report import plots

    drawn = {}
    if (detection := scores.detection) is not None:
        ranked = detection.ranked
        k = int(np.argmin(np.abs(np.array(ranked.thresholds) - TIOU)))
        curves = [
            plots.PrecisionRecall(label=label, recall=c.recall[k], precision=c.precision[k], ap=float(c.ap[k]))
            for label, c in ranked.classes.items()
        ]
        drawn["precision-recall"] = plots.precision_recall(curves, tiou=ranked.thresholds[k], format=format)
        average = {label: float(c.ap.mean()) for label, c in ranked.classes.items()}
        num = {label: c.num_truth for label, c in ranked.classes.items()}
        drawn["classes"] = plots.class_bars(average, num, name="average precision", format=format)
    of_frames = scores.segmentation.confusion if scores.segmentation is not None else None
    of_films = scores.clips.confusion if scores.clips is not None else None
    for confusion, unit in ((of_frames, "frames"), (of_films, "films")):
        if confusion is not None:
            labels = [*confusion.labels, plots.NOTHING]
            drawn[f"confusion-of-{unit}"] = plots.confusion(confusion.counts, labels, labels, unit=unit, format=format)
    if any(film.true or film.drawn for film in scores.films):
        strips = [
            plots.Strip(name=film.name, duration_s=film.duration_s, true=film.true, predicted=film.drawn)
            for film in scores.films
        ]
        drawn["timelines"] = plots.strips(strips, scores.labels, format=format)
    return {f"{name}.{format}": content for name, content in drawn.items()}


def save_pictures(scores: Scores, folder: Path, format: Literal["svg", "png"] = "svg") -> list[Path]:
    """The pictures as files of a folder, in place of earlier ones. Raises InputError if they cannot be written."""
    written = []
    for name, content in pictures(scores, format).items():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_whole(folder / name, [content])
        except OSError as error:
            raise InputError(
                f"{name} cannot be written ({error.strerror})", "there are no pictures", "name another folder"
            ) from error
        written.append(folder / name)
    return written
