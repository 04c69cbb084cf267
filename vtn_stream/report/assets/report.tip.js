/* The box under the pointer: what the lanes show there.

   It follows the pointer, and is written anew whenever the lanes are drawn anew, so that it never says what was there
   before. Esc hides it. A pointer that has rested can move onto it: then it stays where it is. */

const REST = 300, tip = $("tip");
let asked = null; // the place on the screen that the tip is about
let dismissed = ""; // what Esc was pressed on
let rested = false, waits = 0, away = 0; // away: how far the pointer is from the tip, in pixels

function hideTip() {
  clearTimeout(waits);
  asked = null;
  rested = false;
  dismissed = "";
  tip.hidden = $("hover").hidden = true;
}

function farFromTip(place) {
  const { left, right, top, bottom } = tip.getBoundingClientRect();
  return Math.hypot(Math.max(left - place.x, 0, place.x - right), Math.max(top - place.y, 0, place.y - bottom));
}

function hover(event) {
  const place = { x: event.clientX, y: event.clientY }, far = rested && !tip.hidden ? farFromTip(place) : Infinity;
  clearTimeout(waits);
  if (far >= away) return ask(place);
  away = far; // on its way to the tip
  waits = setTimeout(() => ask(place), REST);
}

function ask(place) {
  asked = place;
  tellAgain();
  if (tip.hidden) return;
  placeTip(place);
  away = farFromTip(place);
  tip.classList.remove("rested");
  rested = false;
  waits = setTimeout(() => { rested = true; tip.classList.add("rested"); }, REST);
}

function placeTip({ x: left, y: top }) {
  tip.style.left = `${within(left + 14, 4, innerWidth - tip.offsetWidth - 8)}px`;
  const below = top + 18, above = top - tip.offsetHeight - 10;
  tip.style.top = `${below + tip.offsetHeight > innerHeight ? above : below}px`;
}

/** Says what the place shows now; hides if there is nothing to say any more. */
function tellAgain() {
  if (!asked || drag?.hand) return; // what a hand moves has its own words
  const box = stage.getBoundingClientRect(), px = asked.x - box.left, y = asked.y - box.top;
  if (drag || popup || px < 0 || px > width || y < 0 || y > height) return hideTip();
  const under = trackAt(y), i = segmentAt(px, y), taken = i < 0 ? rejectedAt(px, y) : undefined;
  const what = `${tracks.indexOf(under)} ${i} ${rejected.indexOf(taken)}`;
  $("hover").hidden = false;
  $("hover").style.transform = `translateX(${px}px)`;
  tip.dataset.what = what;
  tip.hidden = what === dismissed;
  if (tip.hidden) return;
  dismissed = "";
  tip.replaceChildren(...linesOf(timeAt(px), under, i, taken));
}

function linesOf(ms, under, i, taken) {
  const lines = [make("b", {}, clock(ms))];
  if (isRecording && !holeAt(ms)) {
    const { name, start } = reel[placeOf(ms)];
    lines.push(make("span", { class: "faint" }, make("bdi", { class: "cut" }, name), ` ${clock(ms - start)}`));
  }
  if (i >= 0) {
    lines.push(make("span", { class: "named" }, ...signs(segments.label[i], "large"), make("bdi", { class: "cut" }, nameOf(i))));
    lines.push(make("span", {}, `${clock(segments.start[i])} – ${clock(segments.end[i])}`));
    lines.push(make("span", { class: "faint" }, scoreOf(i, 3)));
    lines.push(...linesOfHand(i));
    if (segments.note[i]) lines.push(make("bdi", { class: "clamp" }, segments.note[i]));
  }
  if (taken) {
    lines.push(...linesOfSpan(taken), make("span", {}, `rejected${taken.score === null ? "" : ` · ${taken.score.toFixed(3)}`}`));
  }
  if (under?.kind === "lane") {
    for (const { start_s, end_s, labels } of reviewedAt(under.label, ms).slice(0, 3)) {
      const of = labels === null ? "all labels" : labels.length === 1 ? "this label" : plural(labels.length, "label");
      lines.push(make("span", {}, `reviewed, ${of}: ${clock(start_s * 1000)} – ${clock(end_s * 1000)}`));
    }
  }
  if (under?.kind === "curve") {
    const value = under.values[Math.round((ms - under.start) / under.step)];
    if (value !== undefined) lines.push(make("span", {}, String(value)));
  }
  const value = under?.kind === "lane" ? valueText(under.label, ms) : "";
  if (value) lines.push(make("span", {}, value));
  for (const [low, high, reason] of unknown()) {
    if (ms >= low && ms < high) lines.push(make("bdi", { class: "clamp warn" }, reason));
  }
  return lines;
}

/** By whom it is, and what it was. */
function linesOfHand(i) {
  const by = byWhom(i), { was } = segments.exact[i];
  if (!by || (by === "model" && !document.body.classList.contains("corrected"))) return [];
  if (!was) return [make("span", {}, { model: "by the model", kept: "kept as the model said", manual: "by hand" }[by])];
  return [make("span", {}, "changed; the model had said:"), ...linesOfSpan(was)];
}

function linesOfSpan({ label, start_s, end_s }) {
  const number = labelNumbers.get(label), name = number === undefined ? label : data.labels[number][0];
  const sign = number === undefined ? [] : signs(number);
  return [
    make("span", { class: "named" }, ...sign, make("bdi", { class: "cut" }, name)),
    make("span", {}, `${clock(start_s * 1000)} – ${clock(end_s * 1000)}`),
  ];
}

stage.addEventListener("pointerleave", (event) => {
  const comes = rested && !tip.hidden && farFromTip({ x: event.clientX, y: event.clientY }) < away;
  clearTimeout(waits);
  if (comes) waits = setTimeout(hideTip, REST); // from the lowest lane the way leads over what is below
  else hideTip();
});
tip.addEventListener("pointerenter", () => clearTimeout(waits));
tip.addEventListener("pointerleave", ({ relatedTarget }) => { if (!stage.contains(relatedTarget)) hideTip(); });
addEventListener("scroll", hideTip, { passive: true });
addEventListener("blur", hideTip);
document.addEventListener("keydown", ({ key }) => {
  if (key !== "Escape" || tip.hidden) return;
  dismissed = tip.dataset.what;
  tip.hidden = true;
}, true);
