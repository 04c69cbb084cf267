/* What can be edited: rows, reviewed spans, what was rejected, labels; and what the page shows of it.

   A segment (`segments.exact[i]`) is { start_s, end_s, label, score, attributes?, origin?, was? } as in docs/timeline.md,
   but with attributes as pairs. It is never changed, only replaced. Rows are changed by `commit` (edit.history.js)
   alone, so that everything can be undone; what one asks for is in edit.operations.js.

   reviewed   spans { start_s, end_s, labels: names sorted, or null for all }    rejected   segments of a model
   selection  rows, the main one (`chosen`) first                                onEdited   called after each change */

let reviewed = data.reviewed;
let rejected = data.rejected;
const onEdited = []; // functions of { name, way: "do" | "undo" | "redo", rows, labels }
const filmEnd = data.rest.video.duration_s > 0 ? data.rest.video.duration_s : length / 1000; // seconds

const byHand = (i) => ["curated", "manual"].includes(segments.exact[i].origin);

/** Rows that stand, without truth. */
function standing() {
  const found = [];
  for (let i = 0; i < numRows(); i++) if (stands(i) && !isTrue(i)) found.push(i);
  return found;
}

/** Labels that are there, by number. */
const labelsThere = () => [...data.labels.keys()].filter((label) => !absent.has(label));

/** How many of what a model said have been looked at: kept, changed or rejected; and how many there are. */
function progress() {
  let curated = rejected.length, manual = 0;
  for (let i = 0; i < numRows(); i++) {
    if (segments.gone[i] || segments.truth[i]) continue;
    if (segments.exact[i].origin === "curated") curated++;
    else if (segments.exact[i].origin === "manual") manual++;
  }
  return { reviewed: curated, total: numStanding - manual + rejected.length };
}

// ---- labels

/** The number of a label by its name, or -1 if it is not there. */
function labelNamed(name) {
  const label = labelNumbers.get(name);
  return label === undefined || absent.has(label) ? -1 : label;
}

/** Gives a label its lane. One that was there before has the same number again. */
function bringLabel(name) {
  if (labelNumbers.has(name)) return absent.delete(labelNumbers.get(name));
  const label = data.labels.length;
  data.labels.push([shownText(name), ...lookOf(name), null, name]);
  exactLabels.push(name);
  labelNumbers.set(name, label);
  lowerLabels.push(data.labels[label][0].toLowerCase());
  named.push(lowerLabels[label].includes(state.words));
  counts.push(0);
  lanes.push({ found: [], truth: [] });
  addTrackOf(label);
  addRowOf(label);
}

// ---- one change

/** Takes a step of the history, forwards or back. */
function apply({ name, labels, ...step }, way) {
  const isBack = way === "undo";
  if (!isBack) labels.forEach(bringLabel);
  const touched = changeRows(step.rows.map(([i, before, after]) => [i, isBack ? before : after]));
  reviewed = stepped(reviewed, step.reviewed, isBack, compareReviewed);
  rejected = stepped(rejected, step.rejected, isBack, compareSegments);
  if (isBack) for (const label of labels) absent.add(labelNumbers.get(label));
  if (labels.length) {
    layOut();
    for (const label of labels) touched.add(labelNumbers.get(label));
    $("labels-part").open ||= data.labels.length === labels.length;
  }
  selection = selection.filter(stands);
  if (!selection.includes(chosen)) chosen = selection[0] ?? -1;
  tellFilm();
  touched.forEach(tellLabel);
  tellShown(touched);
  draw({ lanes: true, overview: true, table: true });
  const edited = { name, way, rows: step.rows.map(([i]) => i), labels: [...touched] };
  for (const listener of onEdited) listener(edited);
}

// ---- what is selected

/** Selects rows; the first becomes the main one, which the table scrolls to. */
function select(numbers) {
  const found = [...new Set(numbers)].filter(stands);
  choose(found[0] ?? -1);
  selection = found;
}
