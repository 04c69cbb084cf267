/* The films and labels of the index, and how their values are written. Times are units: `data.unitsPerSecond` of them a second.

   The scripts of this page are one: each sees what the others name, in the order in which index.py joins them. */

const data = JSON.parse(document.getElementById("data").textContent);
const UNIT = data.unitsPerSecond;
const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

const $ = (id) => document.getElementById(id);
const count = (number) => number.toLocaleString("en");
const many = (number, one) => `${count(number)} ${one}${number === 1 ? "" : "s"}`;
const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function clock(units, tenths = false) {
  const rounded = tenths ? units : Math.round(units / UNIT) * UNIT;
  const seconds = Math.floor(rounded / UNIT);
  const two = (number) => String(number).padStart(2, "0");
  const text = `${Math.floor(seconds / 60) % 60}:${two(seconds % 60)}`;
  const long = seconds >= 3600 ? `${count(Math.floor(seconds / 3600))}:${text.padStart(5, "0")}` : text;
  return tenths ? `${long}.${rounded % UNIT}` : long;
}

/** How long something lasts, as people say it: 40 s, 3 min 20 s, 45 min, 1 h 45 min. */
function lasts(units) {
  const tenths = units / UNIT, near = Math.round(tenths);
  if (tenths < 10 && units % UNIT) return `${tenths.toFixed(1)} s`;
  const seconds = near < 600 ? near : Math.round(tenths / 60) * 60;
  const parts = [[Math.floor(seconds / 3600), "h"], [Math.floor(seconds / 60) % 60, "min"], [seconds % 60, "s"]];
  return parts.filter(([number]) => number).map(([number, unit]) => `${count(number)} ${unit}`).join(" ") || "0 s";
}

const labels = data.labels.map(([name, colour, hatch, films, segments, total], number) => (
  { number, name, folded: fold(name), colour, hatch, films, segments, total }
));
// A scene is its film's own: it is drawn and named there, and counts among all scenes here.
const { names: sceneNames, ...sceneTotals } = data.scenes;
const allScenes = { name: "all scenes", folded: "all scenes", ...sceneTotals };
const scenes = sceneNames.map(([name, colour, hatch], i) => ({ number: labels.length + i, name, colour, hatch, among: allScenes }));
const listed = scenes.length ? [...labels, allScenes] : labels;
const drawnLabels = [...labels, ...scenes];
const among = (label) => label.among ?? label;
const films = data.films.map((row, place) => {
  if (row.length === 2) return { name: row[0], folded: fold(row[0]), reason: row[1], duration: -1, segments: -1, sums: [] };
  const [name, page, file, duration, complete, gaps, flat, ...layers] = row;
  const sums = [];
  const pictures = data.pictures[place] ?? [];
  for (let i = 0; i < flat.length; i += 3) {
    sums.push({ label: drawnLabels[flat[i]], segments: flat[i + 1], total: flat[i + 2], picture: pictures[i / 3] });
  }
  const segments = sums.reduce((sum, one) => sum + one.segments, 0);
  const [state, share, byHand, reviewed, toReview] = data.progress[place] ?? [];
  const progress = state && { state, share: share / 10, byHand, reviewed, toReview };
  return { name, folded: fold(name), page, file, duration, complete, gaps, sums, segments, layers, progress };
});
const isReviewed = films.some((film) => film.progress);
const STATES = ["not begun", "begun", "done"];
/** Where a film stands among the others: not begun, begun, the more reviewed the higher, done. */
const howFar = ({ progress }) => (progress ? STATES.indexOf(progress.state) + progress.share / 101 : -1);
const longest = films.reduce((most, film) => Math.max(most, film.duration), 0);

function decoded(film, layer) {
  const numbers = [];
  let value = 0;
  let scale = 1;
  for (const digit of film.layers[layer]) {
    const part = DIGITS.indexOf(digit);
    value += (part % 32) * scale;
    scale *= 32;
    if (part < 32) {
      numbers.push(value);
      value = 0;
      scale = 1;
    }
  }
  const pieces = [];
  for (let i = 0, at = 0; i < numbers.length; i += 3) {
    const start = at + numbers[i];
    at = start + numbers[i + 1];
    const { label, picture } = layer === 0 ? { label: null } : film.sums[numbers[i + 2]];
    pieces.push({ start, end: at, label, picture });
  }
  return pieces;
}
