/* Where drafts are kept: IndexedDB, which may be absent, forbidden or full. Knows keys and texts; what they mean,
   edit.drafts.js knows.

   heads  [film, id, revision] -> what a draft is of, and how many changes it has
   parts  [film, id, n] -> text: at -1 the timeline that the changes begin with, then a change each

   A write adds the next revision and takes the one before away. Where another page has added that revision meanwhile,
   `add` fails, and the whole write with it: a page never writes over what it has not read. Nothing in a write waits for
   an answer, so that it is done even where the page is left at once. */

const STORE = "vtn-stream drafts", BEHIND = []; // as a key, an array comes after every text and number
let opening; // the promise of the store

const keysOf = (...key) => IDBKeyRange.bound(key, [...key, BEHIND]);

function openStore() {
  opening ??= new Promise((done, fail) => {
    if (!indexedDB) return fail({ name: "it has no store" });
    const asked = indexedDB.open(STORE, 1);
    asked.onupgradeneeded = () => ["heads", "parts"].forEach((name) => asked.result.createObjectStore(name));
    asked.onblocked = () => fail({ name: "another page holds them" });
    asked.onerror = (event) => { event.preventDefault(); fail(asked.error); };
    asked.onsuccess = () => {
      const store = asked.result, lost = () => { opening = undefined; };
      store.onclose = lost;
      store.onversionchange = () => { store.close(); lost(); };
      done(store);
    };
  });
  opening.catch(() => { opening = undefined; }); // the next edit tries again
  return opening;
}

/** Does `work`, which returns requests, wholly or not at all; gives what the requests found. */
function transact(store, mode, work) {
  return new Promise((done, fail) => {
    const transaction = store.transaction(["heads", "parts"], mode, { durability: "strict" });
    let requests = [];
    transaction.oncomplete = () => done(requests.map(({ result }) => result));
    transaction.onabort = () => fail(transaction.error ?? { name: "it stopped the write" });
    requests = work(transaction.objectStore("heads"), transaction.objectStore("parts"));
    if (mode === "readwrite") transaction.commit();
  });
}

/** Writes a draft's head as its `revision`, and its parts from number `first` on; gives how many parts there are. */
async function putDraft(store, [film, id, revision], head, first, texts) {
  const [num] = await transact(store, "readwrite", (heads, parts) => {
    heads.add(head, [film, id, revision]);
    heads.delete(IDBKeyRange.bound([film, id], [film, id, revision], false, true));
    parts.delete(IDBKeyRange.bound([film, id, first], [film, id, BEHIND]));
    texts.forEach((text, k) => parts.put(text, [film, id, first + k]));
    return [parts.count(keysOf(film, id))];
  });
  return num;
}

/** Deletes the drafts whose keys begin so: all, a film's, or one. */
const dropDrafts = (store, ...key) => transact(store, "readwrite", (heads, parts) => {
  heads.delete(keysOf(...key));
  parts.delete(keysOf(...key));
  return [];
});

/** [key, head] of all drafts whose keys begin so. */
async function headsOf(store, ...key) {
  const [keys, values] = await transact(store, "readonly", (heads) => [
    heads.getAllKeys(keysOf(...key)), heads.getAll(keysOf(...key)),
  ]);
  return keys.map((each, k) => [each, values[k]]);
}

async function partsOf(store, film, id) {
  const [texts] = await transact(store, "readonly", (_, parts) => [parts.getAll(keysOf(film, id))]);
  return texts;
}
