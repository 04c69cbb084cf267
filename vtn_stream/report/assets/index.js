"use strict";
// Films as rows of which only those in sight exist; a strip is painted on a canvas from the film's coded layers.

const data = JSON.parse(document.getElementById("data").textContent);
const UNIT = data.unitsPerSecond;
const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const MAX_LABELS = 200; // in the table at a time
const MAX_PRINTED = 100; // films on paper
const AHEAD = 8; // rows kept above and below what is in sight

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

const labels = data.labels.map(([name, colour, films, segments, total], number) => (
  { number, name, folded: fold(name), colour, films, segments, total }
));
const films = data.films.map((row) => {
  if (row.length === 2) return { name: row[0], folded: fold(row[0]), reason: row[1], duration: -1, segments: -1, sums: [] };
  const [name, page, file, duration, complete, gaps, flat, ...layers] = row;
  const sums = [];
  for (let i = 0; i < flat.length; i += 3) sums.push({ label: labels[flat[i]], segments: flat[i + 1], total: flat[i + 2] });
  const segments = sums.reduce((sum, one) => sum + one.segments, 0);
  return { name, folded: fold(name), page, file, duration, complete, gaps, sums, segments, layers };
});
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
    pieces.push({ start, end: at, label: layer === 0 ? null : film.sums[numbers[i + 2]].label });
  }
  return pieces;
}

// ---- Colours: where there are more labels than colours, hatches tell the rounds apart, as in a film's own page

const inks = new Map();

function ink(label, context) {
  const key = label === null ? -1 : label.number;
  if (inks.has(key)) return inks.get(key);
  const hatch = label === null ? 1 : Math.floor(label.number / data.coloursPerRound) % 4; // none, / \ and |
  const tile = element("canvas", { width: 8, height: 8 });
  const brush = tile.getContext("2d");
  brush.fillStyle = label === null ? getComputedStyle($("tip")).backgroundColor : label.colour;
  brush.fillRect(0, 0, 8, 8);
  brush.strokeStyle = label === null ? getComputedStyle($("count")).color : "rgb(0 0 0 / 0.55)";
  brush.lineWidth = label === null ? 1 : 1.6;
  brush.beginPath();
  for (const x of [-8, 0, 8]) {
    if (hatch === 1) { brush.moveTo(x - 1, 9); brush.lineTo(x + 9, -1); }
    if (hatch === 2) { brush.moveTo(x - 1, -1); brush.lineTo(x + 9, 9); }
    if (hatch === 3) { brush.moveTo(x + 4, 0); brush.lineTo(x + 4, 8); }
  }
  brush.stroke();
  const made = hatch === 0 ? label.colour : context.createPattern(tile, "repeat");
  inks.set(key, made);
  return made;
}

function swatch(label) {
  const canvas = element("canvas", { class: "swatch", width: 24, height: 24, "aria-hidden": "true" });
  const context = canvas.getContext("2d");
  context.fillStyle = ink(label, context);
  context.fillRect(0, 0, 24, 24);
  return canvas;
}

// ---- What is shown

const chosen = new Set();
const order = { labels: { key: "total", down: true }, films: { key: null, down: false } };
const only = { incomplete: false, failed: false };
const collator = new Intl.Collator("en", { numeric: true });
let commonScale = false;
let shown = films;

function chosenSegments(film) {
  if (chosen.size === 0) return film.segments;
  return film.sums.reduce((sum, one) => sum + (chosen.has(one.label) ? one.segments : 0), 0);
}

function sorted(items, { key, down }, value) {
  if (key === null) return items;
  const compare = key === "name" ? (a, b) => collator.compare(a.name, b.name) : (a, b) => value(a) - value(b);
  return items.toSorted((a, b) => (down ? compare(b, a) : compare(a, b)));
}

function update() {
  const words = fold($("search").value).split(/\s+/).filter(Boolean)
    .map((word) => ({ word, labels: new Set(labels.filter((label) => label.folded.includes(word))) }));
  const fits = (film) =>
    (!only.incomplete || film.complete === 0) && (!only.failed || film.reason !== undefined)
    && [...chosen].every((label) => film.sums.some((one) => one.label === label))
    && words.every(({ word, labels: found }) => film.folded.includes(word) || film.sums.some((one) => found.has(one.label)));
  const by = order.films.key === "segments" ? chosenSegments : (film) => film.duration;
  shown = sorted(films.filter(fits), order.films, by);
  $("count").textContent = shown.length === films.length ? many(films.length, "film")
    : `${count(shown.length)} of ${many(films.length, "film")}`;
  $("clear").hidden = shown.length === films.length && chosen.size === 0 && words.length === 0;
  $("nothing").hidden = shown.length > 0;
  $("nothing").textContent = films.length ? "No film fits." : "There are no films here.";
  $("films").setAttribute("aria-rowcount", shown.length + 1);
  $("scale").textContent = commonScale ? `0 to ${clock(longest)}` : "each on its own scale";
  $("print-note").textContent = shown.length > MAX_PRINTED ? `The first ${MAX_PRINTED} of ${many(shown.length, "film")}.` : "";
  active = Math.max(0, Math.min(active, shown.length - 1));
  hideTip();
  redraw();
}

// ---- Rows: only those in sight are in the page

const live = new Map(); // place in `shown` -> row
let active = 0; // the place whose row is in the order of the Tab key
let walked = -1; // which piece of the active film the arrow keys have reached
let printing = false;
let rowHeight = 40;

function redraw() {
  const focusInside = $("rows").contains(document.activeElement);
  live.forEach((row) => row.remove());
  live.clear();
  rowHeight = parseFloat(getComputedStyle($("rows")).getPropertyValue("--row"));
  $("rows").style.height = printing ? "auto" : `${shown.length * rowHeight}px`;
  render();
  if (focusInside) live.get(active)?.name.focus({ preventScroll: true });
}

function render() {
  const top = -$("rows").getBoundingClientRect().top;
  const first = printing ? 0 : Math.max(0, Math.floor(top / rowHeight) - AHEAD);
  const last = printing ? Math.min(shown.length, MAX_PRINTED)
    : Math.min(shown.length, Math.ceil((top + innerHeight) / rowHeight) + AHEAD);
  const places = [];
  for (let place = first; place < last; place += 1) places.push(place);
  // The active row stays, so that the focus on it is not lost when it is scrolled away.
  if (!printing && shown.length && (active < first || active >= last)) places.push(active);
  places.sort((a, b) => a - b);
  const wanted = new Set(places);
  live.forEach((row, place) => {
    if (wanted.has(place)) return;
    row.remove();
    live.delete(place);
  });
  const made = [];
  let next = null;
  for (const place of places.reverse()) {
    if (!live.has(place)) {
      const row = built(shown[place], place);
      $("rows").insertBefore(row, next);
      live.set(place, row);
      if (row.film.layers) made.push(row);
    }
    next = live.get(place);
  }
  const widths = made.map((row) => row.canvas.clientWidth);
  made.forEach((row, i) => paint(row, widths[i]));
}

function summary(film) {
  const told = film.sums.toSorted((a, b) => b.total - a.total || b.segments - a.segments).slice(0, 5)
    .map(({ label, segments, total }) => `${label.name} ${many(segments, "time")}, ${clock(total)}`);
  if (film.sums.length > 5) told.push(`and ${many(film.sums.length - 5, "other label")}`);
  if (film.gaps > 0) told.push(`unknown ${clock(film.gaps)}`);
  return told.join("; ") || "nothing found";
}

function built(film, place) {
  const row = element("div", { role: "row", class: "row", "aria-rowindex": place + 2 });
  const failed = film.reason !== undefined;
  const name = film.page ? element("a", { href: film.page }) : element("span");
  const own = film.name.lastIndexOf("/") + 1; // where the folders end: they are cut first
  if (own > 0) name.append(element("bdi", { class: "cut folders" }, film.name.slice(0, own)));
  name.append(element("bdi", { class: "cut" }, film.name.slice(own)));
  name.title = film.name;
  const heading = element("div", { role: "rowheader", class: "name" }, name);
  if (failed) heading.append(element("span", { class: "badge warn" }, "not read"));
  else if (!film.complete) heading.append(element("span", { class: "badge warn" }, "incomplete"));
  const cell = (kind, ...children) => element("div", { role: "cell", class: kind }, ...children);
  row.append(heading, cell("length", failed ? "–" : clock(film.duration)));
  const part = chosen.size ? `${count(chosenSegments(film))} / ` : "";
  row.append(cell("segments", failed ? "–" : part + count(film.segments)));
  if (failed) {
    row.append(cell("strip", element("span", { class: "cut reason", title: film.reason }, element("bdi", {}, film.reason))), cell("file"));
  } else {
    row.canvas = element("canvas", { role: "img", "aria-label": summary(film) });
    row.link = film.page ? element("a", { href: film.page, tabindex: -1, draggable: "false" }, row.canvas) : element("span", {}, row.canvas);
    row.file = element("a", { href: film.file, "aria-label": `Timeline file of ${film.name}` }, "JSON");
    row.append(cell("strip", row.link), cell("file", row.file));
  }
  Object.assign(row, { film, place, name });
  row.style.transform = printing ? "none" : `translateY(${place * rowHeight}px)`;
  reachable(row);
  return row;
}

function reachable(row) {
  row.name.tabIndex = row.place === active ? 0 : -1;
  if (row.file) row.file.tabIndex = row.place === active ? 0 : -1;
}

function paint(row, width) {
  const { film, canvas } = row;
  const ratio = devicePixelRatio;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(canvas.clientHeight * ratio);
  const height = canvas.height / ratio;
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  row.pieces = film.layers.map((_, layer) => decoded(film, layer));
  row.perUnit = width / Math.max(1, commonScale ? longest : film.duration);
  context.fillStyle = getComputedStyle(canvas).color; // the track's
  context.fillRect(0, 0, Math.max(1, film.duration * row.perUnit), height);
  row.pieces.forEach((pieces, layer) => {
    const least = layer === 2 ? 2 : 1;
    for (const { start, end, label } of pieces) {
      context.globalAlpha = label && chosen.size && !chosen.has(label) ? 0.18 : 1;
      context.fillStyle = ink(label, context);
      context.fillRect(start * row.perUnit, 0, Math.max(least, (end - start) * row.perUnit), height);
    }
  });
}

// ---- A piece: under the pointer, or reached by the arrow keys

function pieceAt(row, x) {
  const distance = ({ start, end }) => Math.max(start * row.perUnit - x, x - end * row.perUnit);
  for (const [layer, near] of [[2, 3], [1, 2], [0, 0]]) {
    const best = row.pieces[layer].reduce((a, b) => (a && distance(a) <= distance(b) ? a : b), null);
    if (best && distance(best) <= near) return best;
  }
  return null;
}

function moment({ start, end }) {
  return start === end ? clock(start, true) : `${clock(start, true)} to ${clock(end, true)}`;
}

function reached(row, piece) {
  const seconds = piece.start / UNIT;
  if (row.film.page) row.link.href = piece.label ? `${row.film.page}#t=${seconds}` : row.film.page;
}

function showTip(piece, x, y) {
  const what = piece.label ? element("bdi", {}, piece.label.name) : "nothing is known";
  $("tip").replaceChildren(swatch(piece.label), element("span", { class: "cut" }, what), element("span", { class: "faint" }, moment(piece)));
  $("tip").hidden = false;
  const { width, height } = $("tip").getBoundingClientRect();
  $("tip").style.left = `${Math.max(4, Math.min(x - width / 2, document.documentElement.clientWidth - width - 4))}px`;
  $("tip").style.top = `${y - height - 6 < 0 ? y + 34 : y - height - 6}px`;
}

function hideTip() {
  $("tip").hidden = true;
}

function point(event) {
  const row = event.target.closest?.("canvas[role=img]")?.closest(".row");
  if (!row?.pieces) return hideTip();
  const { left, top } = row.canvas.getBoundingClientRect();
  const piece = pieceAt(row, event.clientX - left);
  if (row.film.page) row.link.href = row.film.page;
  if (!piece) return hideTip();
  reached(row, piece);
  return showTip(piece, event.clientX, top);
}

function walk(row, step) {
  const pieces = row.pieces ? [...row.pieces[1], ...row.pieces[2]].sort((a, b) => a.start - b.start) : [];
  if (!pieces.length) return;
  walked = Math.max(0, Math.min(pieces.length - 1, walked + step));
  const piece = pieces[walked];
  if (row.film.page) row.name.href = `${row.film.page}#t=${piece.start / UNIT}`;
  const { left, top } = row.canvas.getBoundingClientRect();
  showTip(piece, left + ((piece.start + piece.end) / 2) * row.perUnit, top);
  $("said").textContent = `${piece.label.name}, ${moment(piece)}, ${walked + 1} of ${pieces.length}`;
}

function go(place) {
  active = Math.max(0, Math.min(shown.length - 1, place));
  const under = document.querySelector(".head").getBoundingClientRect().bottom;
  const top = $("rows").getBoundingClientRect().top + active * rowHeight;
  if (top < under) scrollBy(0, top - under);
  else if (top + rowHeight > innerHeight) scrollBy(0, top + rowHeight - innerHeight);
  render();
  live.forEach(reachable);
  live.get(active).name.focus({ preventScroll: true });
}

// ---- Labels

function drawLabels() {
  const wanted = fold($("find-label").value);
  const { key } = order.labels;
  const found = sorted(labels.filter((label) => label.folded.includes(wanted)), order.labels, (label) => label[key]);
  const measure = key === "name" ? "total" : key;
  const most = Math.max(1, ...labels.map((label) => label[measure]));
  $("labels").replaceChildren(...found.slice(0, MAX_LABELS).map((label) => {
    const button = element("button", { class: "quiet label", "aria-pressed": chosen.has(label), title: label.name });
    const share = element("span", { class: "share" });
    share.style.width = `${(100 * label[measure]) / most}%`;
    share.style.background = label.colour;
    button.append(swatch(label), element("bdi", { class: "cut" }, label.name));
    button.addEventListener("click", () => {
      if (!chosen.delete(label)) chosen.add(label);
      button.setAttribute("aria-pressed", chosen.has(label));
      update();
    });
    return element(
      "tr", {}, element("td", {}, button, share), element("td", { class: "number" }, count(label.films)),
      element("td", { class: "number" }, count(label.segments)), element("td", { class: "number" }, label.total ? clock(label.total) : "–"),
    );
  }));
  $("labels-note").hidden = found.length <= MAX_LABELS;
  $("labels-note").textContent = `${count(found.length - MAX_LABELS)} more: find them by name.`;
}

function sortable(root, which, draw) {
  const buttons = [...root.querySelectorAll("[data-sort]")];
  const mark = () => buttons.forEach((button) => {
    const { key, down } = order[which];
    const state = button.dataset.sort !== key ? "none" : down ? "descending" : "ascending";
    button.closest("th, [role=columnheader]").setAttribute("aria-sort", state);
  });
  buttons.forEach((button) => button.addEventListener("click", () => {
    const { key, down } = order[which];
    const same = key === button.dataset.sort;
    order[which] = { key: button.dataset.sort, down: same ? !down : button.dataset.sort !== "name" };
    mark();
    draw();
  }));
  mark();
}

// ---- Start

function drawTotals() {
  const good = films.filter((film) => film.reason === undefined);
  const sum = (key) => good.reduce((total, film) => total + film[key], 0);
  const failed = films.length - good.length;
  const incomplete = good.filter((film) => !film.complete).length;
  const facts = [["Films", count(good.length)], ["Hours", count(Math.round(sum("duration") / UNIT / 360) / 10)]];
  facts.push(["Segments", count(sum("segments"))], ["Labels", count(labels.length)]);
  if (sum("gaps")) facts.push(["Unknown", clock(sum("gaps"))]);
  if (incomplete) facts.push(["Incomplete", count(incomplete)]);
  if (failed) facts.push(["Not read", count(failed)]);
  $("totals").append(...facts.map(([what, value]) => element("div", {}, element("dt", {}, what), element("dd", {}, value))));
  for (const [what, number, text] of [["incomplete", incomplete, "incomplete"], ["failed", failed, "not read"]]) {
    const button = $(`only-${what}`);
    button.hidden = number === 0;
    button.textContent = `${count(number)} ${text}`;
    button.addEventListener("click", () => {
      only[what] = !only[what];
      button.setAttribute("aria-pressed", only[what]);
      update();
    });
  }
}

function clear() {
  chosen.clear();
  only.incomplete = only.failed = false;
  ["only-incomplete", "only-failed"].forEach((id) => $(id).setAttribute("aria-pressed", "false"));
  $("search").value = "";
  drawLabels();
  update();
  $("search").focus();
}

function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/" && $("single-keys").checked && event.target.type !== "search") {
    event.preventDefault();
    $("search").focus();
  } else if (event.key === "ArrowDown" && event.target === $("search") && shown.length) {
    event.preventDefault();
    go(active);
  } else if (event.key === "Escape") hideTip();
  const row = event.target.closest("#rows .row");
  if (!row) return;
  const page = Math.max(1, Math.floor(innerHeight / rowHeight) - 3);
  const rows = { ArrowDown: row.place + 1, ArrowUp: row.place - 1, PageDown: row.place + page, PageUp: row.place - page };
  const place = { ...rows, Home: 0, End: shown.length - 1 }[event.key];
  if (place !== undefined) go(place);
  else if (event.key === "ArrowRight" || event.key === "ArrowLeft") walk(row, event.key === "ArrowRight" ? 1 : -1);
  else return;
  event.preventDefault();
}

function focused(event) {
  const row = event.target.closest("#rows .row");
  if (!row || !row.name.contains(event.target)) return;
  active = row.place;
  walked = -1;
  live.forEach(reachable);
}

function left(event) {
  const row = event.target.closest("#rows .row");
  if (!row) return;
  if (row.film.page) row.name.href = row.film.page;
  hideTip();
}

function onPaper(now) {
  printing = now;
  document.body.classList.toggle("printing", now);
  redraw();
}

document.getElementById("title").textContent = data.title;
drawTotals();
$("scenes").hidden = !data.scenes;
$("find-label").hidden = labels.length <= 20;
$("find-label").addEventListener("input", drawLabels);
$("search").addEventListener("input", update);
$("clear").addEventListener("click", clear);
$("common").addEventListener("click", () => {
  commonScale = !commonScale;
  $("common").setAttribute("aria-pressed", commonScale);
  update();
});
sortable(document.querySelector(".labels"), "labels", drawLabels);
sortable($("films"), "films", update);
document.addEventListener("keydown", key);
$("rows").addEventListener("focusin", focused);
$("rows").addEventListener("focusout", left);
document.addEventListener("pointermove", point);
document.addEventListener("pointerdown", point);
let waiting = false;
document.addEventListener("scroll", () => {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    hideTip();
    render();
  });
}, { passive: true });
addEventListener("resize", redraw);
new ResizeObserver(([{ target }]) => $("films").style.setProperty("--bar", `${target.offsetHeight - 1}px`)).observe($("bar"));
addEventListener("beforeprint", () => onPaper(true));
addEventListener("afterprint", () => onPaper(false));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  inks.clear();
  drawLabels();
  redraw();
});
drawLabels();
update();
