/* Borders of segments, by keys: a position earlier or later, to the playhead; split, join, new ones. */

const secondsBy = (data.film.step ?? data.film.frame) / 1000; // a position of the analysis, or a frame

/** Moves one border, not past the other; both of an instant that stays one. The film goes there, to show it. */
function moveBorder(i, side, at) {
  const { start_s, end_s, label } = segments.exact[i];
  if (start_s === end_s && isPoint(labelNumbers.get(label))) moveTo(i, at, at);
  else if (side === "start") moveTo(i, at, Math.max(at, end_s));
  else moveTo(i, Math.min(at, start_s), at);
  if (!isPlaying()) {
    seek(segments[side][i]);
    reveal(now);
  }
  sayDone(`${describe(i)}; ${side} at ${clock(segments[side][i])}`);
}

function nudgeBorder(side, way) {
  const [i] = selected();
  if (i !== undefined) moveBorder(i, side, segments.exact[i][`${side}_s`] + way * secondsBy);
}

function borderHere(side) {
  const [i] = selected();
  if (i !== undefined) moveBorder(i, side, secondsOf(now));
}

function splitHere() {
  const [i] = selected();
  if (i === undefined) return;
  const { start_s, end_s } = segments.exact[i], at = secondsOf(now);
  if (!(start_s < at && at < end_s)) return say(`The playhead is not inside ${describe(i)}: nothing is split.`);
  const told = `split ${describe(i)} at ${brief(now)}`;
  splitAt(i, at);
  sayDone(told);
}

function joinNext() {
  const is = selected();
  if (!is.length) return;
  const label = segments.label[is[0]], { found } = lanes[label], next = found[found.indexOf(is[0]) + 1];
  const all = is.length > 1 ? is : [is[0], next];
  if (all.includes(undefined)) return say(`No ${labelName(label)} comes after this one: nothing is joined.`);
  const joined = join(all);
  if (joined < 0) return say("Only segments of one label can be joined.");
  select([joined]);
  sayDone(`joined ${all.length} to ${describe(joined)}`);
}

const NEW_LASTS = 1000; // ms, until its end is moved

/** A segment of the label last used, or of one that is asked for, from the playhead on. */
function addHere() {
  const label = lastLabel >= 0 ? lastLabel : chosen >= 0 ? segments.label[chosen] : -1;
  if (label < 0) return chooseLabel("The label of the new segment", addOf);
  addOf(label);
}

function addOf(label) {
  const end = isPoint(label) ? now : Math.min(now + NEW_LASTS, length);
  usedLabel(label);
  const i = add(label, secondsOf(now), secondsOf(end));
  select([i]);
  say(`added ${describe(i)}`);
}
