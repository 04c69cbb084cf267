/* Several open pages of one film: they tell each other, and each keeps its own draft.

   A page holds a lock on its draft as long as it is open, however it ends: what is not locked, nobody works on. Messages
   come from any page of the same origin, so that they are believed in nothing but a number to show. */

const others = new Map(); // drafts of other open pages of this film -> how many unsaved changes they have
const MOST_PAGES = 50, MOMENT = 300; // ms
let channel;

/** Locks a draft for this page; gives whether it could. steal: takes it from another page. A page that was just left may
    still hold it for a moment. */
function lockDraft(each, steal = false) {
  each.release = () => {};
  if (!navigator.locks) return Promise.resolve(true); // pages without a secure origin: revisions keep them apart
  return new Promise((done) => {
    const held = new Promise((release) => { each.release = release; });
    navigator.locks.request(`${STORE} ${each.id}`, steal ? { steal } : { signal: AbortSignal.timeout(MOMENT) }, () => {
      done(true);
      return held;
    }).catch((error) => {
      done(error?.name !== "TimeoutError"); // else locks are forbidden, or it was taken later
      if (error?.name === "AbortError" && draft.id === each.id) taken();
    });
  });
}

/** Another page took the draft of this one. */
function taken() {
  pauseDraft();
  draft = { id: newId(), revision: 0, kept: NOTHING, release: () => {} };
  lockDraft(draft);
  announce();
  line("taken", ["Another page took over what was changed here: go on there. What you change here from now on is another draft."]);
}

async function takeOver(id) {
  const each = { id };
  await lockDraft(each, true);
  try {
    Object.assign(each, await latest(id));
    if (!each.head?.total) throw new Error("the other page has no unsaved changes");
    others.delete(id);
    showOthers();
    const words = `${plural(each.head.done, "change")} taken over from the other page.`;
    if (await useDraft(each)) line("drafts", [words], ["Save", () => save()]);
  } catch (error) {
    each.release();
    line("drafts", [`Nothing was taken over: ${error.message}.`]);
  }
}

function showOthers() {
  if (!others.size) return line("others");
  const [id, changes] = [...others].reduce((most, each) => (each[1] > most[1] ? each : most));
  const what = changes ? `with ${plural(changes, "unsaved change")}` : "with nothing unsaved";
  const words = [`This film is open in ${others.size > 1 ? `${others.size} other pages` : "another page"} too, ${what}. Go on in one of them: saving one does not save the other.`];
  line("others", words, ...(changes ? [["Take its changes over", () => takeOver(id)]] : []));
}

const announce = (what = {}) => channel?.postMessage({ film, id: draft.id, changes: isUnsaved() ? history.done.length : 0, ...what });

function hear({ data: message }) {
  if (message === null || typeof message !== "object") return;
  const { id, changes, forgotten } = message;
  if (Array.isArray(forgotten) && (!forgotten.length || forgotten[0] === film)) {
    pauseDraft();
    return line("drafts", ["Another page had the drafts forgotten. What is unsaved here is in this page only."]);
  }
  if (message.film !== film || typeof id !== "string" || id.length > 64 || id === draft.id) return;
  if (message.bye) others.delete(id);
  else if (others.size < MOST_PAGES || others.has(id)) others.set(id, Number.isSafeInteger(changes) && changes > 0 ? changes : 0);
  if (message.hello) announce();
  showOthers();
}

try {
  channel = new BroadcastChannel(STORE);
  channel.addEventListener("message", hear);
} catch { /* not in this browser: locks and revisions are enough */ }
