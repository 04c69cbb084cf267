/* What people ask for: each makes one change, or none where nothing would be another, and says so.

   Rows of truth, and rows that do not stand, are passed over. Labels are numbers, times seconds. */

const NEAR = 0.0005; // seconds: what is nearer than the page shows is the same time

// ---- of one segment

/** What the model had said first. */
function modelSaid({ origin, was, ...said }) {
  return was ?? said;
}

const isSame = (a, b) => a.start_s === b.start_s && a.end_s === b.end_s && a.label === b.label;

/** A segment that a person changed, or kept: curated, and with what it was, if that is something else. */
function corrected(exact, changes = {}) {
  const { was, ...next } = { ...exact, ...changes };
  if (exact.origin === "manual") return next;
  const model = modelSaid(exact);
  next.origin = "curated";
  next.score = next.label === model.label ? model.score : null;
  return isSame(next, model) ? next : { ...next, was: model };
}

const editable = (numbers) => [...new Set(numbers)].filter((i) => stands(i) && !isTrue(i));

/** Commits the rows that change; how many they were. */
function commitRows(name, changes, lists = {}) {
  if (changes.length) commit({ name, rows: changes, ...lists });
  return changes.length;
}

// ---- kept, rejected, called something else

/** Says that they are right as they stand. Returns how many nobody had said that of. */
function keep(numbers) {
  const news = editable(numbers).filter((i) => !byHand(i));
  return commitRows("keep", news.map((i) => [i, corrected(segments.exact[i])]));
}

/** Takes them away. What a model had said is remembered as rejected, unless another piece of it stands; of joined ones all
    that it had said, if they were joined in this page. */
function reject(numbers) {
  const gone = editable(numbers), going = new Set(gone), key = (exact) => segmentText(exact, 0);
  const left = gone.some((i) => segments.exact[i].was) ? standing().filter((i) => !going.has(i)) : [];
  const pieces = new Set(left.flatMap((i) => (segments.exact[i].was ? [key(segments.exact[i].was)] : [])));
  const known = new Set(rejected.map(key)), more = [];
  for (const i of gone) {
    if (pieces.has(key(modelSaid(segments.exact[i])))) continue;
    const parts = joinedInto(i).filter(([k]) => !stands(k)).map(([, before]) => before);
    for (const { origin, ...exact } of [segments.exact[i], ...parts]) {
      const said = modelSaid(exact), text = key({ ...said, origin: "model" });
      if (origin === "manual" || known.has(text) || pieces.has(key(said))) continue;
      known.add(text);
      more.push({ ...said, origin: "model" });
    }
  }
  return commitRows("reject", gone.map((i) => [i, null]), more.length ? { rejected: [...rejected, ...more] } : {});
}

function relabel(numbers, label) {
  const name = exactLabels[label], others = editable(numbers).filter((i) => segments.exact[i].label !== name);
  return commitRows("relabel", others.map((i) => [i, corrected(segments.exact[i], { label: name })]));
}

/** Rejects what a model says of a label (null: of any) below a score, and nobody kept. */
function rejectBelow(label, score) {
  return reject(ofModel(label).filter((i) => segments.score[i] !== null && segments.score[i] < score));
}

/** Keeps what a model says of a label (null: of any) at a score or above. */
function keepAbove(label, score) {
  return keep(ofModel(label).filter((i) => segments.score[i] !== null && segments.score[i] >= score));
}

const ofModel = (label) => standing().filter((i) => !byHand(i) && (label === null || segments.label[i] === label));

// ---- times

/** Where a border can be: in the film, or where it was; to the microsecond; what is near one of `exactly` is that. */
function border(seconds, low, high, exactly) {
  const near = exactly.find((each) => Math.abs(each - seconds) < NEAR);
  return near ?? within(Math.round(seconds * 1e6) / 1e6, low, high);
}

/** A time of the film. Its end is not always a whole millisecond, as what people point at is. */
const timeInFilm = (seconds) => border(seconds, 0, filmEnd, [filmEnd]);

/** Gives it other times; an end before the start becomes the start. Whether anything changed. */
function moveTo(i, start_s, end_s) {
  if (!editable([i]).length) return false;
  const exact = segments.exact[i], low = Math.min(0, exact.start_s), high = Math.max(filmEnd, exact.end_s);
  const known = [exact, ...(exact.was ? [exact.was] : [])];
  const start = border(start_s, low, high, known.map((each) => each.start_s));
  const end = Math.max(start, border(end_s, low, high, known.map((each) => each.end_s)));
  if (start === exact.start_s && end === exact.end_s) return false;
  return commitRows("move", [[i, corrected(exact, { start_s: start, end_s: end })]]) > 0;
}

/** Makes two of it, the second a new row, whose number is given; -1 if the time is not inside. */
function splitAt(i, seconds) {
  if (!editable([i]).length) return -1;
  const exact = segments.exact[i], at = border(seconds, exact.start_s, exact.end_s, []), second = numRows();
  if (at <= exact.start_s || at >= exact.end_s) return -1;
  commitRows("split", [[i, corrected(exact, { end_s: at })], [second, corrected(exact, { start_s: at })]]);
  return second;
}

/** Makes one of several of one label, from the first start to the last end. The row that is left; -1 if labels differ. */
function join(numbers) {
  const parts = editable(numbers).sort(byStart), all = parts.map((i) => segments.exact[i]);
  if (parts.length < 2 || all.some(({ label }) => label !== all[0].label)) return -1;
  const said = all.filter(({ origin }) => origin !== "manual").map(modelSaid).sort(compareSegments);
  const span = { start_s: all[0].start_s, end_s: Math.max(...all.map((each) => each.end_s)) };
  const common = (all[0].attributes ?? []).filter(([name, value]) => (
    all.every(({ attributes }) => attributes?.some(([key, text]) => key === name && text === value))));
  const { attributes, ...base } = all[0];
  if (common.length) base.attributes = common;
  const joined = said.length
    ? corrected({ ...base, origin: "curated", was: said[0] }, span)
    : { ...base, ...span };
  commitRows("join", [[parts[0], joined], ...parts.slice(1).map((i) => [i, null])]);
  return parts[0];
}

/** A new segment by hand. Its row. */
function add(label, start_s, end_s) {
  const i = numRows(), start = timeInFilm(start_s), end = Math.max(start, timeInFilm(end_s));
  commit({ name: "add", rows: [[i, { start_s: start, end_s: end, label: exactLabels[label], score: null, origin: "manual" }]] });
  return i;
}

// ---- reviewed time, labels

/** Says that in this time, of these labels (null: of all), nothing happens but what stands. Keeps what lies in it, as
    far as can be seen: it would be taken for wrong if it began a part of a millisecond before. */
function nothingElse(start_s, end_s, labels) {
  const span = { start_s: timeInFilm(start_s), end_s: timeInFilm(end_s), labels: namesOf(labels) };
  if (span.start_s >= span.end_s) return false;
  const inside = standing().filter((i) => {
    const exact = segments.exact[i];
    const isInside = exact.start_s > span.start_s - NEAR && exact.end_s < span.end_s + NEAR;
    return !byHand(i) && covers(span.labels, exact.label) && isInside;
  });
  const isKnown = isReviewed(reviewed, span), next = isKnown ? reviewed : withSpan(reviewed, span);
  if (!inside.length && isKnown) return false;
  commit({ name: "nothing else", rows: inside.map((i) => [i, corrected(segments.exact[i])]), reviewed: next });
  return true;
}

/** Takes that back for a time; what was kept stays so. */
function openAgain(start_s, end_s, labels) {
  const every = sortedNames(labelsThere().map((label) => exactLabels[label]));
  const next = withoutSpan(reviewed, { start_s, end_s, labels: namesOf(labels) }, every);
  if (compareLists(next, reviewed, compareReviewed) === 0) return false;
  commit({ name: "open again", reviewed: next });
  return true;
}

const namesOf = (labels) => (labels === null ? null : sortedNames(labels.map((label) => exactLabels[label])));

/** The number of the label of that name, which is new unless there is one; -1 for no name. */
function addLabel(name) {
  const text = [...name].map((letter) => (/^\p{Cs}$/u.test(letter) ? "\ufffd" : letter)).join("").trim();
  if (!text) return -1;
  if (labelNamed(text) < 0) commit({ name: "new label", labels: [text] });
  return labelNamed(text);
}
