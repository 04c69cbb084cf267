/* The data of the page, and the film that is shown. Texts of strangers enter as text nodes only. */

const data = JSON.parse(document.getElementById("data").textContent);
for (const each of data.films) {
  each.kappas = each.lanes.map(([, kappa]) => kappa);
  each.lanes = each.lanes.map(([label]) => label);
}
const $ = (id) => document.getElementById(id);
const plural = (num, word) => `${num.toLocaleString("en")} ${word}${num === 1 ? "" : "s"}`;
const within = (value, low, high) => Math.min(Math.max(value, low), high);
const video = $("film");

let film = data.films[0]; // that is shown
let now = 0; // ms, the playhead
const view = { low: 0, high: 1 }; // ms that the lanes show

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const stranger = (text) => make("bdi", {}, text);
const nameOf = (label) => data.labels[label][0];

function clock(ms, digits = 1) {
  const unit = 10 ** (3 - digits), parts = Math.round(Math.abs(ms) / unit), s = Math.floor(parts / 10 ** digits);
  const pad = (value, length = 2) => String(value).padStart(length, "0"), rest = pad(parts % 10 ** digits, digits);
  const whole = `${Math.floor(s / 3600)}:${pad(Math.floor(s / 60) % 60)}:${pad(s % 60)}`;
  return `${ms < 0 && parts ? "-" : ""}${whole}${digits ? `.${rest}` : ""}`;
}

/** The names of labels, apart; a dash where there is none. */
function names(labels) {
  if (!labels.length) return ["–"];
  return labels.flatMap((label, i) => [...(i ? [", "] : []), stranger(nameOf(label))]);
}
