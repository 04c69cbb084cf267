/* Corrections by mouse, touch and pen, while editing. report.gestures.js asks here first, and pans if there is no hand.

   A hand is what a pointer does from when it is put down to when it is lifted:
     edge   it moves the start or the end of a segment
     body   it moves all that are selected in time, or up and down to another label
     free   it draws a new segment on an empty part of a lane
     press  a finger that rests: it selects, and when it is lifted, opens the menu
   Nothing is changed before it is lifted, and then in one step. Times are seconds where they are kept. */

const STARTS = 4, NEAR_BORDER = 16, LONG_PRESS = 500; // pixels, and ms
const STRAIGHT = 16; // pixels to the side that a hand which goes to another lane may stray
const rounded = (seconds) => Math.round(seconds * 1e6) / 1e6; // a sum of two times is a time again
const isSelected = (i) => selection.includes(i);
let spaceHeld = null; // how the film was when the space bar went down; null while it is up

// ---- taking hold

/** The hand that this pointer becomes, or null where it pans or scrubs. */
function takeHold(event) {
  const [px, y] = spot(event), touch = event.pointerType === "touch";
  const held = editing() && !spaceHeld ? heldAt(px, y, reachOf(event)) : null;
  if (!held || (touch && !isSelected(held.i))) return null;
  const kind = held.edge ? "edge" : held.i >= 0 ? "body" : "free";
  return newHand(kind, held, event, px, y);
}

function newHand(kind, { label, i, edge }, event, px, y) {
  const many = event.shiftKey || event.ctrlKey || event.metaKey;
  const from = timeAt(px) / 1000;
  return { kind, label, i, edge, px, y, at: { px, y }, many, from, moved: false, rows: [], borders: null };
}

/** A finger that has rested: its hand. */
function pressLong(event) {
  const [px, y] = spot(event), held = heldAt(px, y, reachOf(event));
  if (!held) return null;
  if (held.i >= 0 && !isSelected(held.i)) select([held.i]);
  return newHand("press", held, event, px, y);
}

function startMoving(hand) {
  hand.moved = true;
  if (hand.kind === "press") hand.kind = hand.i >= 0 ? "body" : "free";
  if (hand.i >= 0 && !(hand.kind === "body" && isSelected(hand.i))) select([hand.i]);
  hand.rows = hand.kind === "body" ? selection.filter((i) => !isTrue(i) && stands(i)) : [hand.i];
  hand.borders = bordersAround(new Set(hand.rows));
  hideTip();
  stage.dataset.over = { edge: "edge", body: "moved", free: "free" }[hand.kind];
  followBorder(hand);
}

// ---- following the pointer

function follow(hand, event) {
  const [px, y] = spot(event);
  hand.at = { px, y, free: event.altKey };
  if (!hand.moved && Math.hypot(px - hand.px, y - hand.y) <= STARTS) return;
  if (!hand.moved) startMoving(hand);
  showHand(hand);
}

/** Near the border of the lanes the view goes along. */
function followBorder(hand) {
  if (drag?.hand !== hand) return;
  const { px, y } = hand.at, span = view.high - view.low;
  const over = Math.min(0, px - NEAR_BORDER) + Math.max(0, px - width + NEAR_BORDER);
  const down = hand.kind !== "body" ? 0 : Math.min(0, y - RULER - 4) + Math.max(0, y - height + 4);
  const before = [view.low, scroll.scrollTop].join();
  if (over && span < length) pan((within(over, -60, 60) * span) / width / 2);
  if (down) scroll.scrollTop += within(down, -40, 40) / 4;
  if (before !== [view.low, scroll.scrollTop].join()) showHand(hand);
  requestAnimationFrame(() => followBorder(hand));
}

/** Where the hand puts what it holds: row -> { start_s, end_s, label }. */
function placesOf(hand) {
  const { at, from, kind, i, borders } = hand, seconds = within(timeAt(at.px) / 1000, 0, filmEnd);
  const snap = (time) => (at.free ? undefined : borderNear(borders, time));
  const whole = (time) => within(Math.round(time * 1000) / 1000, 0, filmEnd);
  hand.snapped = undefined;
  if (kind === "free") {
    const [a, b] = [from, seconds].map((time) => snap(time) ?? whole(time));
    hand.snapped = snap(seconds);
    return new Map([[NEW, { start_s: Math.min(a, b), end_s: Math.max(a, b), label: hand.label }]]);
  }
  const of = segments.exact[i];
  if (kind === "edge") {
    const key = `${hand.edge}_s`, wanted = of[key] + seconds - from;
    hand.snapped = snap(wanted);
    const to = hand.snapped ?? whole(wanted);
    const put = hand.edge === "start" ? Math.min(to, of.end_s) : Math.max(to, of.start_s);
    return new Map([[i, { start_s: of.start_s, end_s: of.end_s, [key]: put, label: segments.label[i] }]]);
  }
  return placesOfBody(hand, seconds - from, snap);
}

function placesOfBody(hand, wanted, snap) {
  const { at, i, rows: held } = hand, of = segments.exact[i], under = trackAt(within(at.y, RULER, height - 1));
  const oneLabel = held.every((row) => segments.label[row] === hand.label);
  const label = oneLabel && under?.kind === "lane" && !state.off.has(under.label) ? under.label : hand.label;
  const straight = label !== hand.label && Math.abs(at.px - hand.px) < STRAIGHT;
  let by = Math.round(wanted * 1000) / 1000;
  for (const key of straight ? [] : ["start_s", "end_s"]) {
    const border = snap(of[key] + wanted);
    const isCloser = hand.snapped === undefined || Math.abs(border - of[key] - wanted) < Math.abs(by - wanted);
    if (border !== undefined && isCloser) [by, hand.snapped] = [border - of[key], border];
  }
  const first = held.reduce((least, row) => Math.min(least, segments.exact[row].start_s), Infinity);
  const last = held.reduce((most, row) => Math.max(most, segments.exact[row].end_s), -Infinity);
  by = straight ? 0 : within(by, Math.min(0, -first), Math.max(0, filmEnd - last));
  return new Map(held.map((row) => {
    const { start_s, end_s } = segments.exact[row], to = oneLabel ? label : segments.label[row];
    const times = by ? { start_s: rounded(start_s + by), end_s: rounded(end_s + by) } : { start_s, end_s };
    return [row, { ...times, label: to }];
  }));
}

function showHand(hand) {
  hand.places = placesOf(hand);
  const inMs = ({ start_s, end_s, label }) => ({ label, start: start_s * 1000, end: end_s * 1000 });
  showMoving([...hand.places].map(([row, place]) => [row, inMs(place)]));
  const { start_s, end_s } = hand.places.get(hand.kind === "free" ? NEW : hand.i);
  showPicture(hand.edge === "end" ? Math.max(start_s, end_s - data.film.frame / 2000) : start_s);
  showReadout(hand, start_s, end_s);
}

/** The film shows what is at the border that is moved, if it stands; the playhead stays where it is. */
function showPicture(seconds) {
  if (loaded() && video.paused && !video.seeking) toFilm(seconds * 1000);
}

function showReadout({ at, places, snapped, label, kind, i }, start_s, end_s) {
  const to = places.get(kind === "free" ? NEW : i).label;
  const lines = [make("b", {}, `${clock(start_s * 1000)} – ${clock(end_s * 1000)}`)];
  lines.push(make("span", {}, start_s === end_s ? "an instant" : `lasts ${clock((end_s - start_s) * 1000)}`));
  if (to !== label) lines.push(make("span", { class: "named" }, "to ", ...signs(to), stranger(data.labels[to][0])));
  if (places.size > 1) lines.push(make("span", { class: "faint" }, plural(places.size, "segment")));
  const box = stage.getBoundingClientRect();
  tip.hidden = false;
  tip.classList.remove("rested");
  tip.replaceChildren(...lines);
  placeTip({ x: box.left + at.px, y: box.top + at.y });
  $("hover").hidden = snapped === undefined;
  $("hover").classList.toggle("snapped", snapped !== undefined);
  if (snapped !== undefined) $("hover").style.transform = `translateX(${x(snapped * 1000)}px)`;
}

// ---- letting go

/** Ends what the hand does. taken: whether it counts; else all is as it was. */
function letGo(hand, taken) {
  const { kind, places, snapped, moved: hasMoved } = hand;
  showMoving([]);
  hideTip();
  $("hover").classList.remove("snapped");
  stage.dataset.over = "";
  if (hasMoved && loaded() && video.paused) toFilm(now);
  if (!taken) return;
  if (!hasMoved) return kind === "press" ? openMenuAt(hand.px, hand.y) : click(hand);
  if (kind === "free") {
    const { start_s, end_s, label } = places.get(NEW);
    return addNew(label, start_s, end_s);
  }
  if (place([...places], snapped === undefined ? [] : [snapped])) sayDone(describeAll([...places.keys()]));
}

function addNew(label, start_s, end_s) {
  const i = add(label, start_s, end_s);
  select([i]);
  say(`added ${describe(i)}`);
}

/** As without editing; with a modifier it only selects, more than one. */
function click({ px, y, i, many }) {
  const there = segmentAt(px, y), under = there < 0 ? i : there;
  if (!many || under < 0 || isTrue(under)) goToPlace(px, y, under);
  else alsoSelect(under);
}

/** Selects it besides the others, or no more; the main one stays the main one. */
function alsoSelect(i) {
  select(isSelected(i) ? selection.filter((each) => each !== i) : [...selection, i]);
}

/** A new segment where nothing was drawn: as long as one by key. */
function addAt(label, ms) {
  const start = Math.round(ms);
  addNew(label, start / 1000, (isPoint(label) ? start : Math.min(start + NEW_LASTS, length)) / 1000);
}

stage.addEventListener("dblclick", (event) => {
  const [px, y] = spot(event), held = editing() ? heldAt(px, y, reachOf(event)) : null;
  if (!held || y < RULER) return;
  if (held.i >= 0) playAlone(held.i);
  else addAt(held.label, timeAt(px));
});
stage.addEventListener("mousedown", (event) => { if (event.button === 1) event.preventDefault(); }); // no scrolling by it
for (const kind of ["touchstart", "touchmove"]) { // else the browser scrolls with what a finger holds
  stage.addEventListener(kind, (event) => { if (drag?.hand && event.cancelable) event.preventDefault(); }, { passive: false });
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && drag?.hand?.moved) {
    event.stopPropagation();
    event.preventDefault();
    letGo(drag.hand, false);
    Object.assign(drag, { hand: null, over: true });
  } else if (event.key === " " && !event.repeat) {
    spaceHeld = { now, paused: video.paused };
  } else if (event.key === "Alt" && drag?.hand) {
    event.preventDefault(); // no menu of the browser's
  }
}, true);
document.addEventListener("keyup", ({ key }) => { if (key === " ") spaceHeld = null; }, true);
addEventListener("blur", () => { spaceHeld = null; });

/** The space bar was for panning: what it did to the film is taken back. */
function spacePans() {
  if (!spaceHeld || !loaded() || video.paused === spaceHeld.paused) return;
  playOrPause();
  if (spaceHeld.paused) seek(spaceHeld.now);
}
