/* The files of the film, one after the other on one clock: of a recording those that a camera cut it into, else one.

   reel    per file { name, url, start, duration, frame, chosen }: when it begins on the clock, ms; chosen: by the reader
   source  the one that the player has, or should have */

const isRecording = Boolean(data.film.parts);
const reel = (data.film.parts ?? [{ ...data.film, start: 0 }]).map((file) => ({ ...file, chosen: false }));
let source = reel[0];
let arriving = true; // until the player knows how long its file is
let aim = 0; // where the playhead goes when it does
let playing = false; // until it is stopped before its end
let skipped = null; // the time that no file has and that was passed over last, ms

const loaded = () => video.readyState > 0;

/** The number of the file that a moment is in, or that ends before it. */
function placeOf(ms) {
  let place = 0;
  while (place + 1 < reel.length && reel[place + 1].start <= ms) place++;
  return place;
}

const endOf = ({ start, duration }) => start + duration;
const nextOf = (file) => reel[reel.indexOf(file) + 1];

/** Times that no file has: [from, to]. */
const holes = reel.slice(1).map((file, k) => [endOf(reel[k]), file.start]).filter(([from, to]) => to - from >= 1);
const holeAt = (ms) => holes.find(([from, to]) => from <= ms && ms < to);

/** What the player shows, on the clock of them all: never later than where the next file begins. */
function shownTime() {
  const time = source.start + video.currentTime * 1000, next = nextOf(source);
  return next ? Math.min(time, next.start) : time;
}

/** The film a little later than said: times are rounded, and a start leads into its frame, not to the one before. */
function toFilm(ms) {
  const file = reel[placeOf(ms)];
  if (file !== source) return loadFile(file, ms, !video.paused);
  aim = ms;
  if (!loaded()) return; // it goes there when it is
  const most = isRecording ? Math.max(0, file.duration - file.frame / 2) : Infinity;
  video.currentTime = Math.min(ms - file.start + Math.min(1, file.frame / 4), most) / 1000;
}

/** Gives the player a file, at a moment in it. */
function loadFile(file, ms, plays = false) {
  [source, aim, arriving, choiceTold] = [file, ms, true, ""];
  $("missing").hidden = $("mismatch").hidden = true;
  video.src = file.chosen || file.url;
  if (plays) video.play().catch(() => {}); // it waits for the file
  tellFile();
}

/** From the end of a file into the next one. */
function playOn() {
  const next = nextOf(source);
  if (!next) return;
  if (next.start - endOf(source) >= 1) skipped = [endOf(source), next.start];
  now = next.start;
  loadFile(next, now, true);
  moved();
}

/** Which file the playhead is in, and where in it. */
function tellFile() {
  $("file").hidden = !isRecording;
  if (!isRecording) return;
  const place = placeOf(now), { name, start } = reel[place], hole = holeAt(now);
  const passed = skipped && now >= skipped[1] && now < skipped[1] + 5000 ? skipped : null;
  if (!passed && skipped && !hole) skipped = null;
  $("file-name").textContent = name;
  $("file-name").title = name;
  $("file-time").textContent = hole
    ? `has ended: no file has the time until ${clock(hole[1])}`
    : `${clock(now - start)}, file ${place + 1} of ${reel.length}`;
  $("skipped").hidden = !passed;
  if (passed) $("skipped").textContent = `Skipped: no file has ${clock(passed[0], 1)} to ${clock(passed[1], 1)}.`;
}

/** On the lanes: a thin line where a file ends and the next one begins. */
function paintJoins(top, bottom) {
  pen.fillStyle = ink.ink;
  for (const { start } of reel.slice(1)) {
    const px = Math.round(x(start));
    if (px < 0 || px > width) continue;
    for (let y = top; y < bottom; y += 6) pen.fillRect(px, y, 1, Math.min(3, bottom - y));
  }
}
