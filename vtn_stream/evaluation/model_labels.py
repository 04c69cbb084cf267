"""A model's labels against those of the annotations, before any film is looked at. Knows no torch."""

from collections.abc import Collection, Sequence

from vtn_stream.errors import InputError, listed
from vtn_stream.evaluation.predictions import suggestion
from vtn_stream.evaluation.scored_films import Part, chosen
from vtn_stream.evaluation.spots import with_soccernets_labels
from vtn_stream.film import one_form
from vtn_stream.formats.annotations import Annotations

__all__ = ["check_labels"]


def check_labels(
    name: str,
    labels: Sequence[str],
    truth: Annotations,
    *,
    part: Part | None = None,
    background: Collection[str] = (),
    skip_bad: bool = False,
) -> tuple[str, ...]:
    """Sentences on the labels of the films of `part` that a model does not know, and so does not find.

    name, labels  of the model
    skip_bad      what it predicts under labels that the annotations do not have is left out

    Raises InputError where `score` would refuse what the model predicts: for labels that the annotations do not have,
    unless skip_bad; and where both have no label in common.
    """
    truth = with_soccernets_labels(truth, labels)
    known, true = set(map(one_form, labels)), set(map(one_form, truth.labels))
    strangers = sorted(label for label in labels if one_form(label) not in true)
    there = f"it knows {listed(sorted(labels))}, and the annotations have {listed(truth.labels)}"
    if true and not known & true:
        raise InputError(
            f"{name} knows no label of the annotations",
            "no film was looked at",
            f"use a model and annotations with the same labels: {there}",
        )
    if strangers and not skip_bad:
        raise InputError(
            f"{name} knows {listed(strangers)}, which no label of the annotations is"
            + suggestion(strangers[0], truth.labels),
            "no film was looked at",
            "rename what is called so in the annotations, or leave out what is predicted under it (--skip-bad)",
        )
    nothing = set(map(one_form, background))
    events = [s.label for film in chosen(truth, part) for s in truth.videos[film].segments]
    events = [label for label in events if one_form(label) not in nothing]
    if missing := [label for label in events if one_form(label) not in known]:
        return (
            f"{name} does not know {listed(sorted(set(missing)))}: it cannot find these events, {len(missing)} of "
            f"{len(events)}, and they count as missed.",
        )
    return ()
