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

/** What stands in the moment is all that happens in it: for all labels, whatever the tools say. */
function nothingElseInMoment() {
  const [start, end] = moments[moment], end_s = end < length ? end / 1000 : filmEnd;
  setMark(null);
  const isNew = nothingElse(start / 1000, end_s, null);
  if (moment < moments.length - 1) goMoment(1);
  else say(isNew ? `Nothing else in the last moment; ${progressText()}` : "That was said already.");
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
  $("moment-nothing").addEventListener("click", nothingElseInMoment);
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
