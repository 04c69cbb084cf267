"""Whole clips and their labels one by one, as they stand in any form of list or in folders of classes. Keeps none."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from vtn_stream.formats.annotations import class_folders, clip_list, kinetics
from vtn_stream.formats.annotations.clip_list import ListedClip
from vtn_stream.formats.annotations.findings import Findings, Unreadable
from vtn_stream.formats.annotations.text import as_text, read_bytes, refuse_pickle, unpacked
from vtn_stream.formats.annotations.words import At
from vtn_stream.formats.annotations.workbooks import content_of

__all__ = ["whole_clips"]


def whole_clips(
    findings: Findings, path: Path, classes: Mapping[str, int] | None = None
) -> tuple[str, Iterator[ListedClip]]:
    """The format of a list, and its clips, unchecked; a problem for each line that holds none.

    classes: the number of each label, where the labels are known. Raises AnnotationError for a file that cannot be
    read; Unreadable, while it is read, for what is no list of clips.
    """
    if os.path.isdir(path):  # False also for a path that no system takes
        return class_folders.NAME, class_folders.clips(findings, path)
    data = unpacked(read_bytes(path), findings.name)
    refuse_pickle(data, findings.name)
    text = as_text(content_of(findings, data, findings.name), findings.name)
    del data
    if kinetics.claims(text):
        return kinetics.NAME, kinetics.clips(findings, text)
    if text.lstrip().startswith(("{", "[", "<")):
        raise Unreadable(At(), "it is not a list of whole clips", 'give lines of "path label"')
    return clip_list.NAME, clip_list.clips(findings, text, classes)
