"""What the labels of a data set are called, and how its lists call them: by name or by number. Reads no file."""

import re
from collections.abc import Mapping

from vtn_stream.film import one_form

__all__ = ["LabelNames"]


class LabelNames:
    """The labels, in the order of their numbers, and how lists call them. name: the file's, for messages.

    In a list a label is its name or its number; a name comes first where one is a number. Folders often have
    underscores for the spaces in a label.
    """

    def __init__(self, name: str, labels: Mapping[int, str]) -> None:
        self.name = name
        numbers = sorted(labels)
        self.labels = tuple(labels[number] for number in numbers)
        self.classes = {one_form(label): k for k, label in enumerate(self.labels)}  # by what stands in lists
        for k, label in enumerate(self.labels):
            self.classes.setdefault(one_form(label).replace(" ", "_"), k)
        for k, number in enumerate(numbers):
            self.classes.setdefault(str(number), k)

    def label_of(self, given: str) -> str | None:
        """The label that a list calls so; None for what the file does not name."""
        k = self.number_of(given)
        return None if k is None else self.labels[k]

    def number_of(self, given: str) -> int | None:
        """Where that label stands in `labels`."""
        k = self.classes.get(given, self.classes.get(one_form(given)))
        if k is None and re.fullmatch(r"0\d{1,8}", given, re.ASCII):
            k = self.classes.get(str(int(given)))
        return k
