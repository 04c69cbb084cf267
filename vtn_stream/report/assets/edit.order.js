/* The order of segments and spans in a timeline's file: vtn_stream/timeline.py's sort keys. */

/** Texts by code points, as Python compares them. */
function compareTexts(a, b) {
  const rank = (unit) => (unit >= 0xe000 ? unit - 0x800 : unit >= 0xd800 ? unit + 0x2000 : unit);
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    if (a[i] !== b[i]) return rank(a.charCodeAt(i)) - rank(b.charCodeAt(i));
  }
  return a.length - b.length;
}

function compareLists(a, b, compare) {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const order = compare(a[i], b[i]);
    if (order) return order;
  }
  return a.length - b.length;
}

const comparePairs = (a, b) => compareLists(a, b, compareTexts);

function compareSegments(a, b) {
  const sorted = ({ attributes }) => [...(attributes ?? [])].sort(comparePairs);
  return a.start_s - b.start_s || a.end_s - b.end_s || compareTexts(a.label, b.label)
    || (a.score !== null) - (b.score !== null) || (a.score ?? 0) - (b.score ?? 0)
    || compareLists(sorted(a), sorted(b), comparePairs) || compareTexts(a.origin ?? "", b.origin ?? "")
    || (a.was && b.was ? compareSegments(a.was, b.was) : Boolean(a.was) - Boolean(b.was));
}

function compareReviewed(a, b) {
  return a.start_s - b.start_s || a.end_s - b.end_s || (a.labels !== null) - (b.labels !== null)
    || compareLists(a.labels ?? [], b.labels ?? [], compareTexts);
}
