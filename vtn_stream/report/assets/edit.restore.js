/* Drafts of before: which there are, and how they are shown. What the store holds is a stranger's (edit.checked.js). */

/** Makes a change of a draft. Another page of the same film may have had more rows of truth before its first new one. */
function repeat({ name, rows: changed, reviewed: spans, rejected: refused, labels }, itsFirst) {
  commit({
    name, labels,
    rows: changed.map(([i, after]) => [i < itsFirst ? i : i - itsFirst + firstNew, after]),
    reviewed: changedList(reviewed, spans, compareReviewed),
    rejected: changedList(rejected, refused, compareSegments),
  });
}

/** One change that makes the page say what something else says. */
function replacement(name, { segments: list, reviewed: spans, rejected: refused }) {
  const there = numRows(), gone = standing().map((i) => [i, null]);
  return { name, rows: [...gone, ...list.map((each, k) => [there + k, each])], reviewed: spans, rejected: refused };
}

const tellBroken = ({ message }) => line("broken", [`A draft of this film is broken (${message}): it was put aside, and not applied.`]);

/** The draft as it is now: { id, revision, head }; undefined if it is not there any more. */
async function latest(id) {
  const [key, value] = (await headsOf(store, film, id)).at(-1) ?? [];
  return key && { id, revision: checkedCount(key[2], Number.MAX_SAFE_INTEGER), head: checkedHead(value) };
}

/** Puts a draft in place of what this page shows; what it has of its own stays a draft. Gives whether it could. */
async function useDraft({ id, revision, head, release }) {
  let parts;
  try {
    parts = checkedParts(await partsOf(store, film, id), head);
    checkRows(parts.said.segments.length, parts.first, parts.changes);
  } catch (error) {
    tellBroken(error);
    release();
    return false;
  }
  if (isUnsaved()) await writeDraft(true);
  if (isUnsaved() && !isKept()) {
    line("drafts", ["Save first: what is changed in this page is not kept as a draft, and would be lost."]);
    release();
    return false;
  }
  const earlier = allSteps(), at = history.done.length, isOfThis = head.base === base();
  try {
    while (undo());
    if (isOfThis) {
      for (const change of parts.changes) repeat(change, parts.first);
      for (let k = head.total; k > head.done; k--) undo();
    } else commit(replacement("draft", saidAfter(parts.said, parts.changes.slice(0, head.done))));
  } catch (error) {
    while (undo());
    history.undone = earlier.toReversed();
    while (history.done.length < at) redo();
    tellBroken(error);
    release();
    return false;
  }
  announce({ bye: true });
  draft.release();
  saved = head.saved === undefined ? undefined : { top: history.done.at(-1), name: head.saved, isSure: false, said: head.said };
  draft = { id, revision, release, kept: NOTHING };
  if (isOfThis) draft.kept = wanted();
  else keepDraft();
  showSaving();
  return true;
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
      const head = checkedHead(value);
      drafts.push({ id: checkedText(id), revision: checkedCount(revision, Number.MAX_SAFE_INTEGER), head });
    } catch (error) {
      tellBroken(error);
    }
  }
  for (const each of drafts.sort((a, b) => b.head.at - a.head.at)) {
    if (await lockDraft(each)) await take(each);
    else others.set(each.id, each.head.done);
  }
  showOthers();
  announce({ hello: true });
}

/** Restores a draft, or says that it is there. */
async function take(each) {
  const { id, head, release } = each, isOfThis = head.base === base(), changes = plural(head.done, "change");
  const isNote = head.saved !== undefined && !head.total;
  if (head.saved !== undefined && (head.said === base() || (isNote && !isOfThis))) { // this page was made of what was saved
    await dropDrafts(store, film, id).catch(notKept);
    return release();
  }
  if (head.saved !== undefined || !isOfThis || allSteps().length) return offer(each, changes);
  const words = head.done ? `Draft of ${changes} restored.` : `Draft restored; all that it changes is undone.`;
  if (await useDraft(each)) line("drafts", [words], ["Save", () => save()], ["Discard", discard]);
}

/** A draft that is not simply taken: of another version, or one of several, or one that was saved. */
function offer(each, changes) {
  const { id, head, release } = each, isOfThis = head.base === base();
  release();
  const use = async () => {
    const now = { id };
    try {
      if (!(await lockDraft(now))) return line(id, ["Another page has that draft now."]);
      Object.assign(now, await latest(id));
      if (now.head) await useDraft(now);
      else line(id, ["That draft is not there any more."]);
    } catch (error) {
      now.release();
      tellBroken(error);
    }
  };
  if (head.saved === undefined) {
    const which = isOfThis ? "There is another draft" : "A draft of another version of this timeline is there";
    const words = `${which}, of ${changes}, last changed ${new Date(head.at).toLocaleString("en")}.`;
    return line(id, [words], ["Use the draft", use], ["Keep the page's", () => {}]);
  }
  const what = [head.total ? `You downloaded ${changes} as ` : `You saved ${changes} to `, stranger(head.saved)];
  const older = isOfThis
    ? ". This page was made before that, and does not show them: vtn-stream report makes it again."
    : ". This page is of another version of the timeline.";
  const show = () => { offer(each, changes); chooseFile((file) => openFile(file, each)); };
  if (!head.total && !notes.includes(id)) notes.push(id);
  if (!head.total) return line(id, [...what, older], ["Open the saved file…", show], ["Close", () => {}]);
  const forget = () => dropDrafts(store, film, id).catch(notKept);
  line(id, [...what, older], ["Show them here", use], ["Forget the draft", forget]);
}

/** What was saved later says more. */
function dropNotes() {
  for (const id of notes.splice(0)) {
    line(id);
    dropDrafts(store, film, id).catch(notKept);
  }
}

/** Takes all changes back and keeps no draft of them. */
function discard() {
  while (undo());
  pauseDraft();
  dropDrafts(store, film, draft.id).catch(notKept);
  line("drafts", ["The draft is discarded. Until you leave this page, redo brings its changes back."]);
}
