/* Every change is one step that can be undone, without limit. A step holds only what it changes. */

const history = { done: [], undone: [] };

/** Makes a change.

    name      what people call it
    rows      [[i, segment, or null to take it away], ...]; new rows are numbered from numRows() on
    reviewed  if it changes, the whole list as it will be; the same holds for rejected
    labels    names of labels that are new, beside those of new rows */
function commit({ name, rows: changes = [], labels = [], ...lists }) {
  let fresh = numRows();
  for (const [i, after] of changes) {
    if (i === fresh && after) fresh++;
    else if (!(i < numRows()) || isTrue(i)) throw new RangeError(`row ${i} cannot be changed`);
  }
  const asked = [...labels, ...changes.flatMap(([, after]) => (after ? [after.label] : []))];
  const step = {
    name,
    labels: [...new Set(asked)].filter((label) => labelNamed(label) < 0),
    rows: changes.map(([i, after]) => [i, stands(i) ? segments.exact[i] : null, after]),
    reviewed: difference(reviewed, lists.reviewed ?? reviewed),
    rejected: difference(rejected, lists.rejected ?? rejected),
  };
  history.done.push(step);
  history.undone = [];
  apply(step, "do");
  return step;
}

/** The step that was undone; undefined if there is none. */
function undo() {
  const step = history.done.pop();
  if (!step) return undefined;
  history.undone.push(step);
  apply(step, "undo");
  return step;
}

function redo() {
  const step = history.undone.pop();
  if (!step) return undefined;
  history.done.push(step);
  apply(step, "redo");
  return step;
}

function difference(before, after) {
  if (before === after) return { taken: [], given: [] };
  const [old, now] = [new Set(before), new Set(after)];
  return { taken: before.filter((each) => !now.has(each)), given: after.filter((each) => !old.has(each)) };
}

/** The list after a step, or before it. */
function stepped(list, { taken, given }, isBack, compare) {
  if (isBack) [taken, given] = [given, taken];
  if (!taken.length && !given.length) return list;
  const gone = new Set(taken);
  return [...list.filter((each) => !gone.has(each)), ...given].sort(compare);
}
