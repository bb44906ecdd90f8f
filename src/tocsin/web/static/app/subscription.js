/* The subscription of this phone: what the server is told, and how it is kept true.
 *
 * - The server learns a push address, area codes, how loud each is in which phase, and the languages; nothing else.
 * - A change is put in place of what was wanted. Only another push address makes another subscription, and the new one holds
 *   before the old one ends: nobody is unwarned in between, and roll calls that ask here go on asking here.
 * - What could not be ended is ended on the next occasion.
 */

import { all, drop, keep, one } from "./keep.js";
import { level } from "./message.js";

const LEVEL = { loud: "loud", sound: "ordinary", silent: "silent" };
const TOLD_BY = { act: ["act", "hold", "retracted"], prepare: ["prepare"], "all-clear": ["all-clear"] };

/** How loud `place` is, as the server keeps it. */
export function loudness(place) {
  return Object.entries(TOLD_BY).map(([step, phases]) => ({ level: LEVEL[level(place, step)], phases }));
}

/** What is wanted of the server for these places. */
export function wish(places, languages) {
  return {
    places: places.map((place) => ({ area: place.code, loudness: loudness(place) })),
    languages,
  };
}

async function call(method, address, secret, body) {
  const headers = secret ? { authorization: `Bearer ${secret}` } : {};
  if (body) headers["content-type"] = "application/json";
  if (method === "POST") headers["idempotency-key"] = crypto.randomUUID();
  const answer = await fetch(address, { method, headers, body: body && JSON.stringify(body) });
  if (answer.ok || answer.status === 404) return answer;
  throw new Error((await answer.json().catch(() => ({}))).detail || String(answer.status));
}

/** One change at a time, in whatever page or worker: two at once would make two subscriptions. */
function alone(work) {
  return navigator.locks ? navigator.locks.request("subscription", work) : work();
}

/** Have the server warn `given` (a PushSubscription) of all watched places. */
export const hold = (given) => alone(() => held(given));

async function held(given) {
  const places = await all("places");
  const { languages = ["en"] } = await one("settings", {});
  const before = await one("subscription");
  const { endpoint, keys } = given.toJSON();
  const wanted = wish(places, languages);
  const codes = places.map((place) => place.code);
  if (before && before.endpoint === endpoint) {
    const changed = await call("PUT", `/v1/subscriptions/${encodeURIComponent(before.id)}`, before.secret, wanted);
    if (changed.ok) return keep("subscription", { ...before, places: codes });
  }
  const replaces = before ? { id: before.id, secret: before.secret } : undefined;
  const made = await call("POST", "/v1/subscriptions", "", { channel: "webpush", endpoint, keys, replaces, ...wanted });
  if (!made.ok) throw new Error(String(made.status));
  const { id, secret } = await made.json();
  if (before) {
    await keep("ended", [...(await one("ended", [])), replaces]);
    if ((await one("joined")) === before.id) await keep("joined", id);
  }
  await keep("subscription", { id, secret, endpoint, since: before?.since ?? Date.now(), places: codes });
  await tidy();
}

/** End what was wanted: here at once, on the server as soon as it can be told. */
export const release = () => alone(released);

async function released() {
  const before = await one("subscription");
  if (!before) return;
  await keep("ended", [...(await one("ended", [])), { id: before.id, secret: before.secret }]);
  await drop("one", "subscription");
  await tidy();
}

/** End on the server what has ended here. */
export async function tidy() {
  const left = [];
  for (const old of await one("ended", [])) {
    await call("DELETE", `/v1/subscriptions/${encodeURIComponent(old.id)}`, old.secret).catch(() => left.push(old));
  }
  await keep("ended", left);
}

/** Whether what the phone has is what the server was told: its push address, and all its places. */
export async function agreed(given) {
  const mine = await one("subscription");
  if (!mine) return true;
  const codes = (await all("places")).map((place) => place.code);
  return Boolean(given) && mine.endpoint === given.toJSON().endpoint && codes.join() === (mine.places || []).join();
}

/** Ask for a test message: "sent", "soon" (one was just sent) or "no". */
export async function trial() {
  const mine = await one("subscription");
  if (!mine) return "no";
  const answer = await fetch(`/v1/subscriptions/${encodeURIComponent(mine.id)}/test`, {
    method: "POST", headers: { authorization: `Bearer ${mine.secret}` },
  });
  if (answer.status === 429) return "soon";
  return answer.ok && (await answer.json()).outcome === "accepted" ? "sent" : "no";
}
