/**
 * An answer that is not lost: kept on this phone with its own time until the server has it.
 *
 * - The page works without this; with it a tap counts from its own moment, also without a connection.
 * - What is kept is in the same store as the app's: this page, the app and the worker send it, whichever is first able to.
 * - A phone that keeps nothing (a private window) still has this page: it sends from memory, again and again.
 */

import { keep, one } from "./app/keep.js";
import { answered, answering, answers, hurry, sendAll } from "./app/outbox.js";

const AGAIN_MS = 5000;

const form = document.getElementById("answer");
const told = document.getElementById("told");
// Shown without a network the page knows its link from nothing but its own address.
const token = form.dataset.token || decodeURIComponent(location.pathname.split("/")[2] || "");
let mine = "";
let memory = null;
let again = 0;

function say(word) {
  told.textContent = told.dataset[word];
  told.hidden = false;
}

/** Send what waits, and say what became of the newest answer of this page. */
async function flush() {
  clearTimeout(again);
  let waits = false;
  try {
    if (memory) await fromMemory();
    else await sendAll();
  } catch {
    waits = true;
  }
  const last = mine ? await answered(mine).catch(() => null) : null;
  if (last?.refused || memory?.refused) return say("refused");
  if (last?.sent || memory?.sent) return location.reload();
  if (mine || memory) say("kept");
  if (waits) again = setTimeout(flush, AGAIN_MS);
}

async function fromMemory() {
  const { says, at } = memory;
  const body = JSON.stringify({ token, says, at, sent_at: new Date().toISOString() });
  const taken = await fetch("/v1/answers", { method: "POST", headers: { "content-type": "application/json" }, body });
  if (taken.status === 429 || taken.status >= 500) throw new Error("later");
  memory = { ...memory, sent: taken.ok, refused: !taken.ok };
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const says = event.submitter.value;
  say("sending");
  try {
    mine = await answering(token, says);
    memory = null;
    await hurry();
  } catch {
    memory = { says, at: new Date().toISOString() };
  }
  await flush();
});
/** Where the app on this phone is set up, its person may be asked there as well: by their own act, and no other way. */
async function offer() {
  const app = await one("subscription").catch(() => null);
  const card = document.getElementById("device");
  if (!app || !card) return;
  const [join, leave, said] = ["device-join", "device-leave", "device-told"].map((id) => document.getElementById(id));
  const show = async () => {
    const joined = (await one("joined").catch(() => null)) === app.id;
    [join.hidden, leave.hidden, card.hidden] = [joined, !joined, false];
  };
  const wish = async (wanted) => {
    const body = JSON.stringify({ token, subscription: app.id, secret: app.secret, wanted });
    const headers = { "content-type": "application/json" };
    const taken = await fetch("/v1/answers/device", { method: "POST", headers, body }).catch(() => null);
    if (taken?.ok) await keep("joined", wanted ? app.id : "").catch(() => {});
    said.textContent = taken?.ok ? (wanted ? card.dataset.joined : card.dataset.left) : card.dataset.failed;
    said.hidden = false;
    await show();
    (wanted && taken?.ok ? leave : join).focus();
  };
  join.addEventListener("click", () => wish(true));
  leave.addEventListener("click", () => wish(false));
  await show();
}

addEventListener("online", flush);
document.addEventListener("visibilitychange", () => document.hidden || flush());

(async () => {
  // The app shows the question as well, for a day, to whoever opens it instead of the link.
  await keep("asked", { token, at: Date.now() }).catch(() => {});
  const waiting = (await answers().catch(() => [])).find((one) => one.token === token && !one.sent);
  if (waiting) mine = waiting.id;
  await flush();
  await offer();
  // With the worker an answer goes out also when this page is closed.
  navigator.serviceWorker?.register("/sw.js").catch(() => {});
})();
