/* What this phone keeps: in IndexedDB, shared by the pages and the worker, and gone when the person clears it.
 *
 * - `places` (by code): {code, name, zone, up, down, loud (by step), phases}; `seen` (by event_id): the newest version of each event;
 *   `notices` (by event_id): the newest message; `answers` and `receipts` (by id): what is on its way to the server;
 *   `one` (by name): settings, the subscription, the words, my shelter, the last proof of waking.
 * - Nothing of it leaves the phone but what a person sends. Where there is no IndexedDB, everything is as on a first visit.
 */

const STORES = { places: "code", seen: "event_id", notices: "event_id", answers: "id", receipts: "id", one: "name" };
let opening = null;

function open() {
  opening ??= new Promise((resolve, reject) => {
    const asked = indexedDB.open("tocsin", 2);
    asked.onupgradeneeded = () => {
      for (const [name, key] of Object.entries(STORES)) {
        if (!asked.result.objectStoreNames.contains(name)) asked.result.createObjectStore(name, { keyPath: key });
      }
    };
    asked.onsuccess = () => {
      // A newer page must not wait for an older one that is still open.
      asked.result.onversionchange = () => {
        asked.result.close();
        opening = null;
      };
      resolve(asked.result);
    };
    asked.onerror = () => reject(asked.error);
  });
  return opening;
}

async function run(stores, mode, work) {
  const base = await open();
  return new Promise((resolve, reject) => {
    const transaction = base.transaction(stores, mode);
    const asked = work(...[stores].flat().map((store) => transaction.objectStore(store)));
    // A write counts when it is on the disk and not when it was asked for.
    transaction.oncomplete = () => resolve(asked?.result);
    transaction.onerror = transaction.onabort = () => reject(transaction.error);
  });
}

export const get = (store, key) => run(store, "readonly", (kept) => kept.get(key));
export const all = (store) => run(store, "readonly", (kept) => kept.getAll());
export const put = (store, value) => run(store, "readwrite", (kept) => kept.put(value));
export const drop = (store, key) => run(store, "readwrite", (kept) => kept.delete(key));
export const clear = (store) => run(store, "readwrite", (kept) => kept.clear());

/** The value kept under `name`, or `other` where there is none. */
export async function one(name, other = null) {
  return (await get("one", name))?.value ?? other;
}

/** Keep `value` under `name`. */
export const keep = (name, value) => put("one", { name, value });

/** Put `next` of what is kept under `key` in its place, unless it is undefined; returns what was there. Nothing comes between
 *  the look and the writing, in whatever page or worker else this is done at the same time. What `next` gives to its second
 *  argument is put into the store `beside` in the same step. */
export async function exchange(store, key, next, beside) {
  let before;
  await run(beside ? [store, beside] : [store], "readwrite", (kept, other) => {
    const asked = kept.get(key);
    asked.onsuccess = () => {
      before = asked.result;
      const after = next(before, (value) => other.put(value));
      if (after !== undefined) kept.put(after);
    };
  });
  return before;
}
