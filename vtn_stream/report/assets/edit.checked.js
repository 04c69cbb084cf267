/* What a draft or a file holds is a stranger's: here it is checked, and made anew from what is known of it.

   Each function gives the value or throws an Error whose message says what is wrong. */

const MOST_TEXT = 2 ** 28, MOST_ROWS = 2 ** 20; // characters, as a file may have; rows of a change, changes of a draft
const WHO = ["model", "curated", "manual"];

function wrong(what) { throw new Error(what); }

/** An object with these fields, and of those with a "?" perhaps. */
function checkedObject(value, ...fields) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) wrong("no object");
  const known = new Set(fields.map((field) => field.replace("?", "")));
  for (const name of Object.keys(value)) if (!known.has(name)) wrong(`the unknown field ${name.slice(0, 40)}`);
  for (const field of fields) if (!field.endsWith("?") && !Object.hasOwn(value, field)) wrong(`no field ${field}`);
  return value;
}

function checkedList(value, check, most = MOST_ROWS) {
  if (!Array.isArray(value)) wrong("no list");
  if (value.length > most) wrong(`more than ${most} entries`);
  return value.map(check);
}

const checkedText = (value) => (typeof value === "string" ? value : wrong("no text"));
const checkedNumber = (value) => (Number.isFinite(value) ? value : wrong("no finite number"));

function checkedCount(value, most = MOST_ROWS) {
  return Number.isInteger(value) && value >= 0 && value <= most ? value : wrong("no count");
}

function checkedSpan({ start_s, end_s }) {
  checkedNumber(start_s);
  if (checkedNumber(end_s) < start_s) wrong("an end before its start");
  return { start_s, end_s };
}

/** Pairs of name and value. */
function checkedAttributes(value) {
  const pairs = checkedList(value, (pair) => (pair?.length === 2 ? checkedList(pair, checkedText) : wrong("no pair")));
  if (new Set(pairs.map(([name]) => name)).size < pairs.length) wrong("an attribute twice");
  return pairs;
}

/** A segment with exact values. was: what it had been, which has no origin. */
function checkedSegment(value, { isWas = false } = {}) {
  const history = isWas ? [] : ["origin?", "was?"];
  const found = checkedObject(value, "start_s", "end_s", "label", "score", "attributes?", ...history);
  const { label, score, attributes, origin, was } = found;
  const made = { ...checkedSpan(found), label: checkedText(label), score: score === null ? null : checkedNumber(score) };
  if (attributes !== undefined) made.attributes = checkedAttributes(attributes);
  if (origin !== undefined) made.origin = WHO.includes(origin) ? origin : wrong("an unknown origin");
  if (was !== undefined) made.was = origin === "curated" ? checkedSegment(was, { isWas: true }) : wrong("an odd origin");
  return made;
}

function checkedReviewed(value) {
  const { labels, ...found } = checkedObject(value, "start_s", "end_s", "labels");
  if (labels !== null && !labels?.length) wrong("a span of no label");
  return { ...checkedSpan(found), labels: labels === null ? null : checkedList(labels, checkedText) };
}

/** What is said of a film: segments, what was reviewed and what was rejected. */
function checkedSaid(value) {
  const { segments: found, reviewed, rejected } = checkedObject(value, "segments", "reviewed", "rejected");
  return {
    segments: checkedList(found, (each) => checkedSegment(each)),
    reviewed: checkedList(reviewed, checkedReviewed),
    rejected: checkedList(rejected, (each) => checkedSegment(each)),
  };
}

/** What a change takes from a list and gives to it. */
function checkedDifference(value, check) {
  const { taken, given } = checkedObject(value, "taken", "given");
  return { taken: checkedList(taken, check), given: checkedList(given, check) };
}

function checkedChange(value) {
  const change = checkedObject(value, "name", "rows", "reviewed", "rejected", "labels");
  return {
    name: checkedText(change.name),
    rows: checkedList(change.rows, (row) => {
      if (!Array.isArray(row) || row.length !== 2) wrong("no row");
      return [checkedCount(row[0]), row[1] === null ? null : checkedSegment(row[1])];
    }),
    reviewed: checkedDifference(change.reviewed, checkedReviewed),
    rejected: checkedDifference(change.rejected, (each) => checkedSegment(each)),
    labels: checkedList(change.labels, checkedText),
  };
}

/** What stands beside a draft's changes. */
function checkedHead(value) {
  const { base, at, done, total, saved, said } = checkedObject(value, "base", "at", "done", "total", "saved?", "said?");
  const head = { base: checkedText(base), at: checkedNumber(at), done: checkedCount(done), total: checkedCount(total) };
  if (saved !== undefined) Object.assign(head, { saved: checkedText(saved), said: checkedText(said) });
  if (done > total && (saved === undefined || total)) wrong("more changes than there are");
  return head;
}

/** A draft's parts: the number of the first row that changes may add, what was said before them, and the changes. */
function checkedParts(texts, { total }) {
  checkedList(texts, checkedText);
  if (texts.reduce((sum, text) => sum + text.length, 0) > MOST_TEXT) wrong("too much text");
  if (texts.length !== total + 1) wrong("a part is missing");
  const [start, ...changes] = texts.map((text) => JSON.parse(text));
  if (!Array.isArray(start) || start.length !== 2) wrong("no beginning");
  const said = checkedSaid(start[1]), first = checkedCount(start[0]);
  if (first < said.segments.length) wrong("rows that are two");
  return { first, said, changes: changes.map(checkedChange) };
}

/** Whether the changes follow from each other. num: rows at first; rows from `first` on are new. */
function checkRows(num, first, changes) {
  const there = new Set(Array(num).keys());
  let next = first;
  for (const { rows } of changes) {
    if (new Set(rows.map(([i]) => i)).size < rows.length) wrong("a row twice in one change");
    for (const [i, after] of rows) {
      if (i === next) next++;
      else if (i > next || (i >= num && i < first)) wrong("a row that is not there");
      if (after === null && !there.delete(i)) wrong("a row that was gone before");
      if (after !== null) there.add(i);
    }
  }
}

/** The list after a change; one that takes nothing and gives nothing is the same list. */
function changedList(list, { taken, given }, compare) {
  if (!taken.length && !given.length) return list;
  const left = [...list];
  for (const each of taken) {
    const k = left.findIndex((other) => compare(each, other) === 0);
    if (k < 0) wrong("something taken away that was not there");
    left.splice(k, 1);
  }
  return [...left, ...given].sort(compare);
}

/** What is said after the changes. */
function saidAfter({ segments: list, reviewed: spans, rejected: refused }, changes) {
  const rows = new Map(list.entries());
  for (const change of changes) {
    for (const [i, after] of change.rows) rows.set(i, after);
    spans = changedList(spans, change.reviewed, compareReviewed);
    refused = changedList(refused, change.rejected, compareSegments);
  }
  return { segments: [...rows.values()].filter(Boolean), reviewed: spans, rejected: refused };
}
