/* Zoom and pan: wheel, one finger, two fingers, the strip below; and which segment is under the pointer.

   While editing, what a pointer does on a lane is edit.mouse.js's. */

function show(low, high) {
  const span = within(high - low, Math.min(200, length), length);
  view.low = within(low, 0, length - span);
  view.high = view.low + span;
  draw({ lanes: true });
}

function zoom(by, at = now >= view.low && now <= view.high ? now : (view.low + view.high) / 2) {
  const before = view.high - view.low, share = (at - view.low) / before;
  const span = within(before * by, Math.min(200, length), length);
  show(at - share * span, at - share * span + span);
}

const pan = (by) => show(view.low + by, view.high + by);

function reveal(ms) {
  const span = view.high - view.low;
  if (ms < view.low || ms > view.high) show(ms - span * 0.1, ms + span * 0.9);
}

stage.addEventListener("wheel", (event) => {
  const unit = event.deltaMode ? 20 : 1, dx = event.deltaX * unit, dy = event.deltaY * unit; // of lines, or pixels
  if (event.ctrlKey || event.metaKey) zoom(Math.exp(within(dy, -200, 200) * 0.004), timeAt(spot(event)[0]));
  else if (event.shiftKey || Math.abs(dx) > Math.abs(dy)) pan(((dx || dy) * (view.high - view.low)) / width);
  else return;
  event.preventDefault();
}, { passive: false });

const fingers = new Map(); // pointer -> x on the stage
let drag = null;

function spot(event) {
  const box = stage.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

function grip() {
  const xs = [...fingers.values()];
  return { middle: xs.reduce((a, b) => a + b, 0) / xs.length, spread: Math.max(...xs) - Math.min(...xs) };
}

let pressing = 0; // timer: a finger that rests

stage.addEventListener("pointerdown", (event) => {
  const pans = editing() && (event.button === 1 || (event.button === 0 && spaceHeld !== null));
  if (event.button && !pans) return;
  const [px, y] = spot(event);
  fingers.set(event.pointerId, px);
  stage.setPointerCapture(event.pointerId);
  if (drag?.hand) letGo(drag.hand, false); // a second finger: both zoom
  const hand = fingers.size === 1 && !pans ? takeHold(event) : null;
  drag = { ...grip(), low: view.low, high: view.high, moved: fingers.size > 1 || pans, scrub: y < RULER && !pans, hand };
  clearTimeout(pressing);
  if (pans && spaceHeld) spacePans();
  if (event.pointerType === "touch" && editing() && !hand && !drag.moved) pressing = setTimeout(() => fingerRests(event), LONG_PRESS);
  if (drag.scrub && !hand) {
    hideTip();
    seek(timeAt(px));
  }
});
function fingerRests(event) {
  if (drag && !drag.moved && !drag.scrub) drag.hand = pressLong(event);
}
stage.addEventListener("pointermove", (event) => {
  const [px] = spot(event);
  if (!drag) {
    showWhatIsHeld(event);
    return hover(event);
  }
  if (!fingers.has(event.pointerId) || drag.over) return;
  fingers.set(event.pointerId, px);
  if (drag.hand) return follow(drag.hand, event);
  const { middle, spread } = grip(), span = drag.high - drag.low;
  if (drag.scrub) return seek(timeAt(within(px, 0, width)));
  drag.moved ||= Math.abs(middle - drag.middle) > 4;
  if (!drag.moved) return;
  clearTimeout(pressing);
  hideTip();
  stage.classList.add("dragged");
  const wanted = drag.spread > 20 && spread > 20 ? (span * drag.spread) / spread : span;
  const held = drag.low + (drag.middle / width) * span;
  show(held - (middle / width) * wanted, held - (middle / width) * wanted + wanted);
});
for (const kind of ["pointerup", "pointercancel"]) {
  stage.addEventListener(kind, (event) => {
    clearTimeout(pressing);
    fingers.delete(event.pointerId);
    if (!drag || fingers.size) {
      if (drag) drag = { ...grip(), low: view.low, high: view.high, moved: true, scrub: false };
      return;
    }
    const { moved, scrub, hand, over } = drag, [px, y] = spot(event);
    drag = null;
    stage.classList.remove("dragged");
    if (hand) return letGo(hand, kind === "pointerup");
    if (moved || scrub || over || kind === "pointercancel") return;
    goToPlace(px, y);
  });
}

/** What a click does: it chooses what is under it, and goes there. */
function goToPlace(px, y, under = segmentAt(px, y)) {
  if (under >= 0) choose(under);
  else if (editing()) select([]);
  seek(under < 0 ? timeAt(px) : inside(under, timeAt(px)));
}

$("overview").addEventListener("pointerdown", (event) => {
  const box = $("overview"), left = box.getBoundingClientRect().left, span = view.high - view.low;
  const grabbed = ((event.clientX - left) / box.clientWidth) * length;
  const hold = grabbed >= view.low && grabbed <= view.high ? grabbed - view.low : span / 2;
  const follow = ({ clientX }) => {
    const low = ((clientX - left) / box.clientWidth) * length - hold;
    show(low, low + span);
  };
  follow(event);
  box.setPointerCapture(event.pointerId);
  box.addEventListener("pointermove", follow);
  box.addEventListener("lostpointercapture", () => box.removeEventListener("pointermove", follow), { once: true });
});

function trackAt(y) {
  const down = y + scroll.scrollTop;
  return y < RULER ? undefined : tracks.find(({ top, height: tall }) => down >= top && down < top + tall);
}

/** That time, or the nearest at which the film shows the segment: a pixel may be many frames, half of them before it. */
const inside = (i, ms) =>
  within(ms, segments.start[i], Math.max(segments.start[i], segments.end[i] - data.film.frame / 2));

function segmentAt(px, y) {
  const under = trackAt(y);
  if (!under || under.kind !== "lane") return -1;
  const inLane = y + scroll.scrollTop - under.top - tallOfCurve(under.label, under.height);
  const above = data.truth && inLane >= 0 && inLane < 9, { found, truth } = lanes[under.label];
  const low = timeAt(px - 2), high = timeAt(px + 2);
  return (above ? truth : found).findLast((i) => shown[i] && segments.start[i] <= high && segments.end[i] >= low) ?? -1;
}
