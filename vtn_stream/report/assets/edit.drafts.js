/* Drafts: what was changed in this page and not saved yet, kept in the browser, so that what ends the page does not end
   the work. A draft is written soon after each change, restored when the page is opened again, deleted by saving.

   film   whose drafts they are: its identity        base   the digest of what the page was made of
   id     of one draft. Each open page has its own, which it locks: two pages never write into one

   kind   "draft"; "saved", a draft that was downloaded, which nobody can know to have arrived; "note", that a file was
          saved which this page, made before, does not show; "none"

   This is how they are written. edit.restore.js reads them, edit.pages.js keeps pages apart. */

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

/** The digest of what is said of the film. Attributes have no order: a file that is opened may have another. */
function digestOfSaid(said) {
  const inOrder = ({ attributes, was, ...each }) => (
    { ...each, attributes: attributes?.toSorted(comparePairs), was: was && inOrder(was) });
  const segmentOf = (each) => segmentText(inOrder(each), 0);
  const texts = [
    ...said.segments.map(segmentOf),
    ...said.reviewed.toSorted(compareReviewed).map((each) => reviewedText(each, 0)),
    ...said.rejected.toSorted(compareSegments).map(segmentOf),
  ];
  return hexDigest(new TextEncoder().encode(texts.join()));
}

let foundBase;
const base = () => (foundBase ??= digestOfSaid(firstSaid)); // takes a while, so not before the page is there
const allSteps = () => [...history.done, ...history.undone.toReversed()];
const isUnsaved = () => history.done.at(-1) !== saved?.top;
const isDraft = ({ kind }) => kind === "draft" || kind === "saved";

/** What a step did, without what was before it. */
function textOfStep({ name, rows: changed, reviewed: spans, rejected: refused, labels }) {
  return JSON.stringify({ name, rows: changed.map(([i, , after]) => [i, after]), reviewed: spans, rejected: refused, labels });
}

/** What the store should hold. Steps that are undone are kept too. */
function wanted() {
  const steps = allSteps(), done = history.done.length;
  if (isUnsaved() || (!saved && steps.length)) return { kind: "draft", steps, done };
  if (!saved) return NOTHING;
  return saved.isSure ? { kind: "note", steps: [], done } : { kind: "saved", steps, done };
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

/** Keeps nothing until the next change. */
function pauseDraft() {
  clearTimeout(writeTimer);
  writeTimer = 0;
  isPaused = true;
  draft.kept = NOTHING;
}

/** Of these films, or of all. */
async function forgetDrafts(...films) {
  pauseDraft();
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
