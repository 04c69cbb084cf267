/* The tools for editing: their buttons, what they show, and when they are in sight. */

const editing = () => !$("tools").hidden;
const commandOf = (id) => COMMANDS.find((each) => each.id === id);

function toggleTools() {
  const open = !editing();
  if (!open) giveUp();
  if (!open && coding) toggleCoding();
  $("tools").hidden = !open;
  $("edit").setAttribute("aria-expanded", open);
  showProgress();
  measure();
  draw({ lanes: true });
  // The button that opened them is not asked again by the next Enter, which keeps a segment.
  if (open && document.activeElement === $("edit")) scroll.focus({ preventScroll: true });
}

/** The focus leaves it first: until the next frame a button that is not to be seen any more would take the next key. */
function closeDialog(id) {
  document.activeElement?.blur();
  $(id).close();
}

document.addEventListener("keydown", (event) => {
  const dialog = document.activeElement?.closest("dialog") ?? document.querySelector("dialog[open]");
  if (event.key !== "Escape" || event.defaultPrevented || event.isComposing || !dialog) return;
  event.preventDefault();
  closeDialog(dialog.id);
});

/** Leaves what was begun: a span without an end. */
function giveUp() {
  if (beginsAt === null) return;
  setMark(null);
  say("Given up.");
}

function showProgress() {
  const { reviewed: done, total } = progress();
  $("progress").textContent = progressText();
  $("progress").hidden = !total || !(editing() || done);
  $("undo").disabled = !history.done.length && !openStates.size;
  $("redo").disabled = !history.undone.length;
}

/** Each button says which key does the same. */
function showToolKeys() {
  for (const button of document.querySelectorAll("[data-tool]")) {
    const each = commandOf(button.dataset.tool), key = keyOf(each);
    const says = saysOf(each);
    button.title = `${says[0].toUpperCase()}${says.slice(1)} (${keyText(key)})`;
    button.setAttribute("aria-keyshortcuts", key.replace("Ctrl", "Control").replace("+z", "+Z"));
  }
}

let labelsBefore = "";

/** After a change: what depends on which labels there are. */
function labelsChanged() {
  const there = labelsThere().join();
  if (there === labelsBefore) return;
  labelsBefore = there;
  for (const label of openStates.keys()) if (absent.has(label)) openStates.delete(label);
  bind();
  labelsOfNothing();
  showLabelKeys();
}

for (const button of document.querySelectorAll("[data-tool]")) {
  button.addEventListener("click", () => commandOf(button.dataset.tool).act());
}
const toolClicks = {
  "bulk-open": openBulk, "labels-open": openLabels, "nothing-open": openNothing,
  "nothing-close": () => closeDialog("nothing"), "bulk-close": () => closeDialog("bulk"),
  "labels-close": () => closeDialog("labels-dialog"), "chooser-close": () => closeDialog("chooser"),
  "nothing-film": () => declare(0, length),
  "nothing-view": () => declareAndClose(() => declare(view.low, view.high)),
  "nothing-around": () => declareAndClose(aroundSelected),
};
for (const [id, act] of Object.entries(toolClicks)) $(id).addEventListener("click", act);
// A tool that was clicked does not take the focus: the next Enter or space is not for it again.
$("tools").addEventListener("mousedown", (event) => { if (event.target.closest("button")) event.preventDefault(); });
$("order").addEventListener("change", () => { if ($("order").value !== reviewOrder) turnOrder(); });
$("reaction").addEventListener("change", () => {
  const seconds = $("reaction").valueAsNumber;
  if (Number.isFinite(seconds)) settings.reaction = within(seconds, 0, 2);
  $("reaction").value = settings.reaction;
  keepSettings();
});
addEventListener("storage", ({ key }) => { if (key === STORED) takeSettings(); });

function takeSettings() {
  readSettings();
  bind();
  showToolKeys();
  showLabelKeys();
  $("single-keys").checked = settings.single;
  $("reaction").value = settings.reaction;
}

const { analysis } = Object(data.rest.provenance);
// Of dense labels, which follow one another, the next one ends the one before.
$("exclusive").checked = Object(analysis).drawing === "phases" || Object(analysis).kind === "dense labels";
onEdited.push(labelsChanged, showProgress);
takeSettings();
labelsOfNothing();
showProgress();
