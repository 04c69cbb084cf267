/* Review: from one segment to the next, and what is said of it.

   order  "time", or "doubt": the least sure first */

let reviewOrder = "time";
let aloneUntil = null; // the end of what is played alone, ms
let playsNext = false; // going on plays the next one too

/** A time as people say it: 0:12.0. */
const brief = (ms, digits = 1) => clock(ms, digits).replace(/^(-?)0:0?/, "$1");

function describe(i) {
  const start = segments.start[i], end = segments.end[i], digits = end - start < 1000 ? 3 : 1;
  return `${nameOf(i)} ${start === end ? "at " : `${brief(start, digits)} to `}${brief(end, digits)}`;
}

/** Shows it, and lets screen readers say it. */
function say(words) {
  $("said").textContent = words;
}

function progressText() {
  const { reviewed, total } = progress();
  return `${reviewed.toLocaleString("en")} of ${total.toLocaleString("en")} reviewed`;
}

/** The same, and how much is reviewed, where a model said anything. */
const withProgress = (words) => (progress().total ? `${words}; ${progressText()}` : words);
const sayDone = (words) => say(withProgress(words));

// ---- the order

/** From 0, sure, to 1: how near its score is to the threshold. Without a score nothing is known. */
function doubtOf(i) {
  const { score, was } = segments.exact[i], said = was ? was.score : score, at = data.drawn ?? 0.5;
  return said === null ? 1 : 1 - Math.abs(said - at) / Math.max(at, 1 - at);
}

/** Whether a comes before b. */
function comesBefore(a, b) {
  const [x, y] = reviewOrder === "doubt" ? [-doubtOf(a), -doubtOf(b)] : [0, 0];
  return x - y || segments.start[a] - segments.start[b] || a - b;
}

/** The nearest in that direction of those that are shown and wanted; from a segment, or from the end of the order. */
function neighbour(way, from, wanted) {
  let best = -1;
  for (let i = 0; i < numRows(); i++) {
    if (!stands(i) || isTrue(i) || !shown[i] || i === from || !wanted(i)) continue;
    if (from >= 0 && comesBefore(i, from) * way < 0) continue;
    if (best < 0 || comesBefore(i, best) * way < 0) best = i;
  }
  return best;
}

/** To the next (1) or previous (-1): of readers by the playhead, in a review by the order. */
function go(way) {
  if (editing() && reviewOrder === "doubt" && asksForMoments()) return goMoment(way);
  const from = chosen, byDoubt = reviewOrder === "doubt";
  const isNear = from >= 0 && now >= segments.start[from] && now <= segments.end[from] + 1000;
  if (!editing()) return step(way);
  if (!byDoubt && !isNear && !(from < 0 && way > 0)) return goFromPlayhead(way);
  const first = from < 0 && !byDoubt ? now - 1 : -Infinity; // the first one also where it begins at the playhead
  const wanted = (i) => (byDoubt ? !byHand(i) : segments.start[i] >= first);
  let next = neighbour(way, from, wanted);
  if (next < 0 && byDoubt && way > 0) next = neighbour(1, -1, wanted); // those that were passed over
  if (next < 0) return say(way > 0 ? "This is the last segment." : "This is the first segment.");
  arrive(next);
  say(describe(next));
}

function goFromPlayhead(way) {
  const before = now;
  step(way);
  say(now === before ? `No segment starts ${way > 0 ? "after" : "before"} the playhead.` : describe(chosen));
}

function arrive(i) {
  goTo(i);
  if (playsNext) playAlone(i);
}

/** To the next one to review, from where this one was; after the last to the first that was left out. */
function goOn(from, done) {
  const open = (i) => !byHand(i);
  let next = neighbour(1, from, open);
  if (next < 0) next = neighbour(1, -1, open);
  const told = withProgress(done);
  if (next < 0) {
    const { reviewed: num, total } = progress();
    return say(`${told}; ${num < total ? "the others are hidden by the filters" : "none is left"}`);
  }
  arrive(next);
  say(`${told}; next: ${describe(next)}`);
}

function turnOrder() {
  reviewOrder = reviewOrder === "time" ? "doubt" : "time";
  $("order").value = reviewOrder;
  say(reviewOrder === "time" ? "In the order of time." : "The most doubtful first.");
}

// ---- what is said of segments

/** The selected segments; says so where there are none. */
function selected() {
  const found = selection.filter((i) => stands(i) && !isTrue(i));
  if (!found.length) say(`No segment is selected: ${keyText(keyOf(commandOf("next")))} goes to the next one.`);
  return found;
}

const describeAll = (is) => (is.length === 1 ? describe(is[0]) : plural(is.length, "segment"));

function keepAndGoOn() {
  const is = selected();
  if (!is.length) return;
  const open = is.filter((i) => !byHand(i));
  if (open.length) keep(open);
  goOn(is[0], `kept ${describeAll(is)}`);
}

function rejectAndGoOn() {
  const is = selected(), told = `rejected ${describeAll(is)}`;
  if (!is.length) return;
  reject(is);
  goOn(is[0], told);
}

function askForLabel() {
  const is = selected();
  if (!is.length) return;
  chooseLabel(`The new label of ${describeAll(is)}`, (label) => {
    const before = describeAll(is);
    relabel(is, label);
    sayDone(`${before} is now ${labelName(label)}`);
  });
}

// ---- playing a segment alone

const AROUND = 500; // ms before and after an instant

function playSelected() {
  const [i] = selected();
  if (i !== undefined) playAlone(i);
}

/** Of an instant what is around it. From now on going on plays the next one too, until somebody plays or pauses. */
function playAlone(i) {
  if (!loaded()) return tellWhy();
  const start = segments.start[i], end = segments.end[i], around = start === end ? AROUND : 0;
  seek(Math.max(0, start - around));
  reveal(now);
  [aloneUntil, playsNext] = [Math.min(end + around, length), true];
  video.play().catch(() => {});
}

/** Called when the playhead has moved. */
function stopAlone() {
  if (aloneUntil === null || now < aloneUntil) return;
  const end = aloneUntil;
  video.pause();
  seek(end); // and nothing is played alone any more
}
