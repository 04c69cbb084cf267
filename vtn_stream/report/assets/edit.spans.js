/* Reviewed time as lists of spans { start_s, end_s, labels: names sorted, or null for all }. Pure. */

const sortedNames = (names) => [...new Set(names)].sort(compareTexts);
const sameNames = (a, b) => (a === null || b === null ? a === b : comparePairs(a, b) === 0);
const covers = (labels, name) => labels === null || labels.includes(name);

/** The spans and one more; those of the same labels that touch become one. */
function withSpan(spans, added) {
  let { start_s, end_s } = added;
  const apart = spans.filter((each) => {
    if (!sameNames(each.labels, added.labels) || each.start_s > end_s || each.end_s < start_s) return true;
    start_s = Math.min(start_s, each.start_s);
    end_s = Math.max(end_s, each.end_s);
    return false;
  });
  // What it has grown over may touch others.
  return apart.length === spans.length
    ? [...spans, { ...added }].sort(compareReviewed)
    : withSpan(apart, { start_s, end_s, labels: added.labels });
}

/** The spans without that time of these labels. every: the names of all labels, for spans that are of all of them. */
function withoutSpan(spans, { start_s, end_s, labels }, every) {
  let left = [];
  for (const each of spans) {
    const low = Math.max(each.start_s, start_s), high = Math.min(each.end_s, end_s);
    const names = labels === null ? [] : (each.labels ?? every).filter((name) => !labels.includes(name));
    if (low >= high || (each.labels && names.length === each.labels.length)) {
      left = withSpan(left, each);
      continue;
    }
    if (each.start_s < low) left = withSpan(left, { ...each, end_s: low });
    if (high < each.end_s) left = withSpan(left, { ...each, start_s: high });
    if (names.length) left = withSpan(left, { start_s: low, end_s: high, labels: sortedNames(names) });
  }
  return left;
}

/** Whether all of that time is there already, of each of its labels. */
function isReviewed(spans, { start_s, end_s, labels }) {
  return (labels ?? [null]).every((name) => {
    let known = start_s;
    for (const each of [...spans].sort(compareReviewed)) { // by start
      if (each.start_s <= known && (name === null ? each.labels === null : covers(each.labels, name))) {
        known = Math.max(known, each.end_s);
      }
    }
    return known >= end_s;
  });
}
