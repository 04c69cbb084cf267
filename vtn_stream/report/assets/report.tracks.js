/* The tracks, from above: gaps, pictures, curves, a lane a label. Their heads are elements; colours come from CSS. */

const RULER = 24, tracks = [], heads = [];
const PAPER = 840; // what an upright page of Letter holds below the titles; A4 holds more
let tracksHeight = RULER;

/** full: its height; thin: the least on paper, where all tracks stand on one page. */
function track(kind, full, thin, ...head) {
  const li = make("li", { class: kind }, ...head);
  $("heads").append(li);
  tracks.push({ kind, full, thin, li, top: 0, height: 0 });
  return tracks[tracks.length - 1];
}

/** Gives each track its place. On paper all get lower until they fit; those that find no room have no height. */
function layOut() {
  const kept = printing ? printed() : tracks.filter(isThere), sum = (key) => kept.reduce((total, each) => total + each[key], 0);
  const least = sum("thin"), spare = sum("full") - least, room = PAPER - RULER - least;
  const share = printing && spare > room ? room / spare : 1;
  tracksHeight = RULER;
  for (const each of tracks) {
    each.top = tracksHeight;
    each.height = kept.includes(each) ? Math.floor(each.thin + (each.full - each.thin) * share) : 0;
    each.li.style.height = `${each.height}px`;
    each.li.hidden = !each.height;
    tracksHeight += each.height;
  }
  const left = [["lane", "labels, those with most time"], ["curve", "curves"]].flatMap(([kind, name]) => {
    const [num, all] = [kept, tracks.filter(isThere)].map((some) => some.filter((each) => each.kind === kind).length);
    return num < all ? [`${num} of ${all} ${name}`] : [];
  });
  $("lanes-printed").hidden = !left.length;
  $("lanes-printed").textContent = `Drawn here: ${left.join("; ")}.`;
}

const absent = new Set(); // labels whose adding was undone
const isThere = ({ label }) => !absent.has(label);

/** What fits a page at its least height: some curves, then the labels that hold longest of what is shown. */
function printed() {
  const lasts = (i) => (shown[i] ? segments.end[i] - segments.start[i] : 0);
  const total = lanes.map(({ found, truth }) => [...found, ...truth].reduce((sum, i) => sum + lasts(i), 0));
  const curves = tracks.filter(({ kind }) => kind === "curve"), labels = tracks.filter((each) => each.kind === "lane" && isThere(each));
  const others = tracks.filter((each) => each.kind !== "curve" && each.kind !== "lane");
  labels.sort((a, b) => total[b.label] - total[a.label]);
  let room = PAPER - RULER;
  return [...others, ...curves.slice(0, 6), ...labels, ...curves.slice(6)].filter(({ thin }) => (room -= thin) >= 0);
}

if (data.gaps.length || partial) track("gaps", 20, 20, make("span", { class: "faint" }, "Gaps"));
if (data.thumbnails.length) track("pictures", 56, 56, make("span", { class: "faint" }, "Pictures"));
const pictures = data.thumbnails.map(([time, uri]) => {
  const picture = new Image();
  picture.addEventListener("load", () => draw({ lanes: true }));
  picture.src = uri;
  return { time, picture };
});
for (const [name, start, step, values] of data.curves) {
  const most = values.reduce((a, b) => Math.max(a, b), 0), least = values.reduce((a, b) => Math.min(a, b), 0);
  const bounds = `${least.toPrecision(3) * 1} to ${most.toPrecision(3) * 1}`;
  const made = track("curve", 44, 30, make("span", { class: "cut faint" }, stranger(name), make("br"), bounds));
  Object.assign(made, { start, step, values, most: most > least ? most : least + 1, least });
}
const many = data.labels.length > 8 && !matchMedia("(pointer: coarse)").matches; // of many, more are seen at a time
const BARS = (many ? 20 : 28) + (data.truth ? 6 : 0), CURVE = many ? 14 : 20, PICTURE = many ? 26 : 30;
const light = []; // whether text on a label's colour is black

function addTrackOf(label) {
  const [name, colour] = data.labels[label];
  const box = make("input", { type: "checkbox", autocomplete: "off" }), count = make("span", { class: "count" });
  box.checked = true;
  box.addEventListener("change", () => {
    state.off[box.checked ? "delete" : "add"](label);
    sift();
  });
  const value = curveOf.has(label) ? [make("span", { class: "value faint", title: "At the playhead" })] : [];
  const tall = Math.max(BARS + (value.length ? CURVE : 0), data.labels[label][3] === null ? 0 : PICTURE);
  const made = track("lane", tall, 12, make("label", {}, box, ...signs(label), stranger(name), count), ...value);
  made.label = label;
  heads.push({ box, count, li: made.li, value: value[0] });
  const [r, g, b] = [1, 3, 5].map((at) => (parseInt(colour.slice(at, at + 2), 16) / 255) ** 2.2);
  light.push(0.2126 * r + 0.7152 * g + 0.0722 * b > 0.18);
}
for (const label of data.labels.keys()) addTrackOf(label);

// ---- colours of the canvas, which CSS knows

const ink = {};
let patterns = [];
const pen = $("lanes").getContext("2d");

function takeColours() {
  const probe = make("span");
  probe.style.forcedColorAdjust = "none"; // the canvas keeps its own colours, as those of labels do
  document.body.append(probe);
  for (const name of ["panel", "sunk", "line", "edge", "ink", "faint", "accent", "head", "warn"]) {
    probe.style.color = `var(--${name})`;
    ink[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  size.font = `10.5px ${getComputedStyle(document.body).fontFamily}`;
  patterns = Array.from({ length: 8 }, (_, hatch) => (hatch ? pen.createPattern(hatchTile(hatch), "repeat") : null));
  patterns.gap = pen.createPattern(hatchTile(1, null, ink.edge), "repeat");
}
