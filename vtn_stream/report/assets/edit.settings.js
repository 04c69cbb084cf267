/* What this browser keeps of its user's choices, for all pages: keys, point labels, the switch of single keys, the
   reaction time. */

const STORED = "vtn-stream keys", MOST_KEPT = 1000;
const settings = { commands: new Map(), labels: new Map(), points: new Map(), single: true, reaction: 0.25 };
const NAMED_KEYS = ["Enter", "Backspace", "Delete", "Insert"]; // which can be chosen beside those of one character
const isKey = (key) => typeof key === "string" && (/^[^\p{C}\p{Z}]$/u.test(key) || NAMED_KEYS.includes(key));

/** What is stored may come from anybody who can write there: all that is not as we write it is left out. */
function readSettings() {
  let kept = null;
  try { kept = JSON.parse(localStorage.getItem(STORED)); } catch { /* no store, or not ours */ }
  if (kept === null || typeof kept !== "object") return;
  const pairs = (name, fits) => new Map(
    Object.entries(Object(kept[name])).slice(0, MOST_KEPT).filter(([key, value]) => key.length <= 2000 && fits(value)),
  );
  const canChange = ([id]) => COMMANDS.some((each) => each.id === id && !each.fixed);
  settings.commands = new Map([...pairs("commands", isKey)].filter(canChange));
  settings.labels = pairs("labels", isKey);
  settings.points = pairs("points", (value) => typeof value === "boolean");
  if (typeof kept.single === "boolean") settings.single = kept.single;
  if (typeof kept.reaction === "number" && kept.reaction >= 0 && kept.reaction <= 2) settings.reaction = kept.reaction;
}

function keepSettings() {
  const { commands, labels, points, single, reaction } = settings;
  const maps = Object.entries({ commands, labels, points })
    .map(([name, map]) => [name, Object.fromEntries([...map].slice(-MOST_KEPT))]);
  const text = JSON.stringify({ ...Object.fromEntries(maps), single, reaction });
  try { localStorage.setItem(STORED, text); } catch { /* forbidden or full: they hold until the page is closed */ }
}

