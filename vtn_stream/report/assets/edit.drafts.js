/* Drafts: what was changed in this page and not saved yet, kept in the browser, so that what ends the page does not end
   the work. A draft is written soon after each change, restored when the page is opened again, deleted by saving.

   film   whose drafts they are: its identity        base   the digest of what the page was made of
   id     of one draft. Each open page has its own, which it locks: two pages never write into one

   What saves has two more kinds beside the draft: `saved`, a draft that was downloaded, which nobody can know to have
   arrived; and `note`, that a file was saved which this page, made before, does not show. */

const film = data.rest.video.identity || `no identity: ${data.rest.video.path}`;
const firstSaid = { segments: standing().map((i) => segments.exact[i]), reviewed, rejected };
const firstNew = numRows(); // the number of the first row that a change may add
const PAUSE = 500; // ms from one write to the next
const NOTHING = { kind: "none", steps: [], done: 0 };

let store; // once it is open
let draft = { id: newId(), revision: 0, kept: NOTHING, release: () => {} }; // kept: what the store holds of it
let saved; // of this page: { top: the last step then, name: of the file, isSure: whether it is written, said: a digest }
const notes = []; // drafts that are only that
let isPaused = false; // after "forget", until the next change
let writeTimer = 0, lastWrite = -PAUSE;
let isWriting = false;

function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The digest of what is said of the film. */
function digestOfSaid(said) {
  const texts = [
    ...said.segments.map((each) => segmentText(each, 0)),
    ...said.reviewed.toSorted(compareReviewed).map((each) => reviewedText(each, 0)),
    ...said.rejected.toSorted(compareSegments).map((each) => segmentText(each, 0)),
  ];
  return hexDigest(new TextEncoder().encode(texts.join()));
}

let foundBase;
const base = () => (foundBase ??= digestOfSaid(firstSaid)); // takes a while, so not before the page is there
const allSteps = () => [...history.done, ...history.undone.toReversed()];
const isUnsaved = () => history.done.at(-1) !== saved?.top;
const isDraft = ({ kind }) => kind === "draft" || kind === "saved";

// ---- writing

/** What a step did, without what was before it. */
function textOfStep({ name, rows: changed, reviewed: spans, rejected: refused, labels }) {
  return JSON.stringify({ name, rows: changed.map(([i, , after]) => [i, after]), reviewed: spans, rejected: refused, labels });
}

/** What the store should hold. */
function wanted() {
  const done = history.done.length;
  if (isUnsaved()) return { kind: "draft", steps: allSteps(), done };
  if (!saved) return NOTHING;
  return saved.isSure ? { kind: "note", steps: [], done } : { kind: "saved", steps: allSteps(), done };
}

/** How many steps of two lists are the same, from the first on. */
function numSame({ steps }, { steps: others }) {
  const differs = steps.findIndex((step, k) => step !== others[k]);
  return differs < 0 ? steps.length : differs;
}

/** Whether the store holds that. */
function isKept(want = wanted()) {
  const { kind, done, steps } = draft.kept;
  return kind === want.kind && done === want.done && steps.length === want.steps.length && numSame(want, draft.kept) === steps.length;
}

function keepDraft() {
  isPaused = false;
  writeTimer ||= setTimeout(writeDraft, Math.max(0, lastWrite + PAUSE - performance.now()));
}

/** Writes what the store does not have. isLeaving: without waiting for one that is on its way. */
async function writeDraft(isLeaving = false) {
  clearTimeout(writeTimer);
  writeTimer = 0;
  const want = wanted(), mine = draft, { kept } = mine;
  let first = numSame(want, kept);
  if (isPaused || isKept(want)) return;
  if (isWriting && !isLeaving) return void keepDraft();
  const texts = want.steps.slice(isDraft(kept) ? first : 0).map(textOfStep);
  if (!isDraft(kept)) first = -1;
  if (isDraft(want) && first < 0) texts.unshift(JSON.stringify([firstNew, firstSaid]));
  const head = { base: base(), at: Date.now(), done: want.done, total: want.steps.length };
  if (saved && want.kind !== "draft") Object.assign(head, { saved: saved.name, said: saved.said });
  mine.kept = want;
  mine.revision++;
  lastWrite = performance.now();
  isWriting = true;
  try {
    store ??= await openStore();
    if (want.kind === "none") await dropDrafts(store, film, mine.id);
    else {
      const num = await putDraft(store, [film, mine.id, mine.revision], head, isDraft(want) ? first : -1, texts);
      if (isDraft(want) && num !== want.steps.length + 1) { // another page forgot the drafts meanwhile
        mine.kept = NOTHING;
        keepDraft();
      }
    }
    line("not-kept");
    announce();
  } catch (error) {
    mine.kept = NOTHING;
    if (error?.name === "ConstraintError") leaveDraft(mine);
    else {
      mine.revision--;
      store = undefined;
      notKept(error);
    }
  } finally {
    isWriting = false;
  }
}

/** Another page writes into this page's draft: this page begins one of its own. */
function leaveDraft(mine) {
  if (draft !== mine) return;
  draft = { id: newId(), revision: 0, kept: NOTHING, release: () => {} };
  lockDraft(draft).then(() => keepDraft());
}

function notKept(error) {
  const why = error?.name ?? "no reason given";
  line("not-kept", [`Drafts are not kept: the browser refuses (${why}). What you change is in this page only: save often (Ctrl+S).`]);
}

async function forgetDrafts(...films) {
  clearTimeout(writeTimer);
  writeTimer = 0;
  isPaused = true;
  draft.kept = NOTHING;
  try {
    store ??= await openStore();
    await dropDrafts(store, ...films);
    announce({ forgotten: films });
    line("drafts", [films.length ? "Drafts of this film are forgotten." : "All drafts are forgotten."]);
    for (const about of ["broken", "others"]) line(about);
  } catch (error) {
    line("drafts", [`Drafts are not forgotten: the browser refuses (${error?.name}). Its settings can delete the data of this page.`]);
  }
}

// ---- reading

/** Makes a change of a draft. Another page of the same film may have had more rows of truth before its first new one. */
function repeat({ name, rows: changed, reviewed: spans, rejected: refused, labels }, itsFirst) {
  commit({
    name, labels,
    rows: changed.map(([i, after]) => [i < itsFirst ? i : i - itsFirst + firstNew, after]),
    reviewed: changedList(reviewed, spans, compareReviewed),
    rejected: changedList(rejected, refused, compareSegments),
  });
}

/** Puts a draft in place of what this page shows; what it has of its own stays a draft. Gives whether it could. */
async function useDraft({ id, revision, head, release }) {
  const earlier = allSteps(), at = history.done.length;
  try {
    const { first, said, changes } = checkedParts(await partsOf(store, film, id), head);
    checkRows(said.segments.length, first, changes);
    if (isUnsaved()) await writeDraft(true);
    while (undo());
    if (head.base === base()) {
      for (const change of changes) repeat(change, first);
      for (let k = head.total; k > head.done; k--) undo();
    } else if (head.done) commit(replacement("draft", saidAfter(said, changes.slice(0, head.done))));
  } catch (error) {
    while (undo());
    history.undone = earlier.toReversed();
    while (history.done.length < at) redo();
    release();
    line("broken", [`A draft of this film is broken (${error.message}): it was put aside, and not applied.`]);
    return false;
  }
  announce({ bye: true });
  draft.release();
  saved = head.saved === undefined ? undefined : { top: history.done.at(-1), name: head.saved, isSure: false, said: head.said };
  draft = { id, revision, release, kept: head.base === base() ? wanted() : NOTHING };
  if (head.base !== base()) keepDraft();
  showSaving();
  return true;
}

/** One change that makes the page say what something else says. */
function replacement(name, { segments: list, reviewed: spans, rejected: refused }) {
  const there = numRows(), gone = standing().map((i) => [i, null]);
  return { name, rows: [...gone, ...list.map((each, k) => [there + k, each])], reviewed: spans, rejected: refused };
}

async function restoreDrafts() {
  lockDraft(draft);
  let found;
  try {
    store ??= await openStore();
    found = await headsOf(store, film);
  } catch (error) {
    return notKept(error);
  }
  const drafts = [];
  for (const [[, id, revision], value] of found) {
    try {
      drafts.push({ id: checkedText(id), revision: checkedCount(revision, Number.MAX_SAFE_INTEGER), head: checkedHead(value) });
    } catch (error) {
      line("broken", [`A draft of this film is broken (${error.message}): it was put aside, and not applied.`]);
    }
  }
  let isRestored = false;
  for (const each of drafts.sort((a, b) => b.head.at - a.head.at)) {
    const { head } = each, changes = plural(head.done, "change");
    if (!(await lockDraft(each))) others.set(each.id, head.done);
    else if (head.saved !== undefined && head.said === base()) await dropDrafts(store, film, each.id).then(each.release);
    else if (head.saved === undefined && head.base === base() && !isRestored && !allSteps().length) {
      isRestored = await useDraft(each);
      if (isRestored) line("drafts", [`Draft of ${changes} restored.`], ["Save", () => save()], ["Discard", discard]);
    } else offer(each, changes);
  }
  showOthers();
  announce({ hello: true });
}

/** A draft that is not simply taken: of another version, or one of several, or one that was saved. */
function offer(each, changes) {
  const { id, head, release } = each, name = head.saved;
  release();
  const use = async () => {
    if (await lockDraft(each)) await useDraft(each);
    else line(id, ["Another page has that draft now."]);
  };
  const older = "This page was made before that, and does not show them: vtn-stream report makes it anew.";
  if (name !== undefined && !head.total) {
    if (!notes.includes(id)) notes.push(id);
    const open = () => { offer(each, changes); chooseFile((file) => openFile(file, each)); };
    return line(id, [`You saved ${changes} to `, stranger(name), `. ${older}`], ["Open the saved file…", open], ["Close", () => {}]);
  }
  if (name !== undefined) {
    const forget = () => dropDrafts(store, film, id).catch(notKept);
    return line(id, [`You downloaded ${changes} as `, stranger(name), `. ${older}`], ["Show them here", use], ["Forget the draft", forget]);
  }
  const which = head.base === base() ? "There is another draft" : "A draft of another version of this timeline is there";
  line(id, [`${which}, of ${changes}, last changed ${new Date(head.at).toLocaleString("en")}.`], ["Use the draft", use], ["Keep the page's", () => {}]);
}

/** What was saved later says more. */
function dropNotes() {
  for (const id of notes.splice(0)) {
    line(id);
    dropDrafts(store, film, id).catch(notKept);
  }
}

function discard() {
  while (undo());
  line("drafts", ["The draft is discarded. Until you leave this page, redo brings its changes back."]);
}
