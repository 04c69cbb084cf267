/* Every change is one step that can be undone, without limit. */

const history = { done: [], undone: [] };

/** Makes a change: rows [[i, segment, or null to take it away], ...], new ones numbered from numRows() on; reviewed and
    rejected, if they change, as they will be; names of labels that are new. name: what people call it. */
function commit({ name, rows: changes = [], labels = [], ...lists }) {
  const missing = (label) => labelNamed(label) < 0;
  const asked = [...labels, ...changes.flatMap(([, after]) => (after ? [after.label] : []))];
  const step = {
    name,
    labels: [...new Set(asked)].filter(missing),
    before: { rows: changes.map(([i]) => [i, stands(i) ? segments.exact[i] : null]), reviewed, rejected },
    after: { rows: changes, reviewed: lists.reviewed ?? reviewed, rejected: lists.rejected ?? rejected },
  };
  history.done.push(step);
  history.undone = [];
  apply(step.after, step, "do");
  return step;
}

/** The step that was undone; undefined if there is none. */
function undo() {
  const step = history.done.pop();
  if (!step) return undefined;
  history.undone.push(step);
  apply(step.before, step, "undo");
  return step;
}

function redo() {
  const step = history.undone.pop();
  if (!step) return undefined;
  history.done.push(step);
  apply(step.after, step, "redo");
  return step;
}
