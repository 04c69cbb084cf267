/* Which rows are shown, in which order the table has them, and how many they are; and rows that come, go and change. */

const shown = [], counts = data.labels.map(() => 0); // counts: rows of a label that are shown, without truth
const lowerLabels = data.labels.map(([name]) => name.toLowerCase());
let named = []; // whether a label passes the search
let order = []; // all rows that stand as the table sorts them
let rows = []; // those of them that are shown
let numTrueShown = 0;
let telling = 0, listing = 0; // timers

function passes(i) {
  const label = segments.label[i], score = segments.score[i], { threshold, words, truth, off } = state;
  if (segments.gone[i] || off.has(label)) return 0;
  if (!(isTrue(i) ? truth : score === null || threshold <= lowest || score >= threshold)) return 0;
  return named[label] || lowerNotes[i].includes(words) ? 1 : 0;
}

function count(i, by) {
  if (!shown[i]) return;
  if (isTrue(i)) numTrueShown += by;
  else counts[segments.label[i]] += by;
}

function sift(moving = false) {
  named = lowerLabels.map((name) => name.includes(state.words));
  counts.fill(0);
  numTrueShown = 0;
  for (let i = 0; i < numRows(); i++) {
    shown[i] = passes(i);
    count(i, 1);
  }
  rows = order.filter((i) => shown[i]);
  tellShown(data.labels.keys());
  draw({ lanes: true, overview: true, table: !moving });
  if (moving) listing ||= setTimeout(() => { listing = 0; draw({ table: true }); }, 100); // rows cost more than lanes
}

/** Says how many are shown, of all and of these labels. */
function tellShown(labels) {
  const numShown = counts.reduce((sum, each) => sum + each, 0);
  const trueToo = data.truth ? ` · ${plural(numTrueShown, "true segment")}` : "";
  const text = `${numShown.toLocaleString("en")} of ${plural(numStanding, "segment")}${trueToo}`;
  $("count").textContent = text;
  clearTimeout(telling); // a slider on its way is not read out
  telling = setTimeout(() => { $("told").textContent = text; }, 400);
  for (const label of labels) {
    const { found, truth } = lanes[label];
    heads[label].count.textContent = found.length || !truth.length ? `${counts[label]}/${found.length}` : `${truth.length} true`;
  }
  const nothing = numStanding + numTruth === 0;
  $("none").hidden = rows.length > 0;
  const toDo = "No segments yet: nobody analyzed this film. Press Edit, then Code.";
  const none = data.analyzed ? "No segments: nothing was found in this film." : toDo;
  $("none").textContent = nothing ? none : "No segment passes the filters.";
  table.setAttribute("aria-rowcount", rows.length + 1);
  highlight(true);
}

// ---- the order of the table

let sortValue = (i) => segments.start[i];

/** How the table has two rows. */
function compared(a, b) {
  const x = sortValue(a), y = sortValue(b);
  if (x !== y) {
    if (x === null || y === null) return x === null ? 1 : -1; // without a score: last, either way
    return x < y === state.down ? 1 : -1;
  }
  return segments.start[a] - segments.start[b] || segments.truth[b] - segments.truth[a] || b - a; // truth first
}

const byStart = (a, b) => segments.start[a] - segments.start[b] || a - b;

function sort() {
  const column = segments[state.key] ?? segments.start;
  sortValue = {
    label: (i) => lowerLabels[segments.label[i]],
    length: (i) => segments.end[i] - segments.start[i],
    note: (i) => lowerNotes[i],
    by: byWhom,
  }[state.key] ?? ((i) => column[i]);
  order = [...segments.gone.keys()].filter(stands).sort(compared);
  rows = order.filter((i) => shown[i]);
  for (const th of $("columns").children) {
    th.setAttribute("aria-sort", th.dataset.key !== state.key ? "none" : state.down ? "descending" : "ascending");
  }
  draw({ table: true });
}

// ---- rows that come, go and change

const MANY_ROWS = 200; // from so many on, all is sorted anew

function insert(list, i, comparison) {
  let low = 0, high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (comparison(list[middle], i) < 0) low = middle + 1;
    else high = middle;
  }
  list.splice(low, 0, i);
}

function remove(list, i) {
  const at = list.indexOf(i);
  if (at >= 0) list.splice(at, 1);
}

/** changes: [row, exact or null]. Returns the labels of the rows, before and after. */
function changeRows(changes) {
  const touched = new Set(), many = changes.length > MANY_ROWS;
  for (const [i, exact] of changes) {
    if (stands(i)) {
      touched.add(segments.label[i]);
      numStanding--;
      count(i, -1);
      shown[i] = 0;
      if (!many) for (const list of [lanes[segments.label[i]].found, order, rows]) remove(list, i);
    }
    setRow(i, exact);
    $(`row${i}`)?.remove(); // the table makes it anew
    if (exact === null) continue;
    touched.add(segments.label[i]);
    numStanding++;
    shown[i] = passes(i);
    count(i, 1);
    if (many) continue;
    insert(lanes[segments.label[i]].found, i, byStart);
    insert(order, i, compared);
    if (shown[i]) insert(rows, i, compared);
  }
  if (many) {
    for (const lane of lanes) lane.found = [];
    for (let i = 0; i < numRows(); i++) if (stands(i) && !isTrue(i)) lanes[segments.label[i]].found.push(i);
    for (const lane of lanes) lane.found.sort(byStart);
    sort();
  }
  return touched;
}
