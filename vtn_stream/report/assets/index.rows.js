/* The films as rows, of which only those in sight exist; a strip is painted on a canvas from the film's coded layers. */

const MAX_PRINTED = 100; // films on paper
const AHEAD = 8; // rows kept above and below what is in sight

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
    .map(({ label, segments, total }) => `${label.name} ${many(segments, "time")}, ${lasts(total)}`);
  if (film.sums.length > 5) told.push(`and ${many(film.sums.length - 5, "other label")}`);
  if (film.gaps > 0) told.push(`unknown ${lasts(film.gaps)}`);
  return [told.join("; ") || (film.file ? "nothing found" : "nobody analyzed it"), reviewed(film)[1]].filter(Boolean).join("; ");
}

/** What people did with a film: in short, and in full. */
function reviewed({ progress }) {
  if (!progress) return ["–", ""];
  const { state, share, byHand, reviewed: done, toReview } = progress;
  if (state === "not begun") return [state, ""];
  const time = `${share < 10 ? share : Math.floor(share)} %`;
  const told = [`${time} of the time`, many(byHand, "segment") + " by hand"];
  if (toReview) told.unshift(`${count(done)} of ${many(toReview, "segment")} of the model`);
  const short = toReview ? `${count(done)} of ${count(toReview)}` : time;
  return [state === "done" ? state : short, `${state}: ${told.join(", ")}`];
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
  row.append(heading, cell("length", failed ? "–" : lasts(film.duration)));
  const part = chosen.size ? `${count(chosenSegments(film))} / ` : "";
  row.append(cell("segments", failed ? "–" : part + count(film.segments)));
  if (isReviewed) {
    const [short, full] = reviewed(film), state = film.progress?.state ?? "";
    row.append(cell("reviewed", element("span", { class: `state ${state.replace(" ", "-")}`, title: full }, short)));
  }
  if (failed) {
    row.append(cell("strip", element("span", { class: "cut reason", title: film.reason }, element("bdi", {}, film.reason))), cell("file"));
  } else {
    row.canvas = element("canvas", { role: "img", "aria-label": summary(film) });
    row.link = film.page ? element("a", { href: film.page, tabindex: -1, draggable: "false" }, row.canvas) : element("span", {}, row.canvas);
    if (film.file) row.file = element("a", { href: film.file, "aria-label": `Timeline file of ${film.name}` }, "JSON");
    row.append(cell("strip", row.link), cell("file", ...(row.file ? [row.file] : [])));
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
      context.globalAlpha = label && chosen.size && !chosen.has(among(label)) ? 0.18 : 1;
      context.fillStyle = ink(label, context);
      context.fillRect(start * row.perUnit, 0, Math.max(least, (end - start) * row.perUnit), height);
    }
  });
}
