/* How edited things look on the lanes: by whom a segment is, what was rejected, what is reviewed, what is being moved.

   None of it is told by colour alone. Below a bar that was kept is a line, below a changed one a line of dashes, below
   one by hand a line of dots, and each has its own sign; a rejected one is low, empty and struck out; reviewed time has
   a line above it with an end at either side, on the lanes that it is of, and on the clock where it is of all. */

const BY = { model: "model", kept: "kept", changed: "changed", manual: "by hand" };
const DASHES = { kept: [], changed: [5, 3], manual: [1.5, 2.5] };
const SIGNS = { // strokes in a square of 7 pixels
  kept: [[[0, 4], [2.5, 7], [7, 0]]],
  changed: [[[0, 6.5], [3.5, 0], [7, 6.5], [0, 6.5]]],
  manual: [[[3.5, 0], [3.5, 7]], [[0, 3.5], [7, 3.5]]],
};
const SIGN = 11; // with the space after it
const NEW = -1; // the row of what is being drawn
const moving = new Map(); // row -> { label, start, end }: where it is shown while it is dragged, in ms

/** By whom a row is: "model", "kept", "changed", "manual"; "" where nobody noted it. */
function byWhom(i) {
  const { origin, was } = segments.exact[i];
  if (isTrue(i) || !origin) return "";
  return origin !== "curated" ? origin : was ? "changed" : "kept";
}

/** Shows these rows where they would be, and draws nothing anew but the lanes that it concerns. It changes nothing. */
function showMoving(places) {
  const before = [...moving], touched = new Set();
  moving.clear();
  for (const [i, place] of places) moving.set(i, place);
  for (const [i, { label }] of [...before, ...moving]) {
    touched.add(label);
    if (i !== NEW) touched.add(segments.label[i]);
  }
  drawLanes(touched);
}

/** Lines below bars, all of a kind at once. marks: [by whom, left, right]. */
function paintMarks(marks, y, wide) {
  pen.strokeStyle = ink.ink;
  pen.lineWidth = wide;
  for (const [by, dashes] of Object.entries(DASHES)) {
    pen.beginPath();
    for (const [each, left, right] of marks) if (each === by) { pen.moveTo(left, y); pen.lineTo(right, y); }
    pen.setLineDash(dashes);
    pen.stroke();
  }
  pen.setLineDash([]);
}

function paintSign(by, left, top, colour) {
  pen.strokeStyle = colour;
  pen.lineWidth = 1.5;
  pen.beginPath();
  for (const [[px, y], ...others] of SIGNS[by]) {
    pen.moveTo(left + px, top + y);
    for (const [toPx, toY] of others) pen.lineTo(left + toPx, top + toY);
  }
  pen.stroke();
}

// ---- rejected

const rejectedBy = { list: null, labels: [] }; // of each label, by start; made anew when the list is another one

function rejectedOf(label) {
  if (rejectedBy.list !== rejected) {
    Object.assign(rejectedBy, { list: rejected, labels: data.labels.map(() => []) });
    for (const each of rejected) rejectedBy.labels[labelNumbers.get(each.label)]?.push(each);
    for (const list of rejectedBy.labels) list.sort((a, b) => a.start_s - b.start_s);
  }
  return state.rejected ? rejectedBy.labels[label] ?? [] : [];
}

function paintRejected(label, bottom, full) {
  const high = Math.max(3, Math.round(full * 0.45));
  let right = -Infinity;
  pen.lineWidth = 1;
  for (const { start_s, end_s } of rejectedOf(label)) {
    const a = Math.max(Math.floor(x(start_s * 1000)), -10) + 0.5;
    const b = Math.min(Math.max(Math.round(x(end_s * 1000)) - 0.5, a + 3), width + 10);
    if (b < 0 || a > width || b <= right) continue;
    right = b;
    pen.strokeStyle = ink.faint;
    pen.strokeRect(a, bottom - high, b - a, high);
    pen.beginPath();
    pen.moveTo(a - 2, bottom - high / 2);
    pen.lineTo(b + 2, bottom - high / 2);
    pen.strokeStyle = ink.ink;
    pen.stroke();
  }
}

function rejectedAt(px, y) {
  const under = trackAt(y), low = timeAt(px - 2) / 1000, high = timeAt(px + 2) / 1000;
  if (under?.kind !== "lane") return undefined;
  return rejectedOf(under.label).findLast(({ start_s, end_s }) => start_s <= high && end_s >= low);
}

/** What only a corrected timeline has: the column "By", and that rejected ones can be hidden. */
function tellCorrected() {
  document.body.classList.toggle("corrected", reviewed.length + rejected.length > 0 || standing().some(byHand));
  $("rejected-label").hidden = !rejected.length;
}

$("rejected").addEventListener("change", () => { state.rejected = $("rejected").checked; draw({ lanes: true }); });
onEdited.push(tellCorrected);
tellCorrected();

// ---- reviewed

const isOf = (span, label) => span.labels === null || span.labels.includes(exactLabels[label]);

/** The reviewed time of a label at this moment. */
const reviewedAt = (label, ms) =>
  reviewed.filter((span) => isOf(span, label) && span.start_s * 1000 <= ms && ms <= span.end_s * 1000);

/** A line over these spans with an end at either side, and a breath of colour below it. */
function paintSpans(spans, y, tall, wide = 2) {
  for (const { start_s, end_s } of spans) {
    const a = Math.max(x(start_s * 1000), -10), b = Math.min(Math.max(x(end_s * 1000), a + 2), width + 10);
    if (b < 0 || a > width) continue;
    pen.fillStyle = ink.accent;
    pen.globalAlpha = 0.1;
    pen.fillRect(a, y, b - a, tall);
    pen.globalAlpha = 1;
    pen.fillRect(a, y, b - a, wide);
    for (const end of [a, b - 1]) pen.fillRect(end, y, 1, Math.min(tall, 7));
  }
}

const paintReviewed = (label, y, tall) => paintSpans(reviewed.filter((span) => isOf(span, label)), y, tall);

/** Where "nothing else" begins, until it is said where it ends: a flag on the clock. */
function paintBeginning() {
  if (beginsAt === null) return;
  const px = x(beginsAt);
  pen.fillStyle = ink.accent;
  pen.fillRect(px, 2, 2, RULER - 2);
  pen.beginPath();
  pen.moveTo(px, 2);
  pen.lineTo(px + 9, 6);
  pen.lineTo(px, 10);
  pen.fill();
}

// ---- what is being coded

/** A state from where it started to the playhead, with no end yet. */
function paintOpen(label, bottom, full) {
  if (!openStates.has(label)) return;
  const since = openStates.get(label);
  const a = Math.max(x(Math.min(since, now)), -10), b = Math.min(x(Math.max(since, now)), width + 10);
  pen.fillStyle = data.labels[label][1];
  pen.globalAlpha = 0.45;
  pen.fillRect(a, bottom - full, b - a, full);
  pen.globalAlpha = 1;
  pen.lineWidth = 2;
  pen.strokeStyle = ink.ink;
  pen.setLineDash([4, 3]);
  pen.strokeRect(a, bottom - full, b - a, full);
  pen.setLineDash([]);
}

// ---- what can be dragged, and is

/** At both ends of a selected bar, where a hand finds it; outside of one that is narrow. */
function paintHandles(a, b, top, tall) {
  const out = b - a < 16 ? 4 : 0;
  for (const px of [a - 2 - out, b - 2 + out]) {
    pen.beginPath();
    pen.roundRect(px, top + 1, 4, tall - 2, 2);
    pen.fillStyle = ink.accent;
    pen.fill();
    pen.lineWidth = 1;
    pen.strokeStyle = ink.panel;
    pen.stroke();
  }
}

function paintMoving(label, bottom, full) {
  for (const { label: at, start, end } of moving.values()) {
    if (at !== label) continue;
    const a = Math.max(x(start), -10), b = Math.min(Math.max(x(end), a + 2), width + 10);
    pen.fillStyle = data.labels[label][1];
    pen.globalAlpha = 0.7;
    pen.fillRect(a, bottom - full, b - a, full);
    pen.globalAlpha = 1;
    pen.lineWidth = 2;
    pen.strokeStyle = ink.accent;
    pen.strokeRect(a, bottom - full, b - a, full);
  }
}
