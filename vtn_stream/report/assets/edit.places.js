/* Operations that only a pointer asks for: several put elsewhere at once, and what the model said brought back. */

/** places: [row, { start_s, end_s, label }]. One change for all. borders: times to be met to the last digit. Returns how
    many are elsewhere. */
function place(places, borders = []) {
  const changes = places.filter(([i]) => editable([i]).length).flatMap(([i, { start_s, end_s, label }]) => {
    const exact = segments.exact[i], [low, high] = [Math.min(0, exact.start_s), Math.max(filmEnd, exact.end_s)];
    const known = [exact, ...(exact.was ? [exact.was] : [])];
    const start = border(start_s, low, high, [...borders, ...known.map((each) => each.start_s)]);
    const end = Math.max(start, border(end_s, low, high, [...borders, ...known.map((each) => each.end_s)]));
    const next = corrected(exact, { start_s: start, end_s: end, label: exactLabels[label] });
    return isSame(exact, next) ? [] : [[i, next]];
  });
  const relabels = changes.some(([i, next]) => next.label !== segments.exact[i].label);
  return commitRows(relabels ? "relabel" : "move", changes);
}

/** Gives them a label by its name, which may be new. */
function relabelTo(numbers, name) {
  const others = editable(numbers).filter((i) => segments.exact[i].label !== name);
  return commitRows("relabel", others.map((i) => [i, corrected(segments.exact[i], { label: name })]));
}

/** What joins in this page have taken into a row: [row, segment]. */
function joinedInto(i, seen = new Set([i])) {
  const taken = history.done.filter(({ name, rows }) => name === "join" && rows[0][0] === i);
  return taken.flatMap(({ rows: [, ...others] }) => others).filter(([k]) => !seen.has(k) && seen.add(k))
    .flatMap(([k, before]) => [[k, before], ...joinedInto(k, seen)]);
}

/** Makes them again what the model had said, looked at by nobody. Pieces of one become that one; of joined ones, what was
    joined in this page stands again. */
function takeBack(numbers) {
  const changes = new Map();
  for (const i of editable(numbers)) {
    const exact = segments.exact[i];
    if (exact.origin !== "curated" || changes.has(i)) continue;
    changes.set(i, { ...modelSaid(exact), origin: "model" });
    for (const k of exact.was ? standing() : []) {
      const { was } = segments.exact[k];
      if (!changes.has(k) && was && compareSegments(was, exact.was) === 0) changes.set(k, null);
    }
    for (const [k, before] of joinedInto(i)) {
      const again = before.origin === "manual" ? before : { ...modelSaid(before), origin: "model" };
      const isSaid = (other) => other && compareSegments({ ...modelSaid(other), origin: again.origin }, again) === 0;
      if (!stands(k) && ![...changes.values(), ...rejected].some(isSaid)) changes.set(k, again);
    }
  }
  return commitRows("as the model said", [...changes]);
}

/** Lets a rejected one stand again. Its row. */
function bringBack(segment) {
  const i = numRows();
  commit({ name: "bring back", rows: [[i, segment]], rejected: rejected.filter((each) => each !== segment) });
  return i;
}
