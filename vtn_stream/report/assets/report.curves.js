/* The curve of a label on its lane: what a model says of it over time.

   A curve is drawn once, a column of pixels a point, and stretched to its place. Of each curve there are smaller ones, of
   the highest of every 2, 4, 8 ... points, so that no peak is lost where points are narrower than pixels. */

const UNKNOWN = 255, LEVELS = 250;
const curveOf = new Map(); // label -> its points: 0 to LEVELS, or UNKNOWN
for (const [label, text] of data.labelCurves?.values ?? []) {
  curveOf.set(label, Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)));
}
let highestPoint = 1;
for (const points of curveOf.values()) for (const value of points) if (value !== UNKNOWN) highestPoint = Math.max(highestPoint, value);
const TOP = [0.05, 0.1, 0.2, 0.5, 1].find((top) => highestPoint <= top * LEVELS) ?? 1; // one for all, to compare them
const drawnCurves = new Map(); // label -> canvases, from all points to few

function halved(points) {
  const known = (value) => (value === undefined || value === UNKNOWN ? -1 : value);
  return Uint8Array.from({ length: Math.ceil(points.length / 2) }, (_, i) => {
    const most = Math.max(known(points[2 * i]), known(points[2 * i + 1]));
    return most < 0 ? UNKNOWN : most;
  });
}

function columnsOf(points, tall, colour) {
  const canvas = make("canvas", { width: points.length, height: tall }), brush = canvas.getContext("2d");
  brush.fillStyle = colour;
  points.forEach((value, k) => {
    if (value === UNKNOWN) return;
    const high = Math.round((value / LEVELS / TOP) * (tall - 1));
    brush.globalAlpha = 0.3;
    brush.fillRect(k, tall - high, 1, high);
    brush.globalAlpha = 1;
    brush.fillRect(k, tall - high - 1, 1, 1);
  });
  return canvas;
}

function paintLabelCurve(label, y, tall) {
  const scale = devicePixelRatio || 1, points = curveOf.get(label), wanted = Math.round(tall * scale);
  let canvases = drawnCurves.get(label);
  if (canvases?.[0].height !== wanted) {
    const sizes = [points];
    while (sizes.at(-1).length > 250) sizes.push(halved(sizes.at(-1)));
    canvases = sizes.map((each) => columnsOf(each, wanted, data.labels[label][1]));
    drawnCurves.set(label, canvases);
  }
  let { start, step } = data.labelCurves, size = 0;
  const perPixel = (view.high - view.low) / width / scale;
  for (; step < perPixel && size < canvases.length - 1; size++) step *= 2;
  const canvas = canvases[size];
  const first = within(Math.floor((view.low - start) / step), 0, canvas.width);
  const last = within(Math.ceil((view.high - start) / step), first, canvas.width);
  if (first === last) return;
  const left = x(start + first * step), right = x(start + last * step);
  pen.save();
  pen.beginPath(); // what lies before or after the film, or was not analyzed, has no curve
  const from = x(Math.max(0, data.span[0]));
  pen.rect(from, y, x(Math.min(length, data.span[1])) - from, tall);
  pen.clip();
  pen.imageSmoothingEnabled = false;
  pen.drawImage(canvas, first, 0, last - first, canvas.height, left, y, right - left, tall);
  pen.restore();
}

/** "probability 0.43", or "" where nothing is known. */
function valueText(label, ms) {
  const { name, start, step, peaks } = data.labelCurves ?? {}, points = curveOf.get(label);
  const value = points?.[Math.floor((ms - start) / step)];
  if (value === undefined || value === UNKNOWN || ms < data.span[0] || ms > data.span[1]) return "";
  return `${name} ${peaks ? "up to " : ""}${(value / LEVELS).toFixed(2)}`;
}

if (curveOf.size) $("curves-are").textContent = `Curves: ${data.labelCurves.name}, 0 to ${TOP}`;

/** Beside each label, its value at the playhead. */
function tellValues() {
  if (!curveOf.size) return;
  heads.forEach(({ value }, label) => {
    if (!value) return;
    const text = valueText(label, now) || "unknown";
    if (value.textContent !== text) value.textContent = text;
  });
}
