/* Coding: labels start and end by keys while the film plays.

   A state is open from its first press to its second; then it becomes a segment, by hand. A reaction time is taken off
   every press while the film plays, and never while it stands. Undo takes back the last press: what it ended is open
   again, what it started is gone. */

let coding = false;
const openStates = new Map(); // label -> where it started, ms
let presses = []; // what undo takes back: { ended: [[label, start]], started, at, step of the history if it made one }
const takenBack = new Map(); // step -> its press: for redo

const secondsOf = (ms) => Math.round(ms) / 1000;
const isPlaying = () => loaded() && !video.paused && !video.ended;

/** When that happened to which somebody reacts now. */
function reactedAt() {
  if (!isPlaying()) return now;
  return within((arriving ? now : shownTime()) - settings.reaction * 1000 * video.playbackRate, 0, length);
}

const codedSegment = (label, start, end) => ({
  start_s: timeInFilm(secondsOf(start)), end_s: timeInFilm(secondsOf(end)), label: exactLabels[label], score: null, origin: "manual",
});

/** A press on a label, by key or by button. */
function press(label) {
  const at = reactedAt();
  usedLabel(label);
  if (isPoint(label)) {
    presses.push({ ended: [], step: commitCoded([codedSegment(label, at, at)]) });
    return say(`${labelName(label)} at ${brief(at)}`);
  }
  const starts = !openStates.has(label);
  const ending = !starts ? [label] : $("exclusive").checked ? [...openStates.keys()] : [];
  const told = endStates(ending, at, starts ? label : undefined);
  if (starts) told.push(`${labelName(label)} starts at ${brief(at)}`);
  say(told.join("; "));
}

/** New rows as one step of the history; undefined for none. */
function commitCoded(exacts) {
  if (!exacts.length) return undefined;
  return commit({ name: "code", rows: exacts.map((exact, k) => [numRows() + k, exact]) });
}

const spanOf = ({ start_s, end_s }) => `${brief(start_s * 1000)} to ${brief(end_s * 1000)}`;

/** Ends these at that time, as one change; starting: a label that starts by the same press. Returns what to say. */
function endStates(labels, at, starting, left = false) {
  const told = [], exacts = [], ended = labels.map((label) => [label, openStates.get(label)]);
  for (const [label, start] of ended) {
    openStates.delete(label);
    const exact = codedSegment(label, Math.min(start, at), Math.max(start, at)); // who went back codes backwards
    if (exact.start_s === exact.end_s) {
      told.push(`${labelName(label)} ended where it started, at ${brief(start)}: nothing is added`);
    } else {
      exacts.push(exact);
      told.push(`${labelName(label)} ${spanOf(exact)}`);
    }
  }
  const step = commitCoded(exacts);
  if (starting !== undefined) openStates.set(starting, at);
  if (ended.length || starting !== undefined) {
    presses.push({ ended, started: starting, at, step, left, depth: history.done.length });
  }
  statesChanged();
  return told;
}

/** Ends all open states at the playhead: before saving, and when coding ends. Returns what to say, "" for nothing. */
function endOpenStates(left = false) {
  const told = endStates([...openStates.keys()], now, undefined, left);
  return told.length ? `ended at the playhead: ${told.join("; ")}` : "";
}

function toggleCoding() {
  const told = coding ? endOpenStates(true) : "";
  setCoding(!coding);
  if (!coding) presses = presses.filter((each) => each.step || each.left);
  say(coding ? "Coding: labels start and end by their keys." : `Coding is off${told && `; ${told}`}.`);
}

function setCoding(on) {
  coding = on;
  $("coding").setAttribute("aria-pressed", coding);
  $("codes").hidden = !coding;
  if (coding) showCodes();
  measure();
}

// ---- undo, of presses and of steps

function undoLast() {
  const press = presses.at(-1), step = history.done.at(-1);
  const isPress = press && (press.step ? press.step === step : press.depth === history.done.length);
  if (isPress && press.step) takenBack.set(step, press);
  if (isPress) presses.pop();
  if (!isPress || press.step) undo();
  if (isPress && (coding || press.left)) {
    if (press.left) setCoding(true);
    openStates.delete(press.started);
    for (const [label, start] of press.ended) openStates.set(label, start);
    statesChanged();
    const told = press.ended.map(([label]) => `${labelName(label)} is open again`);
    if (press.started !== undefined) told.push(`${labelName(press.started)} has not started`);
    if (told.length) return say(`undone: ${told.join("; ")}`);
  }
  if (!step) return say("There is nothing to undo.");
  showRows(step);
  sayDone(`undone: ${step.name}`);
}

function redoLast() {
  const step = redo(), press = takenBack.get(step);
  if (!step) return say("There is nothing to redo.");
  if (press) {
    takenBack.delete(step);
    presses.push(press);
    for (const [label] of press.ended) openStates.delete(label);
    if (press.started !== undefined && coding) openStates.set(press.started, press.at);
    if (press.left && coding) setCoding(false);
    statesChanged();
  }
  showRows(step);
  sayDone(`redone: ${step.name}`);
}

/** Selects what came back, and goes there unless somebody is coding. */
function showRows({ rows: changes }) {
  const found = changes.map(([i]) => i).filter(stands);
  if (!found.length || coding) return;
  if (found.length === 1) goTo(found[0]);
  else select(found);
}

// ---- what is seen of it

/** The buttons of labels, as their keys do; pressed while open. */
function showCodes() {
  if (!coding) return;
  $("code-labels").replaceChildren(...labelsThere().map((label) => {
    const button = make("button", { type: "button", class: "code", "data-code": label }, ...nameWithKey(label));
    if (isPoint(label)) button.append(make("span", { class: "faint" }, "point"));
    button.addEventListener("click", () => press(label));
    return button;
  }), newLabelButton());
  statesChanged();
}

function newLabelButton() {
  const button = make("button", { type: "button", class: "quiet" }, "New label…");
  button.addEventListener("click", openLabels);
  return button;
}

function statesChanged() {
  for (const button of $("code-labels").querySelectorAll("[data-code]")) {
    const label = Number(button.dataset.code);
    if (!isPoint(label)) button.setAttribute("aria-pressed", openStates.has(label));
  }
  $("open-states").replaceChildren(...[...openStates].map(([label, start]) => {
    const since = make("span", { class: "faint" }, `since ${brief(start)}`);
    return make("li", { class: "named" }, ...nameWithKey(label), since, make("span", { class: "lasts" }));
  }));
  $("open-part").hidden = !openStates.size;
  growStates();
  draw({ lanes: true });
}

/** Called whenever the playhead has moved. */
function growStates() {
  if (!openStates.size) return;
  const starts = [...openStates.values()];
  [...$("open-states").children].forEach((li, k) => {
    li.lastChild.textContent = `${(Math.abs(now - starts[k]) / 1000).toFixed(1)} s`;
  });
  drawLanes(openStates.keys());
}

