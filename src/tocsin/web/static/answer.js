/**
 * An answer that is not lost: kept on this phone with its own time until the server has it.
 *
 * - The page works without this; with it a tap counts from its own moment, also without a connection.
 * - What is kept is sent oldest first, again and again, and forgotten when the server says that it is on disk.
 * - The clock of the phone may be wrong: what it shows at the tap and while sending go together, and only their
 *   difference counts.
 */

const AGAIN_MS = 5000;

const form = document.getElementById("answer");
const told = document.getElementById("told");
const token = form.dataset.token;
const key = `tocsin-answer-${token}`;
let busy = false;
let memory = [];

function kept() {
  try {
    return JSON.parse(localStorage.getItem(key) || "[]");
  } catch {
    return memory; // A browser that keeps nothing still has this page.
  }
}

function keep(list) {
  memory = list;
  try {
    if (list.length) localStorage.setItem(key, JSON.stringify(list));
    else localStorage.removeItem(key);
  } catch {
    // Private windows may refuse; the page itself remembers.
  }
}

function say(word) {
  told.textContent = told.dataset[word];
  told.hidden = false;
}

async function post(item) {
  const body = { token, says: item.says };
  if (item.at) Object.assign(body, { at: item.at, sent_at: new Date().toISOString() });
  return fetch("/v1/answers", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(20000),
  });
}

async function flush() {
  if (busy || !kept().length) return;
  busy = true;
  let sent = false;
  let refused = false;
  try {
    while (kept().length) {
      const [item] = kept();
      const answer = await post(item);
      if (answer.ok) {
        sent = true;
      } else if (answer.status === 422 && item.at) {
        keep([{ says: item.says }, ...kept().slice(1)]); // Its time does not fit; what it says must not be lost.
        continue;
      } else if (answer.status === 429 || answer.status >= 500) {
        throw new Error("later");
      } else {
        refused = true;
      }
      keep(kept().slice(1));
    }
  } catch {
    say("kept");
    setTimeout(flush, AGAIN_MS);
  } finally {
    busy = false;
  }
  if (refused) say("refused");
  else if (sent && !kept().length) location.reload();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  keep([...kept(), { says: event.submitter.value, at: new Date().toISOString() }]);
  say("sending");
  flush();
});
addEventListener("online", flush);
document.addEventListener("visibilitychange", () => document.hidden || flush());
if (kept().length) say("kept");
flush();
