"""A model's labels against those of the annotations, before any film is looked at. Knows no torch."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from vtn_stream.errors import InputError, listed
from vtn_stream.evaluation.scored_films import Part, chosen
from vtn_stream.evaluation.spots import with_soccernets_labels
from vtn_stream.film import one_form
from vtn_stream.formats.annotations import Annotations
from vtn_stream.formats.annotations.spelling import nearest

__all__ = ["check_labels"]


def check_labels(
    name: str,
    labels: Sequence[str],
    truth: Annotations,
    *,
    part: Part | None = None,
    background: Collection[str] = (),
    skip_bad: bool = False,
) -> tuple[Annotations, tuple[str, ...]]:
    """The annotations with the labels that only the model knows, so that what it predicts under them counts as wrong;
    and sentences on the labels that only one side has.

    name, labels  of the model
    part          whose films are scored
    skip_bad      the annotations stay as they are: what is predicted under other labels is left out

    Raises InputError where both have no label in common, and where two labels seem to be one, spelled in two ways.
    """
    truth = with_soccernets_labels(truth, labels)
    known, true = set(map(one_form, labels)), set(map(one_form, truth.labels))
    only_model = sorted(label for label in labels if one_form(label) not in true)
    only_truth = sorted(label for label in truth.labels if one_form(label) not in known)
    there = f"it knows {listed(sorted(labels))}, and the annotations have {listed(truth.labels)}"
    if true and not known & true:
        raise InputError(
            f"{name} knows no label of the annotations",
            "no film was looked at",
            f"use a model and annotations with the same labels: {there}",
        )
    notes = []
    if only_model and not skip_bad:
        for label in only_model:
            if near := nearest(label, only_truth):
                raise InputError(
                    f"{name} knows the label {label}, and the annotations have {near}: they may be one label",
                    "no film was looked at",
                    "give both the same name, or leave out what is predicted under other labels (--skip-bad)",
                )
        truth = replace(truth, labels=(*truth.labels, *only_model))
        notes.append(f"{name} also knows {listed(only_model)}: what it predicts under such a label counts as wrong.")
    nothing = set(map(one_form, background))
    events = [s.label for film in chosen(truth, part) for s in truth.videos[film].segments]
    events = [label for label in events if one_form(label) not in nothing]
    if missing := [label for label in events if one_form(label) not in known]:
        notes.append(
            f"{name} does not know {listed(sorted(set(missing)))}: it cannot find these events, {len(missing)} of "
            f"{len(events)}, and they count as missed."
        )
    return truth, tuple(notes)
