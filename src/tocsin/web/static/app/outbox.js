/* What is on its way from this phone to the server: answers to roll calls, and receipts. Kept until it is taken.
 *
 * - An answer has the time of its tap. What is sent is made once, before the first try, and is the same to the last byte in
 *   every try after it: the server knows it again, so it is never lost and never counted twice.
 * - The clock of the phone may be wrong: its difference from the server's is measured when there is contact, and only then
 *   is the time written down for good.
 * - What is refused for good is said to the person, and not sent for ever. A link's secret is forgotten once it was used.
 */

import { all, drop, exchange, get, one, put } from "./keep.js";

const PATIENCE = 20000;
const SAME_MS = 3000; // Two clocks that differ by less are the same.
const SHOWN_FOR = 7 * 86400000;

const later = (status) => status === 408 || status === 429 || status >= 500;

/** Keep an answer; `says` is safe, needs-help or out-of-area. */
export async function answering(token, says) {
  const id = crypto.randomUUID();
  await put("answers", { id, token, says, given: Date.now(), body: "", sent: null, refused: "" });
  return id;
}

/** Wake whoever sends: the worker where it is told of a network that is back, else at once. */
export async function hurry() {
  const ready = await Promise.race([navigator.serviceWorker?.ready, new Promise((done) => setTimeout(done, 300))]);
  await ready?.sync?.register("outbox").catch(() => {});
}

/** Send everything that waits. Returns what became of it: [{id, ok}]; throws when something is still waiting. */
export async function sendAll() {
  if (!navigator.locks) return flush();
  // A page and the worker may both be at it; each letter is posted by one of them.
  return navigator.locks.request("outbox", flush);
}

async function flush() {
  const done = [];
  let waits = 0;
  const waiting = (await all("answers")).sort((a, b) => a.given - b.given);
  for (const answer of waiting) {
    if (answer.sent) {
      if (Date.now() - answer.sent > SHOWN_FOR) await drop("answers", answer.id);
      continue;
    }
    const status = await post(answer).catch(() => 0);
    if (status === 0 || later(status)) {
      waits += 1;
      // What was said later must not be overtaken: the last word is the one that counts.
      break;
    }
    const ok = status < 300;
    await put("answers", { ...answer, token: "", body: "", sent: Date.now(), refused: ok ? "" : String(status) });
    done.push({ id: answer.id, ok });
  }
  waits += await receipts();
  if (waits) throw Object.assign(new Error("some wait"), { done });
  return done;
}

async function post(answer) {
  let { body } = answer;
  if (!body) {
    body = JSON.stringify({ token: answer.token, says: answer.says, at: new Date(answer.given + (await skew())).toISOString() });
    await put("answers", { ...answer, body });
  }
  const taken = await letter("/v1/answers", body, { "idempotency-key": answer.id });
  if (taken.status !== 422 || !JSON.parse(body).at) return taken.status;
  // Its time does not fit; what it says must not be lost.
  const bare = JSON.stringify({ token: answer.token, says: answer.says });
  await put("answers", { ...answer, body: bare });
  return (await letter("/v1/answers", bare, { "idempotency-key": `${answer.id}-2` })).status;
}

function letter(address, body, headers) {
  return fetch(address, {
    method: "POST", body, headers: { "content-type": "application/json", ...headers }, signal: AbortSignal.timeout(PATIENCE),
  });
}

/** How far the server's clock is ahead of this one in milliseconds; 0 where they are the same. */
async function skew() {
  const began = Date.now();
  const head = await fetch("/v1/journal/head", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
  const ahead = head.ok ? Date.parse((await head.json()).as_of) - (began + Date.now()) / 2 : 0;
  return Math.abs(ahead) > SAME_MS ? Math.round(ahead) : 0;
}

/** Keep a receipt for an alert that came by push: `level` is shown or answered. */
export async function receipt(alert, level) {
  if (alert && (await one("subscription"))) {
    const id = `${alert} ${level}`;
    await exchange("receipts", id, (kept) => kept ?? { id, alert, level, at: Date.now() });
  }
}

async function receipts() {
  const mine = await one("subscription");
  let waits = 0;
  for (const { id, alert, level, at } of await all("receipts")) {
    // Nobody asks after three days who saw a warning.
    if (!mine || Date.now() - at > 3 * 86400000) {
      await drop("receipts", id);
      continue;
    }
    const body = JSON.stringify({ alert, subscription: mine.id, level });
    const told = await letter("/v1/receipts", body, { authorization: `Bearer ${mine.secret}` }).catch(() => null);
    if (!told || later(told.status)) waits += 1;
    else await drop("receipts", id);
  }
  return waits;
}

/** The answers of this phone, newest first. */
export async function answers() {
  return (await all("answers")).sort((a, b) => b.given - a.given);
}

/** What became of one answer. */
export const answered = (id) => get("answers", id);
