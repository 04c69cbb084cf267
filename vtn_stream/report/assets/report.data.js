/* What there is, and which of it is shown. All times are milliseconds; texts of strangers enter as text nodes only.

   segments  columns of what happens, and of truth        shown[i]  whether segment i passes the filters
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

const restText = data.rest; // the text of the timeline's file, without what can be edited
data.rest = JSON.parse(restText);
data.files = data.rest.files;

/* Columns of rows: what a model or a person says happens, then truth. A row's number is never used again: one that was
   taken away is `gone`. exact: the segment as the timeline's file has it (frozen; attributes as pairs of texts). The
   other columns follow from it: start and end in ms, the note as it is shown. */
const segments = { label: [], start: [], end: [], score: [], note: [], exact: [], gone: [], truth: [] };
const exactLabels = data.labels.map((label) => label[4]), labelNumbers = new Map();
exactLabels.forEach((name, label) => { if (!labelNumbers.has(name)) labelNumbers.set(name, label); });
const ORIGINS = ["model", "curated", "manual"];
const lowerNotes = [];

const isTrue = (i) => segments.truth[i] === 1;
const stands = (i) => segments.gone[i] === 0;
const numRows = () => segments.label.length;

function inMs(seconds) {
  const ms = 1000 * within(seconds, -1e9, 1e9), whole = Math.round(ms);
  return whole - ms === 0.5 && whole % 2 ? whole - 1 : whole; // to even, as Python rounds
}

function frozen(exact) {
  if (exact.was) frozen(exact.was);
  return Object.freeze(exact);
}

/** Writes a row. exact: null takes it away. */
function setRow(i, exact, truth = 0) {
  segments.gone[i] = exact === null ? 1 : 0;
  if (exact === null) return;
  segments.exact[i] = frozen(exact);
  segments.label[i] = labelNumbers.get(exact.label);
  segments.start[i] = inMs(exact.start_s);
  segments.end[i] = inMs(exact.end_s);
  segments.score[i] = exact.score;
  segments.truth[i] = truth;
  segments.note[i] = exact.attributes ? shownText(exact.attributes.map((pair) => pair.join(": ")).join(", ")) : "";
  lowerNotes[i] = segments.note[i].toLowerCase();
}

/** A column as page.py writes it: the numbers, or their bytes. */
function numbers(column) {
  if (Array.isArray(column)) return column;
  const [[kind, text]] = Object.entries(column), bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const view = new DataView(bytes.buffer), size = kind === "<f4" ? 4 : 8;
  return Array.from({ length: bytes.length / size }, (_, i) => {
    const number = size === 4 ? view.getFloat32(4 * i, true) : view.getFloat64(8 * i, true);
    return Number.isNaN(number) ? null : number;
  });
}

function readRows({ labels, attributes, origins, was, ...columns }, truth) {
  const [starts, ends, scores] = [columns.starts, columns.ends, columns.scores].map(numbers);
  const first = numRows(), rare = [["attributes", new Map(attributes)], ["was", new Map(was)]];
  labels.forEach((label, i) => {
    const exact = { start_s: starts[i], end_s: ends[i], label: exactLabels[label], score: scores[i] };
    if (origins[i] >= 0 && origins[i] !== null) exact.origin = ORIGINS[origins[i]];
    for (const [name, values] of rare) if (values.has(i)) exact[name] = values.get(i);
    setRow(first + i, exact, truth);
  });
}

readRows(data.segments, 0);
if (data.truth) readRows(data.truth, 1);
const hasNotes = segments.note.some(Boolean), numTruth = data.truth?.labels.length ?? 0;
let numStanding = numRows() - numTruth; // rows that stand, without truth
const lanes = data.labels.map(() => ({ found: [], truth: [] })); // numbers of rows that stand, by start
for (let i = 0; i < numRows(); i++) lanes[segments.label[i]][isTrue(i) ? "truth" : "found"].push(i);

let length = data.film.duration;
if (!(length > 0)) length = segments.end.reduce((most, end) => Math.max(most, end), 1000);
const partial = data.span[0] > 1 || data.span[1] < length - 1;
const scores = segments.exact.flatMap(({ score, was }, i) => (isTrue(i) ? [] : [score, was?.score]))
  .filter((score) => typeof score === "number");
const lowest = scores.reduce((a, b) => Math.min(a, b), 0), highest = scores.reduce((a, b) => Math.max(a, b), 1);

const state = { threshold: lowest, words: "", truth: true, rejected: true, off: new Set(), key: "start", down: false };
const view = { low: 0, high: length };
let now = 0; // the playhead
let chosen = -1; // the segment last gone to, the first of the selection
let selection = []; // numbers of rows
let current = new Set(); // the segments at the playhead
