/* What there is, and which of it is shown. All times are milliseconds; texts of strangers enter as text nodes only.

   segments  columns of predictions, then of truth        shown[i]  whether segment i passes the filters
   state     what the reader chose                        view      the part of the film that the lanes show

   The scripts of this page are one: each sees what the others name, in the order in which page.py joins them. */

const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const video = $("film"), stage = $("stage"), scroll = $("scroll"), table = $("table"), rowsBox = $("rows");

// ---- words and elements

const plural = (num, word) => `${num.toLocaleString("en")} ${word}${num === 1 ? "" : "s"}`;
const within = (value, low, high) => Math.min(Math.max(value, low), high);

function clock(ms, digits = 3) {
  const scale = 10 ** (3 - digits), whole = Math.round(Math.abs(ms) / scale) * scale, s = Math.floor(whole / 1000);
  const pad = (value, width) => String(value).padStart(width, "0");
  const text = `${Math.floor(s / 3600)}:${pad(Math.floor(s / 60) % 60, 2)}:${pad(s % 60, 2)}`;
  return (ms < 0 ? "-" : "") + text + (digits ? `.${pad(whole % 1000, 3).slice(0, digits)}` : "");
}

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const stranger = (text) => make("bdi", { class: "cut", title: text }, text);

/** A segment's score, or that it is of the truth, or nothing. */
function scoreOf(i, digits) {
  if (isTrue(i)) return "truth";
  return segments.score[i] === null ? "" : segments.score[i].toFixed(digits);
}

const nameOf = (i) => data.labels[segments.label[i]][0];

function swatch(label) {
  const [, colour, hatch] = data.labels[label];
  const element = make("span", { class: `swatch hatch${hatch}`, "aria-hidden": "true" });
  element.style.backgroundColor = colour;
  return element;
}

/** What stands before a label's name: its colour, and of a scene its picture. The name says it, so they have no text. */
function signs(label, kind = "") {
  const place = data.labels[label][3];
  if (place === null) return [swatch(label)];
  return [swatch(label), make("img", { class: `scene ${kind}`, alt: "", src: data.thumbnails[place][1] })];
}

// ---- what there is

const segments = { label: [], start: [], end: [], score: [], note: [] };
const numPredicted = data.segments.labels.length;
for (const columns of data.truth ? [data.segments, data.truth] : [data.segments]) {
  const first = segments.label.length;
  let start = 0;
  columns.labels.forEach((label, i) => {
    start += columns.starts[i];
    segments.label.push(label);
    segments.start.push(start);
    segments.end.push(start + columns.lengths[i]);
    segments.score.push(columns.scores[i]);
    segments.note.push("");
  });
  for (const [i, note] of columns.notes) segments.note[first + i] = note;
}
const num = segments.label.length, isTrue = (i) => i >= numPredicted;
const hasNotes = segments.note.some(Boolean);
const lanes = data.labels.map(() => ({ found: [], truth: [] })); // numbers of segments, by start
for (let i = 0; i < num; i++) lanes[segments.label[i]][isTrue(i) ? "truth" : "found"].push(i);

let length = data.film.duration;
if (!(length > 0)) length = segments.end.reduce((most, end) => Math.max(most, end), 1000);
const partial = data.span[0] > 1 || data.span[1] < length - 1;
const scores = segments.score.slice(0, numPredicted).filter((score) => score !== null);
const lowest = scores.reduce((a, b) => Math.min(a, b), 0), highest = scores.reduce((a, b) => Math.max(a, b), 1);

const state = { threshold: lowest, words: "", truth: true, off: new Set(), key: "start", down: false };
const view = { low: 0, high: length };
let now = 0; // the playhead
let chosen = -1; // the segment last gone to
let current = new Set(); // the segments at the playhead

// ---- filters and counts

const shown = new Uint8Array(num), counts = data.labels.map(() => 0);
const lowerLabels = data.labels.map(([name]) => name.toLowerCase());
const lowerNotes = segments.note.map((note) => note.toLowerCase());
let order = []; // all segments as the table sorts them
let rows = []; // those of them that are shown
let telling = 0, listing = 0; // timers

function sift(moving = false) {
  const { threshold, words, truth, off } = state;
  const named = lowerLabels.map((name) => name.includes(words));
  counts.fill(0);
  let numShown = 0, numTrue = 0;
  for (let i = 0; i < num; i++) {
    const label = segments.label[i], score = segments.score[i];
    const passes = isTrue(i) ? truth : score === null || threshold <= lowest || score >= threshold;
    shown[i] = passes && !off.has(label) && (named[label] || lowerNotes[i].includes(words)) ? 1 : 0;
    if (!shown[i]) continue;
    if (isTrue(i)) numTrue++;
    else { numShown++; counts[label]++; }
  }
  rows = order.filter((i) => shown[i]);
  const trueToo = data.truth ? ` · ${plural(numTrue, "true segment")}` : "";
  const text = `${numShown.toLocaleString("en")} of ${plural(numPredicted, "segment")}${trueToo}`;
  $("count").textContent = text;
  clearTimeout(telling); // a slider on its way is not read out
  telling = setTimeout(() => { $("told").textContent = text; }, 400);
  heads.forEach((head, label) => {
    const { found, truth } = lanes[label];
    head.count.textContent = found.length ? `${counts[label]}/${found.length}` : `${truth.length} true`;
  });
  $("none").hidden = rows.length > 0;
  $("none").textContent = num ? "No segment passes the filters." : "No segments: nothing was found in this film.";
  table.setAttribute("aria-rowcount", rows.length + 1);
  highlight(true);
  draw({ lanes: true, overview: true, table: !moving });
  if (moving) listing ||= setTimeout(() => { listing = 0; draw({ table: true }); }, 100); // rows cost more than lanes
}

function sort() {
  const column = segments[state.key] ?? segments.start;
  const value = {
    label: (i) => lowerLabels[segments.label[i]],
    length: (i) => segments.end[i] - segments.start[i],
    note: (i) => lowerNotes[i],
  }[state.key] ?? ((i) => column[i]);
  const sign = state.down ? -1 : 1, values = segments.label.map((_, i) => value(i));
  order = segments.label.map((_, i) => i).sort((a, b) => {
    const x = values[a], y = values[b];
    if (x !== y) {
      if (x === null || y === null) return x === null ? 1 : -1; // without a score: last, either way
      return x < y ? -sign : sign;
    }
    return segments.start[a] - segments.start[b] || b - a; // truth before what was found
  });
  rows = order.filter((i) => shown[i]);
  for (const th of $("columns").children) {
    th.setAttribute("aria-sort", th.dataset.key !== state.key ? "none" : state.down ? "descending" : "ascending");
  }
  draw({ table: true });
}
