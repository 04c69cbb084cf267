/* What a pointer takes hold of on the lanes while editing, and where what it moves snaps to. */

const SNAP = 6; // pixels
const reachOf = ({ pointerType }) => (pointerType === "mouse" ? 6 : 12); // of an edge, to either side, in pixels

/** The lane there, and of its segments the one to take hold of: selected ones first, then those under the pointer, then
    the nearest edge. edge: "start", "end", or null for the body. Of narrow ones the edges are held from outside. */
function heldAt(px, y, reach) {
  const under = trackAt(y);
  if (under?.kind !== "lane" || state.off.has(under.label)) return null;
  let best = { label: under.label, i: -1, edge: null, rank: Infinity };
  const low = timeAt(px - reach - 3), high = timeAt(px + reach + 3);
  for (const i of lanes[under.label].found) {
    if (segments.start[i] > high) break;
    if (!shown[i] || segments.end[i] < low) continue;
    const spare = Math.max(0, 6 - x(segments.end[i]) + x(segments.start[i])) / 2;
    const a = x(segments.start[i]) - spare, b = x(segments.end[i]) + spare, inner = Math.min(reach, (b - a) / 3);
    const edge = px >= a - reach && px <= a + inner ? "start" : px >= b - inner && px <= b + reach ? "end" : null;
    const isUnder = px >= a && px <= b;
    if (!edge && !isUnder) continue;
    const far = edge ? Math.abs(px - (edge === "start" ? a : b)) : reach;
    const rank = far + (isUnder ? 0 : 100) + (isSelected(i) ? 0 : 1000);
    if (rank <= best.rank) best = { label: under.label, i, edge, rank };
  }
  return best;
}

/** Says by the pointer's look what a press would do. */
function showWhatIsHeld(event) {
  const [px, y] = spot(event), held = editing() ? heldAt(px, y, reachOf(event)) : null;
  stage.dataset.over = !held || spaceHeld ? "" : held.edge ? "edge" : held.i >= 0 ? "body" : "free";
}

/** Where edges snap to, in order: the playhead, all that stands and is shown, reviewed time, the film. */
function bordersAround(rowsMoved) {
  const found = [0, filmEnd, rounded(now / 1000)];
  lanes.forEach((lane) => {
    for (const i of lane.found) {
      if (shown[i] && !rowsMoved.has(i)) found.push(segments.exact[i].start_s, segments.exact[i].end_s);
    }
  });
  for (const i of rowsMoved) if (i !== NEW) found.push(segments.exact[i].start_s, segments.exact[i].end_s);
  for (const { start_s, end_s } of reviewed) found.push(start_s, end_s);
  return Float64Array.from(found).sort();
}

/** The border within SNAP pixels of a time, or undefined. */
function borderNear(borders, seconds) {
  let low = 0, high = borders.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (borders[middle] < seconds) low = middle + 1;
    else high = middle;
  }
  const far = (border) => Math.abs(border - seconds), [left, right] = [borders[low - 1], borders[low]];
  const nearest = right === undefined || far(left) < far(right) ? left : right;
  return far(nearest) * 1000 <= (SNAP * (view.high - view.low)) / width ? nearest : undefined;
}
