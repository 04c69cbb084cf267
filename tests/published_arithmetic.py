"""ActivityNet's rules for average precision, written plainly from their description: an oracle for the tests.

Caba Heilbron et al. 2015 and the challenge's guidelines: of each class and video, every annotated segment is one to
find, as it is written; predictions of all videos in descending order of score; each takes the free true segment of
its video that it overlaps most, if the overlap is at least the threshold, else it is wrong.
"""


def overlap(a, b):
    """Intersection over union of two pairs of seconds; a span that ends before it starts shares nothing."""
    shared = max(min(a[1], b[1]) - max(a[0], b[0]), 0.0)
    union = (a[1] - a[0]) + (b[1] - b[0]) - shared
    return shared / union if union > 0 else 0.0


def average_map(truth, predictions, thresholds):
    """mAP at each threshold; truth: {film: [(label, start, end)]}, predictions: {film: [(label, start, end, score)]}"""
    classes = sorted({label for film in truth.values() for label, *_ in film})
    return [sum(_average_precision(truth, predictions, c, t) for c in classes) / len(classes) for t in thresholds]


def _average_precision(truth, predictions, label, threshold):
    true = {film: [tuple(s[1:]) for s in segments if s[0] == label] for film, segments in truth.items()}
    ranked = sorted(
        ((s[3], film, s[1:3]) for film, segments in predictions.items() for s in segments if s[0] == label),
        key=lambda entry: -entry[0],
    )
    used, hits = set(), []
    for _, film, span in ranked:
        free = [(overlap(span, other), i) for i, other in enumerate(true.get(film, ())) if (film, i) not in used]
        best, i = max(free, default=(0.0, -1), key=lambda entry: (entry[0], -entry[1]))
        hits.append(i >= 0 and best >= threshold)
        if hits[-1]:
            used.add((film, i))
    num_true = sum(map(len, true.values()))
    precisions = [sum(hits[: n + 1]) / (n + 1) for n in range(len(hits))]
    return sum(max(precisions[n:]) for n, hit in enumerate(hits) if hit) / num_true
