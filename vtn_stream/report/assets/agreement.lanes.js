/* The lanes: a label's upper half is A, its lower half B. Drawn on canvas, only when something changes. */

const LANE = 40, RULER = 24, MIN_SPAN = 500; // pixels; ms
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400].map((s) => s * 1000);
const lanes = $("lanes"), pen = lanes.getContext("2d"), tiles = new Map(), inks = new Map();
let waiting = false, width = 1;

const x = (ms) => ((ms - view.low) / (view.high - view.low)) * width;

function draw() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(paint);
}

function show(low, high) {
  const most = Math.max(film.duration, MIN_SPAN), span = within(high - low, Math.min(MIN_SPAN, most), most);
  view.low = within((low + high - span) / 2, 0, most - span);
  view.high = view.low + span;
  $("range").textContent = `${clock(view.low)} – ${clock(view.high)}`;
  draw();
}

/** Closer by a factor above 1, farther by one below it; the playhead stays where it is, if it is in view. */
function zoom(factor) {
  const at = view.low <= now && now <= view.high ? now : (view.low + view.high) / 2;
  show(at - (at - view.low) / factor, at + (view.high - at) / factor);
}

function move(share) {
  const by = (view.high - view.low) * share;
  show(view.low + by, view.high + by);
}

function pattern(label) {
  if (!tiles.has(label)) tiles.set(label, pen.createPattern(hatchTile(data.labels[label][2], data.labels[label][1]), "repeat"));
  return tiles.get(label);
}

function paint() {
  waiting = false;
  const scale = devicePixelRatio || 1;
  const height = RULER + LANE * film.lanes.length;
  width = Math.max(1, lanes.clientWidth);
  lanes.width = Math.round(width * scale);
  lanes.height = Math.round(height * scale);
  lanes.style.height = `${height}px`;
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  paintRuler(height, colour("--line"), colour("--faint"));
  paintDiffering(colour("--head"));
  for (const [side, top] of [[film.a, 3], [film.b, 22]]) paintSide(side, top);
  paintUnknown(height, colour("--edge"));
  pen.fillStyle = colour("--line");
  film.lanes.forEach((_, i) => pen.fillRect(0, RULER + (i + 1) * LANE - 1, width, 1));
  pen.fillStyle = colour("--head");
  pen.fillRect(Math.round(x(now)) - 1, 0, 2, height);
}

/** A colour as the page shows it, in light or in dark: asked for once. */
function colour(name) {
  if (!inks.has(name)) {
    $("range").style.color = `var(${name})`;
    inks.set(name, getComputedStyle($("range")).color);
    $("range").style.color = "";
  }
  return inks.get(name);
}

function paintSide(side, top) {
  const place = new Map(film.lanes.map((label, i) => [label, RULER + i * LANE]));
  for (const [label, start, end] of side) {
    if (end < view.low || start > view.high || !place.has(label)) continue;
    const left = Math.max(x(start), -10), right = Math.min(x(end), width + 10);
    pen.fillStyle = pattern(label);
    pen.fillRect(left, place.get(label) + top, Math.max(right - left, 2), 15);
  }
}

/** Red behind what only one of them says, with a line along it, which is seen without colours too. */
function paintDiffering(colour) {
  const place = new Map(film.lanes.map((label, i) => [label, RULER + i * LANE]));
  pen.fillStyle = colour;
  for (const [start, end, a, b] of film.differing) {
    if (end < view.low || start > view.high) continue;
    const left = Math.max(x(start), -10), long = Math.max(Math.min(x(end), width + 10) - left, 2);
    for (const label of [...a, ...b].filter((each) => place.has(each))) {
      pen.globalAlpha = 0.3;
      pen.fillRect(left, place.get(label), long, LANE - 1);
      pen.globalAlpha = 1;
      pen.fillRect(left, place.get(label) + 19, long, 2);
    }
  }
}

/** Stripes over the time that does not count. */
function paintUnknown(height, colour) {
  let at = 0;
  pen.fillStyle = pen.createPattern(hatchTile(1, null, colour, 1), "repeat");
  for (const [start, end] of [...film.compared, [film.duration, film.duration]]) {
    if (start > at) pen.fillRect(x(at), RULER, x(start) - x(at), height - RULER);
    at = Math.max(at, end);
  }
}

function paintRuler(height, line, ink) {
  const enough = ((view.high - view.low) / width) * 90, step = STEPS.find((each) => each >= enough) ?? STEPS.at(-1);
  pen.font = `11px ${getComputedStyle(document.body).fontFamily}`;
  pen.textBaseline = "middle";
  for (let ms = Math.ceil(view.low / step) * step; ms <= view.high; ms += step) {
    pen.fillStyle = line;
    pen.fillRect(Math.round(x(ms)), 0, 1, height);
    pen.fillStyle = ink;
    pen.fillText(clock(ms, 0), Math.round(x(ms)) + 4, RULER / 2);
  }
}

function fillHeads() {
  $("heads").replaceChildren(
    ...film.lanes.map((label, i) => {
      const sign = make("span", { class: "sign", "aria-hidden": "true" });
      sign.style.background = data.labels[label][1];
      const sides = make("span", { class: "sides faint", "aria-hidden": "true" }, "A", make("br"), "B");
      const kappa = make("span", { class: "kappa faint", title: "Cohen's kappa of this label over time, in this film" }, film.kappas[i]);
      return make("li", {}, sign, make("bdi", { class: "cut", title: nameOf(label) }, nameOf(label)), kappa, sides);
    }),
  );
  $("more").hidden = !film.moreLanes;
  $("more").textContent = `${plural(film.moreLanes, "more label")}, which differ less, without a lane here.`;
}

lanes.addEventListener("click", (event) => {
  seek(view.low + (event.offsetX / width) * (view.high - view.low));
});
lanes.addEventListener("wheel", (event) => {
  if (!event.ctrlKey && !event.metaKey) return; // a page that scrolls stays one
  event.preventDefault();
  zoom(event.deltaY < 0 ? 1.25 : 0.8);
}, { passive: false });
addEventListener("resize", draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  inks.clear();
  draw();
});
