/* Keys: which there are, what each does, and what happens when one is pressed.

   KEYS      groups of rows { says, commands }
   a command { id, key, act }, and where it is so: fixed  the key cannot be changed    edits    while editing alone
                                                   repeats  also while the key is held down

   A key is called as the browser calls it, letters small: "x", "Enter", "Shift+ArrowLeft", "Ctrl+z". */

const command = (id, key, act, more = {}) => ({ id, key, act, ...more });
const fixed = (key, act, more = {}) => command(key, key, act, { fixed: true, ...more });
const forEditing = (id, key, act, more = {}) => command(id, key, act, { edits: true, ...more });
const keyRow = (says, ...commands) => ({ says, commands });
const held = { repeats: true };

const nudge = (ms) => { seek(now + ms); reveal(now); };
const frameOn = (way) => { video.pause(); nudge(way * source.frame); };
const panBy = (way) => pan((way * (view.high - view.low)) / 5);

const KEYS = [
  ["Film", [
    keyRow("play or pause", fixed(" ", playOrPause), command("play", "k", playOrPause)),
    keyRow("5 seconds back or forward",
      fixed("ArrowLeft", () => nudge(-5000), held), fixed("ArrowRight", () => nudge(5000), held)),
    keyRow("10 seconds back or forward",
      command("back", "j", () => nudge(-10_000), held), command("forward", "l", () => nudge(10_000), held)),
    keyRow("one frame back or forward",
      command("frame back", ",", () => frameOn(-1), held), command("frame forward", ".", () => frameOn(1), held)),
    keyRow("next or previous segment",
      command("next", "n", () => go(1), held), command("previous", "p", () => go(-1), held)),
    keyRow("mute, full screen", command("mute", "m", mute), command("full screen", "f", fullScreen)),
  ]],
  ["Page", [
    keyRow("zoom in, zoom out, the whole film", command("zoom in", "+", () => zoom(1 / 1.6), held),
      command("zoom out", "-", () => zoom(1.6), held), command("fit", "0", () => show(0, length))),
    keyRow("pan the timeline",
      fixed("Shift+ArrowLeft", () => panBy(-1), held), fixed("Shift+ArrowRight", () => panBy(1), held)),
    keyRow("in the table: choose a segment, go to it", fixed("ArrowUp"), fixed("ArrowDown"), fixed("Enter")),
    keyRow("search; Esc clears the search, Esc again leaves it", command("search", "/", () => $("search").focus())),
    keyRow("hide the box under the pointer; give up what was begun", fixed("Escape", giveUp)),
    keyRow("show or hide the tools for editing", command("tools", "t", toggleTools)),
    keyRow("these keys", command("help", "?", openHelp)),
  ]],
  ["Review", [
    keyRow("keep the segment, go on to the next one to review", forEditing("keep", "Enter", keepAndGoOn)),
    keyRow("reject it and go on",
      forEditing("reject", "x", rejectAndGoOn), forEditing("reject too", "Backspace", rejectAndGoOn)),
    keyRow("play it alone", forEditing("play it", "v", playSelected)),
    keyRow("give it another label: then press the label's key", forEditing("relabel", "r", askForLabel)),
    keyRow("go on by time, or the most doubtful first", forEditing("order", "d", turnOrder)),
    keyRow("of a moment that is asked for: what stands in it is right, and all; go on",
      forEditing("moment done", "y", momentIsDone)),
    keyRow("undo", fixed("Ctrl+z", undoLast, { edits: true, repeats: true })),
    keyRow("redo", fixed("Ctrl+Shift+z", redoLast, { edits: true, repeats: true }),
      fixed("Ctrl+y", redoLast, { edits: true, repeats: true })),
    keyRow("save the timeline's file", fixed("Ctrl+s")), // edit.save.js
    keyRow("the menu of what is selected", fixed("Shift+F10")), // edit.menu.js
  ]],
  ["Borders", [
    keyRow("start one position earlier or later",
      forEditing("start earlier", "[", () => nudgeBorder("start", -1), held),
      forEditing("start later", "{", () => nudgeBorder("start", 1), held)),
    keyRow("end one position earlier or later",
      forEditing("end earlier", "]", () => nudgeBorder("end", -1), held),
      forEditing("end later", "}", () => nudgeBorder("end", 1), held)),
    keyRow("start or end at the playhead",
      forEditing("start here", "i", () => borderHere("start")), forEditing("end here", "o", () => borderHere("end"))),
    keyRow("split at the playhead", forEditing("split", "b", splitHere)),
    keyRow("join with the next segment of its label", forEditing("join", "g", joinNext)),
    keyRow("add a segment of the last label at the playhead", forEditing("add", "a", addHere)),
  ]],
  ["Coding", [
    keyRow("coding on or off", forEditing("coding", "c", toggleCoding)),
    keyRow("while coding: a label starts or ends, a point label gets a point", fixed("1 … 9")),
    keyRow("nothing else happens from here; again: to here", forEditing("nothing else", "e", markNothingElse)),
  ]],
];
const COMMANDS = KEYS.flatMap(([, rowsOfKeys]) => rowsOfKeys.flatMap(({ commands }) => commands));

// ---- which key is whose

const keyOf = ({ id, key }) => settings.commands.get(id) ?? key;
let bindings = new Map(); // key -> command, or { label }

/** Commands first; then the labels' chosen keys; then labels without one get what is free. Of two that want a key the
    first has it: a stored choice can be in the way of another only if something else wrote it. */
function bind() {
  bindings = new Map();
  const take = (key, what) => { if (!bindings.has(key)) bindings.set(key, what); };
  for (const each of COMMANDS) if (each.act && each.fixed) take(each.key, each);
  for (const each of COMMANDS) if (!each.fixed && settings.commands.has(each.id)) take(keyOf(each), each);
  for (const each of COMMANDS) if (!each.fixed) take(keyOf(each), each);
  bindLabels(take);
}

const KEY_TEXTS = { " ": "Space", ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc" };

/** How people read a key: "Ctrl+Z" of "Ctrl+z". */
function keyText(key) {
  if (key.length === 1 || !key.includes("+")) return KEY_TEXTS[key] ?? key;
  const large = (part) => part.replace(/^[a-z]$/, (letter) => letter.toUpperCase());
  return key.split("+").map((part) => KEY_TEXTS[part] ?? large(part)).join("+");
}

const saysOf = (each) => KEYS.flatMap(([, all]) => all).find(({ commands }) => commands.includes(each)).says;

/** What a key is for, in words; undefined where it is free. */
function useOf(key) {
  const what = bindings.get(key);
  if (!what) return undefined;
  return what.label === undefined ? saysOf(what) : `the label ${labelName(what.label)}`;
}

// ---- keys that are pressed

function keyName(event) {
  const letter = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (event.getModifierState("AltGraph")) return letter; // how some keyboards write [ and ]
  if (event.altKey) return undefined;
  if (event.ctrlKey || event.metaKey) {
    return `Ctrl+${event.shiftKey ? "Shift+" : ""}${/^[a-z]$/.test(letter) ? letter : onKeyboard(event)}`;
  }
  return event.shiftKey && event.key.length > 1 ? `Shift+${letter}` : letter;
}

/** What stands on the key where keyboards have Latin letters and digits without Shift: for those that have others. A Latin
    letter is itself wherever it lies. */
const onKeyboard = ({ code }) => /^(?:Key|Digit)(.)$/.exec(code)?.[1].toLowerCase();

const ALSO = { "=": "+", Delete: "Backspace" };
const TYPED = ["search", "text", "number", "select-one", "textarea"];
const PRESSED = "button, summary, a[href], [type=file], [role^=menuitem], [role=option]"; // by Enter or space

/** Whether the element that has the focus does something else with this key. */
function isTaken(name, target) {
  if (TYPED.includes(target.type ?? target.tagName)) return true;
  if (name.startsWith("Arrow")) return target === $("threshold");
  return (name === " " && target.type === "checkbox") || ([" ", "Enter"].includes(name) && target.matches?.(PRESSED));
}

/** The command or label of a key, where it means one now. */
function meant(event) {
  const name = keyName(event), by = (key) => bindings.get(key);
  const isOther = name?.length === 1 && !/[a-z]/.test(name) && !event.shiftKey; // with Ctrl or Alt it is the browser's
  const what = by(name) ?? by(ALSO[name]) ?? (isOther ? by(onKeyboard(event)) : undefined);
  if (!what || isTaken(name, event.target)) return undefined;
  const isSingle = name.length === 1 || (what.edits && !what.fixed);
  if (isSingle && !settings.single) return undefined;
  const isOff = (what.edits && !editing()) || (what.label !== undefined && !coding);
  return isOff ? undefined : what;
}

function pressed(event) {
  if (event.defaultPrevented || event.isComposing || document.fullscreenElement) return;
  const what = document.querySelector("dialog[open]") ? undefined : meant(event);
  if (!what) return;
  if (event.repeat && !what.repeats) return event.preventDefault();
  if (event.key !== "Escape") event.preventDefault();
  if (what.label === undefined) what.act();
  else press(what.label);
}
document.addEventListener("keydown", pressed);

