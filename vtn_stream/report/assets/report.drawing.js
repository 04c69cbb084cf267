/* The canvas of the tracks, the strip below, the playhead.

   Nothing runs while nothing changes: draw() asks for one frame, and only a playing film asks for more. */

const dirty = {}, dirtyLanes = new Set(); // dirtyLanes: labels whose lanes alone are drawn anew
const size = { rows: 0, head: 0, tracks: 0, overview: 0, font: "" }; // asked for once: asking makes the browser lay out anew
let waiting = false, width = 0, height = 0;
let picked = new Set(); // the selection, while it is drawn

function measure() {
  width = stage.clientWidth;
  Object.assign(size, { rows: rowsBox.clientHeight, head: $("columns").offsetHeight });
  Object.assign(size, { tracks: scroll.clientHeight, overview: $("overview").clientWidth });
  rowsTop = rowsBox.scrollTop;
  for (const wide of document.querySelectorAll(".wide-table")) { // keys alone must be able to scroll it, where it scrolls
    if (wide.scrollWidth > wide.clientWidth) wide.tabIndex = 0;
    else wide.removeAttribute("tabindex");
  }
  draw({ lanes: true, overview: true, table: true });
}
document.addEventListener("toggle", measure, true);

function draw(what) {
  for (const name of Object.keys(what)) dirty[name] ||= what[name];
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(paint);
}

function drawLanes(labels) {
  for (const label of labels) dirtyLanes.add(label);
  draw({});
}

function paint() {
  waiting = false;
  picked = new Set(selection);
  if (dirty.lanes) paintLanes();
  else if (dirtyLanes.size) tracks.filter(({ kind, label }) => kind === "lane" && dirtyLanes.has(label)).forEach(paintAlone);
  dirtyLanes.clear();
  if (dirty.overview) paintOverview();
  if (dirty.table) paintTable();
  if (dirty.lanes || dirty.head) paintHead();
  for (const name of Object.keys(dirty)) delete dirty[name];
}

const x = (ms) => ((ms - view.low) / (view.high - view.low)) * width;
const timeAt = (px) => view.low + (px / width) * (view.high - view.low);

function sized(canvas, w, h) {
  const scale = devicePixelRatio || 1, context = canvas.getContext("2d");
  if (canvas.width !== Math.round(w * scale) || canvas.height !== Math.round(h * scale)) {
    canvas.width = Math.round(w * scale);
    canvas.height = Math.round(h * scale);
    canvas.style.height = `${h}px`;
  }
  context.setTransform(scale, 0, 0, scale, 0, 0);
  return context;
}

function paintLanes() {
  height = printing ? tracksHeight : Math.min(size.tracks, tracksHeight);
  stage.style.height = `${height}px`;
  if (!width || !height) return;
  sized($("lanes"), width, height);
  pen.font = size.font;
  pen.textBaseline = "middle";
  pen.fillStyle = ink.sunk;
  pen.fillRect(0, 0, width, height);
  const top = printing ? 0 : scroll.scrollTop, ticks = ticksOf();
  pen.fillStyle = ink.line;
  for (const { px } of ticks) pen.fillRect(Math.round(px), 0, 1, height);
  for (const each of tracks) {
    const y = each.top - top;
    if (!each.height || y > height || y + each.height < 0) continue;
    if (each.kind === "lane") paintLane(each, y);
    else if (each.kind === "curve") paintCurve(each, y);
    else if (each.kind === "pictures") paintPictures(y);
    pen.fillStyle = ink.line;
    pen.fillRect(0, y + each.height - 1, width, 1);
  }
  paintGaps(-top);
  paintRuler(ticks);
  paintJoins(0, height);
  const num = tracks.filter((each) => each.top + each.height / 2 > top + height).length;
  $("more").hidden = printing || !num;
  $("more").textContent = `↓ ${num} more`;
  $("more").title = `${plural(num, "more track")} below`;
  $("range").textContent = `${clock(view.low, 1)} – ${clock(view.high, 1)}`;
  tellAgain();
}

/** One lane, and no pixel besides. */
function paintAlone(each) {
  const y = each.top - (printing ? 0 : scroll.scrollTop), top = Math.max(y, RULER);
  if (!each.height || y > height || y + each.height < RULER) return;
  pen.save();
  pen.beginPath();
  pen.rect(0, top, width, y + each.height - top);
  pen.clip();
  pen.fillStyle = ink.sunk;
  pen.fillRect(0, top, width, each.height);
  pen.fillStyle = ink.line;
  for (const { px } of ticksOf()) pen.fillRect(Math.round(px), top, 1, each.height);
  paintLane(each, y);
  pen.fillStyle = ink.line;
  pen.fillRect(0, y + each.height - 1, width, 1);
  paintGaps(y - each.top);
  paintJoins(top - (top % 6), y + each.height);
  pen.restore();
}

const DAY = 86_400_000;
const SECONDS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200];
const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, ...SECONDS.map((s) => s * 1000), DAY];

function ticksOf() {
  const enough = ((view.high - view.low) / width) * 80;
  const step = STEPS.find((each) => each >= enough) ?? Math.ceil(enough / DAY) * DAY;
  const digits = step >= 1000 ? 0 : step >= 100 ? 1 : step >= 10 ? 2 : 3, ticks = [];
  for (let ms = Math.ceil(view.low / step) * step; ms <= view.high; ms += step) {
    ticks.push({ px: x(ms), text: clock(ms, digits) });
  }
  return ticks;
}

function paintRuler(ticks) {
  pen.fillStyle = ink.panel;
  pen.fillRect(0, 0, width, RULER);
  pen.fillStyle = ink.line;
  pen.fillRect(0, RULER - 1, width, 1);
  paintSpans(reviewed.filter(({ labels }) => labels === null), RULER - 5, 4, 4);
  paintBeginning();
  for (const { px, text } of ticks) {
    pen.fillStyle = ink.edge;
    pen.fillRect(Math.round(px), RULER - 7, 1, 6);
    pen.fillStyle = ink.faint;
    if (px + 50 < width) pen.fillText(text, Math.round(px) + 4, 11);
  }
}

/** How much of a lane its curve has, from above. On paper, where lanes may be thin, the bars come first. */
function tallOfCurve(label, tall) {
  const spare = tall - Math.min(BARS, 14);
  return !curveOf.has(label) || spare < 8 ? 0 : Math.min(CURVE, spare);
}

/** Bars of one label, the surer the higher; what another bar covers to the pixel is not drawn. */
function paintLane({ label, height: tall }, y) {
  const thin = tall < 20, margin = thin ? 1 : 3, trueTall = thin ? 3 : 5, curveTall = tallOfCurve(label, tall);
  const { found, truth } = lanes[label], bottom = y + tall - margin - 1, marks = [], texts = [];
  if (state.off.has(label)) return;
  paintReviewed(label, y, tall - 1);
  if (curveTall) paintLabelCurve(label, y + 2, curveTall - 2);
  y += curveTall;
  const top = y + margin + (data.truth ? trueTall + margin - 1 : 0);
  const [, colour, hatched] = data.labels[label], handles = [], canEdit = editing();
  const fills = hatched ? [colour, patterns[hatched]] : [colour];
  paintRejected(label, bottom, bottom - top);
  bars(truth, (a, b) => {
    pen.fillStyle = ink.faint;
    pen.fillRect(a, y + margin, b - a, trueTall);
  });
  bars(found, (a, b, i, high) => {
    const chosen = picked.has(i), marked = chosen || current.has(i), by = byWhom(i);
    if (by in DASHES) marks.push([by, Math.ceil(a), Math.max(b - 1, a + 2)]);
    if (chosen && canEdit) handles.push([a, b]);
    if (b - a <= 6 && !marked) { // whole pixels, no path, too narrow for a hatch: many times faster
      pen.fillStyle = colour;
      pen.fillRect(a, bottom - high, b - a, high);
      return;
    }
    pen.beginPath();
    pen.roundRect(a, bottom - high, b - a, high, 2.5);
    for (pen.fillStyle of fills) pen.fill();
    pen.lineWidth = marked ? 2 : 1;
    pen.strokeStyle = chosen ? ink.accent : marked ? ink.ink : ink.sunk; // neighbours stay apart
    pen.stroke();
    const text = b - a > (by in SIGNS ? 34 + SIGN : 34) ? scoreOf(i, 2) : "";
    if (b - a > 20 && high > 9 && (text || by in SIGNS)) texts.push([Math.max(a, 0) + 5, bottom - high / 2 + 0.5, text, b, by]);
  }, bottom - top);
  paintTexts(texts, label, hatched && colour);
  paintMarks(marks, thin ? bottom : bottom + 1.5, thin ? 1 : 2);
  for (const [a, b] of handles) paintHandles(a, b, top, bottom - top);
  paintOpen(label, bottom, bottom - top);
  paintMoving(label, bottom, bottom - top);
}

/** Signs of by whom they are, and scores. ground: the plain colour to read them on, where a label has a hatch. */
function paintTexts(texts, label, ground) {
  const onIt = light[label] ? "#000" : "#fff";
  let free = 0; // bars of one label may overlap, their scores may not
  for (const [left, middle, text, right, by] of texts) {
    const sign = by in SIGNS ? SIGN : 0, wide = sign + (text ? 25 : 0);
    if (right - left < wide + 1 || left < free) continue;
    if (ground) {
      pen.fillStyle = ground;
      pen.fillRect(left - 2, middle - 6, wide + 2, 11);
    }
    if (sign) paintSign(by, left, middle - 4, onIt);
    pen.fillStyle = onIt;
    pen.fillText(text, left + sign, middle);
    free = left + wide + 5;
  }
}

function bars(numbers, each, full = 0) {
  const { low, high } = view, perMs = width / (high - low);
  let right = -Infinity, lastTall = 0;
  for (const i of numbers) {
    if (segments.start[i] > high) break;
    if (!shown[i] || segments.end[i] < low || moving.has(i)) continue;
    let a = (segments.start[i] - low) * perMs, b = (segments.end[i] - low) * perMs;
    if (b - a <= 6) { a = Math.floor(a); b = Math.max(a + 2, Math.round(b)); }
    a = Math.max(a, -10);
    b = Math.min(b, width + 10);
    const score = segments.score[i], share = score === null ? 1 : within((score - lowest) / (highest - lowest), 0, 1);
    const tall = Math.round(full * (0.5 + 0.5 * share)), marked = picked.has(i) || current.has(i);
    if (b <= right && tall <= lastTall && !marked) continue;
    each(a, b, i, tall);
    if (b > right) { right = b; lastTall = tall; }
  }
}

/** Of each column of pixels the peak. Columns, not a path: a jagged path takes ten times as long. */
function paintCurve({ start, step, values, most, least, height: tall }, y) {
  const bottom = y + tall - 3, up = (tall - 8) / (most - least), last = values.length - 1;
  const perPixel = (view.high - view.low) / width / step, first = (view.low - start) / step;
  const left = within(Math.ceil(-first / perPixel), 0, width);
  const right = within(Math.floor((last - first) / perPixel), 0, width);
  let before = null;
  pen.fillStyle = ink.accent;
  for (let px = left; px <= right; px++) {
    const place = within(first + px * perPixel, 0, last), under = Math.floor(place), share = place - under;
    let peak = values[under] * (1 - share) + (values[under + 1] ?? 0) * share;
    for (let k = under + 1; k < place + perPixel && k <= last; k++) if (values[k] > peak) peak = values[k];
    const edge = bottom - (peak - least) * up;
    pen.globalAlpha = 0.16;
    pen.fillRect(px, edge, 1, bottom - edge);
    pen.globalAlpha = 1;
    pen.fillRect(px, Math.min(edge, before ?? edge), 1, Math.abs(edge - (before ?? edge)) + 1.5);
    before = edge;
  }
}

function paintPictures(y) {
  let right = -Infinity;
  for (const { time, picture } of pictures) {
    if (!picture.naturalWidth) continue;
    const left = Math.round(x(time)), wide = Math.round((picture.naturalWidth / picture.naturalHeight) * 50);
    if (left < right) continue; // from the first on, so that panning does not choose others
    right = left + wide + 1;
    if (right > 0 && left < width) pen.drawImage(picture, left, y + 3, wide, 50);
  }
}

function unknown() {
  const [low, high] = data.span, around = [[0, low, "not analyzed"], [high, length, "not analyzed"]];
  const unsaid = holes.filter(([from, to]) => !data.gaps.some(([start, end]) => start < to && from < end));
  return [...data.gaps, ...unsaid.map((hole) => [...hole, "no file"]), ...around.filter(([from, to]) => partial && from < to)];
}

function paintGaps(shift) {
  const bottom = shift + tracksHeight;
  for (const [low, high, reason] of unknown()) {
    const a = Math.max(x(low), -10), b = Math.max(Math.min(x(high), width + 10), a + 2);
    if (b < 0 || a > width) continue;
    pen.globalAlpha = 0.38;
    pen.fillStyle = patterns.gap;
    pen.fillRect(a, shift + RULER + 20, b - a, bottom - shift - RULER - 20);
    pen.globalAlpha = 1;
    pen.fillStyle = ink.line;
    pen.fillRect(a, shift + RULER, b - a, 19);
    const left = Math.max(a, 0) + 5, room = Math.min(b, width) - left - 4;
    pen.fillStyle = ink.ink;
    if (room > 24) pen.fillText(fitted(reason, room), left, shift + RULER + 10);
  }
}

function fitted(text, room) {
  let cut = text.slice(0, 200);
  if (cut === text && pen.measureText(cut).width <= room) return cut;
  while (cut && pen.measureText(`${cut}…`).width > room) cut = cut.slice(0, Math.floor(cut.length * 0.95));
  return cut && `${cut}…`;
}

function paintHead() {
  const px = x(now), inside = px >= 0 && px <= width;
  $("playhead").hidden = !inside;
  $("playhead").style.transform = `translateX(${px.toFixed(1)}px)`;
  const all = size.overview;
  $("overview-head").style.transform = `translateX(${((now / length) * all).toFixed(1)}px)`;
  $("window").style.transform = `translateX(${(view.low / length) * all}px)`;
  $("window").style.width = `${Math.max(6, ((view.high - view.low) / length) * all)}px`;
  paintMoment();
}

/** Every segment shown, a pixel or more wide: as pixels, which ten thousand rectangles would be slower than. */
function paintOverview() {
  if (!size.overview) return;
  const pen = sized($("overview-canvas"), size.overview, 24), { width: w, height: h } = pen.canvas;
  const image = pen.createImageData(w, h), pixels = new Uint32Array(image.data.buffer);
  const each = h / Math.max(1, data.labels.length), tall = Math.max(1, Math.floor(each - 1));
  lanes.forEach(({ found }, label) => {
    const [, r, g, b] = /#(..)(..)(..)/.exec(data.labels[label][1]), colour = parseInt(`ff${b}${g}${r}`, 16);
    const top = Math.floor(label * each);
    for (const i of found) {
      if (!shown[i]) continue;
      const from = within(Math.floor((segments.start[i] / length) * w), 0, w - 1);
      const to = within(Math.ceil((segments.end[i] / length) * w), from + 1, w);
      for (let y = top; y < Math.min(top + tall, h); y++) pixels.fill(colour, y * w + from, y * w + to);
    }
  });
  pen.putImageData(image, 0, 0);
  pen.fillStyle = ink.ink;
  for (const { start } of reel.slice(1)) pen.fillRect(Math.round((start / length) * size.overview), 0, 1, 24);
  pen.fillStyle = ink.accent;
  for (const { start_s, end_s, labels } of reviewed) {
    const from = (start_s * 1000 / length) * size.overview, to = (end_s * 1000 / length) * size.overview;
    if (labels === null) pen.fillRect(from, 21, Math.max(1, to - from), 3);
  }
}
