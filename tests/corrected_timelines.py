"""What corrections mean, said once more: a slow and plain timeline under correction, beside which pages are tried.

Times are multiples of STEP_S inside the film, so that no rounding is in the way. Reviewed time is a set of labels for
each step of the film; ANY stands in it for labels that nobody has named yet.
"""

import random
from copy import deepcopy
from dataclasses import replace

from vtn_stream.timeline import Segment, Timeline

STEP_S = 0.25
ANY = "\0 any other"
FORWARD = ("keep", "reject", "relabel", "moveTo", "splitAt", "join", "add", "nothingElse", "openAgain", "addLabel")
COMMANDS = (*FORWARD, "rejectBelow", "keepAbove", "undo", "undo", "redo")


class Corrected:
    """rows: by number, as the page counts them; None where one is gone. Commands are the page's own.

    num_rows, labels: those that the page has, which it keeps when all is undone
    """

    def __init__(self, timeline: Timeline, num_rows: int, labels: list[str]) -> None:
        self.timeline = timeline
        self.labels = labels
        self.rows = [*timeline.segments, *[None] * (num_rows - len(timeline.segments))]
        self.rejected = list(timeline.rejected)
        self.joined = {}  # by row, what else was joined into it
        self.there = set(timeline.labels)
        self.reviewed = [set() for _ in range(int(timeline.duration_s / STEP_S))]
        for span in timeline.reviewed:
            for seen in self._steps(span.start_s, span.end_s):
                seen |= {ANY} if span.labels is None else set(span.labels)
        self.done, self.undone = [], []

    def run(self, command: str, *arguments) -> None:
        if command in ("undo", "redo"):
            source, target = (self.done, self.undone) if command == "undo" else (self.undone, self.done)
            if source:
                target.append(self._state())
                self.rows, self.rejected, self.reviewed, self.there, self.joined = source.pop()
                self.rows += [None] * (len(target[-1][0]) - len(self.rows))  # a number is never used again
            return
        before = self._state()
        getattr(self, command)(*arguments)
        if self._state() != before:
            self.done.append(before)
            self.undone = []

    def keep(self, rows):
        for i in self._standing(rows):
            if not self.rows[i].by_hand:
                self.rows[i] = corrected(self.rows[i])

    def reject(self, rows):
        gone = {i: self.rows[i] for i in self._standing(rows)}
        for i in gone:
            self.rows[i] = None
        for i, whole in gone.items():
            if self._has_another_piece(whole):
                continue
            for s in (whole, *self.joined.get(i, ())):
                is_known = replace(said(s), origin="model") in self.rejected
                if s.origin != "manual" and not self._has_another_piece(s) and not is_known:
                    self.rejected.append(replace(said(s), origin="model"))

    def relabel(self, rows, label):
        for i in self._standing(rows):
            if self.rows[i].label != self.labels[label]:
                self.rows[i] = corrected(self.rows[i], label=self.labels[label])

    def moveTo(self, i, start_s, end_s):
        s = self.rows[i]
        if s is not None and (s.start_s, s.end_s) != (start_s, end_s):
            self.rows[i] = corrected(s, start_s=start_s, end_s=end_s)

    def splitAt(self, i, at_s):
        s = self.rows[i]
        if s is not None and s.start_s < at_s < s.end_s:
            self.rows[i] = corrected(s, end_s=at_s)
            self.rows.append(corrected(s, start_s=at_s))

    def join(self, rows):
        rows = sorted(self._standing(rows), key=lambda i: (self.rows[i].start_s, i))
        parts = [self.rows[i] for i in rows]
        if len(parts) < 2 or len({s.label for s in parts}) > 1:
            return
        for i in rows:
            self.rows[i] = None
        more = [each for i in rows[1:] for each in self.joined.get(i, ())]
        self.joined = self.joined | {rows[0]: (*self.joined.get(rows[0], ()), *parts[1:], *more)}
        first, end_s = parts[0], max(s.end_s for s in parts)
        first = replace(first, attributes={k: v for k, v in first.attributes.items() if all_have(parts, k, v)})
        originals = sorted((said(s) for s in parts if s.origin != "manual"), key=lambda s: s.sort_key)
        if originals:
            first = replace(first, origin="curated", was=originals[0])
        self.rows[rows[0]] = corrected(first, end_s=end_s)

    def add(self, label, start_s, end_s):
        self.rows.append(Segment(start_s=start_s, end_s=end_s, label=self.labels[label], origin="manual"))
        self.there.add(self.labels[label])

    def nothingElse(self, start_s, end_s, labels):
        names = {ANY} if labels is None else {self.labels[label] for label in labels}
        if start_s >= end_s:
            return
        for seen in self._steps(start_s, end_s):
            seen |= names if ANY not in seen else set()
        for i, s in enumerate(self.rows):
            inside = s is not None and start_s <= s.start_s and s.end_s <= end_s
            if inside and not s.by_hand and names & {s.label, ANY}:
                self.rows[i] = corrected(s)

    def openAgain(self, start_s, end_s, labels):
        for seen in self._steps(start_s, end_s):
            if labels is None:
                seen.clear()
            else:
                seen |= self.there if ANY in seen else set()
                seen -= {ANY, *(self.labels[label] for label in labels)}

    def addLabel(self, name):
        if name not in self.labels:
            self.labels.append(name)
        self.there.add(name)

    def rejectBelow(self, label, score):
        self.reject([i for i in self._of_model(label) if self.rows[i].score < score])

    def keepAbove(self, label, score):
        self.keep([i for i in self._of_model(label) if self.rows[i].score >= score])

    def result(self) -> Timeline:
        """The timeline without reviewed time."""
        segments = tuple(s for s in self.rows if s is not None)
        return replace(self.timeline, segments=segments, rejected=tuple(self.rejected), reviewed=())

    def seen(self, step: int, label: object) -> bool:
        return label in self.reviewed[step] or ANY in self.reviewed[step]

    def _of_model(self, label):
        named = None if label is None else self.labels[label]
        return [
            i
            for i, s in enumerate(self.rows)
            if s is not None and not s.by_hand and s.score is not None and named in (None, s.label)
        ]

    def _steps(self, start_s, end_s):
        return self.reviewed[round(start_s / STEP_S) : round(end_s / STEP_S)]

    def _standing(self, rows):
        return [i for i in dict.fromkeys(rows) if self.rows[i] is not None]

    def _state(self):
        return deepcopy((self.rows, self.rejected, self.reviewed, self.there, self.joined))

    def _has_another_piece(self, s: Segment) -> bool:
        return s.was is not None and any(other is not None and other.was == s.was for other in self.rows)


def said(s: Segment) -> Segment:
    return s.was or replace(s, origin=None)


def corrected(s: Segment, **changes) -> Segment:
    if s.origin == "manual":
        return replace(s, **changes)
    model = said(s)
    now = replace(s, origin="curated", was=None, **changes)
    now = replace(now, score=model.score if now.label == model.label else None)
    same = (now.start_s, now.end_s, now.label) == (model.start_s, model.end_s, model.label)
    return now if same else replace(now, was=model)


def all_have(parts, key, value) -> bool:
    return all(s.attributes.get(key) == value for s in parts)


def random_command(draw: random.Random, state: Corrected) -> list:
    """A command and its arguments, as the page takes them."""
    command = draw.choice(COMMANDS)
    standing = [i for i, s in enumerate(state.rows) if s is not None] or [0]
    rows = [draw.choice(standing) for _ in range(draw.choice((1, 1, 1, 2, 3, 8)))] + [draw.randrange(len(state.rows))]
    labels = [state.labels.index(name) for name in sorted(state.there)]
    label = draw.choice(labels)
    start, end = sorted(draw.randrange(len(state.reviewed) + 1) * STEP_S for _ in range(2))
    some = draw.choice((None, draw.sample(labels, min(2, len(labels)))))
    given = {
        "relabel": [rows, label],
        "moveTo": [rows[0], start, end],
        "splitAt": [rows[0], start],
        "add": [label, start, end],
        "nothingElse": [start, end, some],
        "openAgain": [start, end, some],
        "addLabel": [f"new {draw.randrange(4)}"],
        "rejectBelow": [draw.choice((None, label)), draw.randrange(4) / 10],
        "keepAbove": [draw.choice((None, label)), 0.6 + draw.randrange(4) / 10],
        "undo": [],
        "redo": [],
    }
    return [command, *given.get(command, [rows])]
