/* Moments that this page asks its reader to look at, one after the other, and the way to the next film's page.

   moments  [start, end, why, doubt], the most worth first; none in most pages */

const { moments = [], nextPage = null, momentsPage = null } = data;
let moment = -1; // which one is shown
const asksForMoments = () => moments.length > 0;

const isLookedAt = ([start, end]) => reviewed.some((span) => (
  span.labels === null && span.start_s * 1000 <= start + 1 && span.end_s * 1000 >= end - 1));

function showMoment() {
  const [start, end, why] = moments[moment] ?? [];
  const numDone = moments.filter(isLookedAt).length;
  $("moment-place").textContent = moment < 0 ? plural(moments.length, "moment") : `Moment ${moment + 1} of ${moments.length}`;
  $("moment-why").textContent = moment < 0 ? "to look at in this film" : `${brief(start)} to ${brief(end)}: ${why}`;
  $("moment-done").textContent = numDone ? `${numDone.toLocaleString("en")} done` : "";
  $("moment-previous").disabled = moment <= 0;
  $("moment-next").disabled = moment >= moments.length - 1;
  $("moment-nothing").disabled = moment < 0;
}

function goMoment(way) {
  if (moment + way < 0 || moment + way >= moments.length) {
    const further = nextPage && way > 0 ? `; the next film is ${nextPage[0]}` : "";
    return say(`This is the ${way > 0 ? "last" : "first"} moment${further}.`);
  }
  arriveAtMoment(moment + way);
}

function arriveAtMoment(place) {
  const [start, end, why] = moments[moment = place], around = end - start;
  show(start - around, end + around);
  seek(start);
  reveal(now);
  showMoment();
  say(`Moment ${moment + 1} of ${moments.length}: ${why}`);
}

/** On the lanes: where the moment begins and ends. */
function paintMoment() {
  const [start, end] = moments[moment] ?? [];
  $("moment-band").hidden = moment < 0 || x(end) < 0 || x(start) > width;
  if ($("moment-band").hidden) return;
  const low = Math.max(x(start), -2), high = Math.min(x(end), width + 2);
  $("moment-band").style.transform = `translateX(${low.toFixed(1)}px)`;
  $("moment-band").style.width = `${(high - low).toFixed(1)}px`;
}

/** What stands in this time is right, and all that happens: one change. What a model drew over its borders is cut there:
    the part inside is kept, of the others nobody said anything. Whether that is new. */
function allThatHappens(start_s, end_s) {
  const span = { start_s, end_s, labels: null }, rows = [], isKnown = isReviewed(reviewed, span);
  let added = numRows();
  for (const i of standing().filter((each) => !byHand(each))) {
    const exact = segments.exact[i], low = Math.max(exact.start_s, start_s), high = Math.min(exact.end_s, end_s);
    const isInstant = exact.start_s === exact.end_s && low === high && high < end_s;
    if (low >= high && !isInstant) continue;
    const start = low - exact.start_s < NEAR ? exact.start_s : low, end = exact.end_s - high < NEAR ? exact.end_s : high;
    const outside = [[exact.start_s, start], [end, exact.end_s]].filter(([from, to]) => from < to);
    if (outside.length && end - start < NEAR) continue; // they only touch
    const inside = outside.length ? { ...exact, start_s: start, end_s: end, origin: "curated" } : corrected(exact);
    const pieces = [...outside.map(([low, high]) => ({ ...exact, start_s: low, end_s: high })), inside];
    pieces.forEach((piece, k) => rows.push([k ? added++ : i, piece]));
  }
  if (!rows.length && isKnown) return false;
  commit({ name: "nothing else", rows, reviewed: isKnown ? reviewed : withSpan(reviewed, span) });
  return true;
}

function momentIsDone() {
  if (moment < 0) return say(asksForMoments() ? "Go to a moment first." : "This page asks for no moments.");
  const [start, end] = moments[moment];
  setMark(null);
  const isNew = allThatHappens(start / 1000, end < length ? end / 1000 : filmEnd);
  if (moment < moments.length - 1) goMoment(1);
  else say(isNew ? withProgress("That is all in the last moment; save now") : "This moment was answered already.");
}

/** The moments come first in a page that asks for some: its tools are open, and next and previous go through them. */
function beginMoments() {
  if (!editing()) toggleTools();
  if (reviewOrder !== "doubt") turnOrder();
  $("moments").hidden = false;
  $("moment-next-film").hidden = nextPage === null;
  if (nextPage) {
    $("moment-next-film").href = nextPage[1];
    $("moment-next-film").append(make("bdi", {}, nextPage[0]));
  }
  $("moment-all").hidden = momentsPage === null;
  if (momentsPage) $("moment-all").href = momentsPage;
  $("moment-previous").addEventListener("click", () => goMoment(-1));
  $("moment-next").addEventListener("click", () => goMoment(1));
  onEdited.push(showMoment);
  addEventListener("hashchange", linkedMoment);
  showMoment();
  linkedMoment();
}

/** The page of all moments leads here, to one of them. */
function linkedMoment() {
  const [, seconds] = /^#t=(\d{1,9}(?:\.\d{1,9})?)$/.exec(location.hash) ?? [];
  const place = moments.findIndex(([start]) => start === Math.round(Number(seconds) * 1000));
  if (place >= 0) arriveAtMoment(place);
}
