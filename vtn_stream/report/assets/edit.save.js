/* Saving, by the browser's own dialog where it has one, else as a download; and the lines about drafts and files. */

const lines = new Map(); // what a line is about -> its element
const handles = {}; // of the files that were saved in this page
const KINDS = {
  timeline: { end: "timeline.json", type: "application/json", accept: ".json", text: () => timelineText() },
  table: { end: "timeline.csv", type: "text/csv", accept: ".csv", text: () => csvText() },
};
const WARNS = new Set(["not-kept", "not-saved", "broken", "others", "taken"]);
let isSaving = false;

/** Shows a line; without words, takes it away. Buttons: [text, action]; each takes the line away. */
function line(about, words, ...buttons) {
  lines.get(about)?.remove();
  lines.delete(about);
  if (words) {
    const item = make("li", { class: WARNS.has(about) ? "notice" : "panel" }, make("span", {}, ...words));
    for (const [text, action] of buttons.length ? buttons : [["Close", () => {}]]) {
      const button = make("button", { type: "button" }, text);
      button.addEventListener("click", () => { line(about); action(); });
      item.append(button);
    }
    lines.set(about, item);
    $("saving-told").append(item);
  }
  showSaving();
}

function showSaving() {
  const isWork = isUnsaved();
  $("unsaved").textContent = isWork ? `${plural(history.done.length, "change")}, not saved` : saved ? "All is saved" : "";
  $("saving").hidden = !allSteps().length && !lines.size;
}

// ---- files

/** The name of the file that lies beside this page, if the page is still called as it was. */
function fileName(end) {
  const here = decoded(location.pathname.split("/").pop()) ?? "", own = ".timeline.html";
  const stem = here.endsWith(own) ? here.slice(0, -own.length) : data.film.name;
  return `${stem.replace(/[\\/:*?"<>|\p{C}]/gu, "_").replace(/^\.+/, "_")}.${end}`;
}

/** Writes to the file that was chosen before, or asks for one; gives its name. */
async function writeFile(blob, { end, type, accept }) {
  const types = [{ description: "Timeline", accept: { [type]: [accept] } }];
  const handle = handles[end] ?? await showSaveFilePicker({ suggestedName: fileName(end), types });
  delete handles[end]; // asked anew after a failure
  const stream = await handle.createWritable();
  try {
    await stream.write(blob);
    await stream.close(); // only now the file is another one
  } catch (error) {
    stream.abort?.()?.catch(() => {});
    throw error;
  }
  handles[end] = handle;
  return handle.name;
}

function download(blob, { end }) {
  const name = fileName(end), link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // it may be read late
  return name;
}

/** Saves; says where, or why not. isDownload: even where the browser has a dialog. */
async function save(kind = "timeline", isDownload = !("showSaveFilePicker" in window)) {
  if (isSaving) return;
  isSaving = true;
  const ended = endOpenStates(); // what was begun while coding is saved too
  if (ended) say(ended);
  const top = history.done.at(-1), said = digestOfSaid({ segments: standingSegments(), reviewed, rejected });
  try {
    const blob = new Blob([KINDS[kind].text()], { type: KINDS[kind].type });
    const name = isDownload ? download(blob, KINDS[kind]) : await writeFile(blob, KINDS[kind]);
    const where = [`Saved `, stranger(name), isDownload ? " to your downloads" : ""];
    if (kind === "table") return line("saved", [...where, ". It is a copy: only the timeline's own file holds everything."]);
    saved = { top, name, isSure: !isDownload, said };
    keepDraft();
    dropNotes();
    for (const about of ["drafts", "taken"]) line(about);
    line("saved", [...where, ": move it beside this page, in place of an older one; vtn-stream analyze, report and train read it."]);
  } catch (error) {
    const why = error?.name === "AbortError" ? "the dialog was cancelled" : `the browser refuses (${error?.name ?? "no reason given"})`;
    const words = [stranger(fileName(KINDS[kind].end)), ` is not saved: ${why}. All that you changed is still here.`];
    line("not-saved", words, ["Save again", () => save(kind)], ["Download it", () => save(kind, true)]);
  } finally {
    isSaving = false;
  }
}

// ---- buttons, keys, leaving

$("save").addEventListener("click", () => save());
$("save-table").addEventListener("click", () => save("table"));
$("forget-open").addEventListener("click", () => $("forget").showModal());
$("forget-film").addEventListener("click", () => forgetDrafts(film));
$("forget-all").addEventListener("click", () => forgetDrafts());
for (const id of ["forget-film", "forget-all", "forget-close"]) $(id).addEventListener("click", () => closeDialog("forget"));
document.addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() !== "s" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
  if ($("saving").hidden) return; // nothing was changed: the browser may save the page
  event.preventDefault();
  save();
});
addEventListener("beforeunload", (event) => { if (isUnsaved() || openStates.size) event.preventDefault(); });
document.addEventListener("visibilitychange", () => { if (document.hidden) writeDraft(true); });
addEventListener("pagehide", () => {
  endOpenStates();
  writeDraft(true);
  announce({ bye: true });
});
addEventListener("pageshow", ({ persisted }) => { if (persisted) announce({ hello: true }); });
onEdited.push(() => { keepDraft(); showSaving(); });
const looking = restoreDrafts();
(window.requestIdleCallback ?? setTimeout)(base); // so that the first change does not wait for it
