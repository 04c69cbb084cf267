"""Finds labels that are probably one label, spelled in two ways. Knows words only."""

import difflib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping

__all__ = ["look_alikes", "nearest"]

SURE_RATIO = 0.9  # faling and falling: 0.92
MIN_RATIO = 0.8  # standup and satndup: 0.86, but so do slapping and clapping; walk and talk 0.75
MAX_RARE = 0.3  # so between the two, a label is doubtful only if it is this much rarer than the other ...
FEW = 2  # ... or occurs no more often than this
MIN_LETTERS = 4
MAX_LETTERS = 60  # the comparison is quadratic
MAX_COMPARED = 1000  # names, or words in one place of a label; so is this
MAX_PAIRS = 1_000_000  # about a second


def nearest(label: str, labels: Collection[str]) -> str | None:
    """The label that was probably meant."""
    if len(label) > MAX_LETTERS or len(labels) > MAX_COMPARED:
        return None
    folded = {_key(known): known for known in labels}
    near = [_key(label)] if _key(label) in folded else difflib.get_close_matches(_key(label), folded, n=1)
    return folded[near[0]] if near else None


def look_alikes(counts: Mapping[str, int], sure: Collection[str] = ()) -> Iterator[tuple[str, str]]:
    """Pairs (doubtful, probably meant) of labels that differ in case, spaces or marks, or in a letter or two of a word.

    counts: how often each label occurs; the rarer one is the doubtful one. `sure` ones are never doubtful. Words that
    differ in digits are different words.
    """
    sure = frozenset(sure)
    ranked = sorted(set(counts) | sure, key=lambda label: (label not in sure, -counts.get(label, 0), label))
    meant: dict[str, str] = {}  # the best label of each spelling
    doubtful: dict[str, str] = {}
    for label in ranked:
        first = meant.setdefault(_key(label), label)
        if first != label and label not in sure:
            doubtful[label] = first
    # Labels that are alike but for one word stand in one group, by what is left when that word is taken out.
    groups: dict[tuple[int, tuple[str, ...]], list[tuple[str, str]]] = defaultdict(list)
    for label in (label for label in meant.values() if len(label) <= 2 * MAX_LETTERS):
        words = _words(label)
        for i, word in enumerate(words):
            if MIN_LETTERS <= len(word) <= MAX_LETTERS and not re.search(r"\d", word):
                groups[i, (*words[:i], *words[i + 1 :])].append((label, word))
    num_pairs = 0
    for group in groups.values():
        num_pairs += min(len(group), MAX_COMPARED) ** 2 // 2
        if num_pairs > MAX_PAIRS:
            break
        for n, (label, word) in enumerate(group[:MAX_COMPARED]):
            if label in sure or label in doubtful:
                continue
            matcher = difflib.SequenceMatcher(b=word, autojunk=False)
            for other, its_word in group[:n]:
                matcher.set_seq1(its_word)
                num, its_num = counts.get(label, 0), counts.get(other, 0)
                needed = MIN_RATIO if num <= max(FEW, MAX_RARE * its_num) else SURE_RATIO
                if (
                    other not in doubtful
                    and abs(len(word) - len(its_word)) <= 2
                    and matcher.real_quick_ratio() >= needed
                    and matcher.quick_ratio() >= needed
                    and (matcher.ratio() >= needed or (needed == MIN_RATIO and _swapped(word, its_word)))
                ):
                    doubtful[label] = other
                    break
    yield from sorted(doubtful.items())


def _swapped(word: str, other: str) -> bool:
    """Whether two neighbouring letters have changed places: gaol and goal, whose ratio is only 0.75."""
    if len(word) != len(other):
        return False
    differing = [i for i, (a, b) in enumerate(zip(word, other, strict=True)) if a != b]
    return (
        len(differing) == 2
        and differing[1] - differing[0] == 1
        and {word[i] for i in differing} == {other[i] for i in differing}
    )


def _words(label: str) -> tuple[str, ...]:
    """take_plate, "take plate" and TakePlate are two words."""
    split = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", unicodedata.normalize("NFKC", label))
    return tuple(re.findall(r"\w+", split.replace("_", " ").casefold()))


def _key(label: str) -> str:
    return "".join(_words(label)) or label
