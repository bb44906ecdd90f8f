/* The page on which somebody chooses to be warned: places, loudness, subscription, the proof of waking, answers.
 *
 * - Three taps: "warn me on this phone" on a place's page, the button here, the browser's own question. One tap ends it.
 * - What is shown of a place is what the server says now; without contact it is unknown, with the last known beside it.
 * - Nothing is claimed that the phone did not do: a proof has a date, and an answer that waits says that it waits.
 */

import { all, clear, drop, get, keep, one, put, seen } from "./keep.js";
import { file, judge, relations, stamp } from "./message.js";
import { lost, settle } from "../phase.js";

const main = document.getElementById("main");
const by = (id) => document.getElementById(id);
const say = (key, values = {}) => {
  const text = main.dataset[key] ?? "";
  return text.replace(/{(\w+)}/g, (whole, name) => values[name] ?? whole);
};
const language = document.documentElement.lang;
const words = JSON.parse(by("words").textContent);
const beat = Number(main.dataset.beat) * 1000;
const contact = new Map(); // by place: when its state was last answered
const states = new Map();
let registration = null;

const word = (phase) => main.getAttribute(`data-phase-${phase}`) ?? phase;
const time = (at) => new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" }).format(at);

function tell(text, loud = false) {
  by(loud ? "loud" : "soft").textContent = text;
}

/* --- places --------------------------------------------------------------------------------------------------- */

async function watch(code) {
  const answer = await fetch(`/app/place/${encodeURIComponent(code)}?lang=${language}`, { cache: "no-cache" });
  if (!answer.ok) throw new Error(String(answer.status));
  const { phases: texts, ...about } = await answer.json();
  const before = await get("places", about.code);
  await put("places", { loud: "sound", phases: [], ...before, ...about, texts });
  // What is needed without a network is fetched while there is one.
  for (const address of [`/at/${encodeURIComponent(about.code)}`, `/v1/shelters/offline/${encodeURIComponent(about.code)}.json`]) {
    fetch(address).catch(() => {});
  }
  return about.code;
}

async function look(place) {
  try {
    const answer = await fetch(`/at/${encodeURIComponent(place.code)}.json?lang=${language}`, {
      cache: "no-cache", signal: AbortSignal.timeout(6000),
    });
    if (!answer.ok) throw new Error(String(answer.status));
    states.set(place.code, await answer.json());
    contact.set(place.code, Date.now());
    await put("one", { name: `state ${place.code}`, value: { ...states.get(place.code), kept: Date.now() } });
  } catch {
    if (!states.has(place.code)) {
      const kept = await one(`state ${place.code}`);
      if (kept) states.set(place.code, kept);
    }
  }
}

/** The phase of a place as this phone may say it: without contact it is unknown, whatever was last known. */
function standing(place) {
  const state = states.get(place.code);
  if (!state) return { phase: "unknown", last: "unknown" };
  const fresh = !lost(contact.get(place.code) ?? null, Date.now(), beat);
  return settle({ phase: state.phase, ends: null, last: state.phase }, Date.now(), fresh);
}

async function draw() {
  const places = await all("places");
  const list = by("places");
  list.replaceChildren(...places.map((place) => {
    const item = by("place").content.cloneNode(true).firstElementChild;
    const { phase, last } = standing(place);
    item.dataset.phase = phase;
    item.querySelector("a").href = `/at/${encodeURIComponent(place.code)}?lang=${language}`;
    item.querySelector("a").textContent = place.name;
    item.querySelector(".word").textContent = word(phase);
    const state = states.get(place.code);
    const known = item.querySelector(".known");
    const heard = contact.get(place.code) ?? (state?.kept || null);
    known.textContent = phase === "unknown" && state
      ? say("last", { word: word(last), time: heard ? time(heard) : "–" })
      : heard ? say("checked", { time: time(heard) }) : say("never");
    const loud = item.querySelector("select");
    loud.value = place.loud || "sound";
    loud.setAttribute("aria-label", `${say("loud")}: ${place.name}`);
    loud.addEventListener("change", async () => {
      await put("places", { ...(await get("places", place.code)), loud: loud.value });
      tell(`${place.name}: ${loud.selectedOptions[0].textContent}`);
    });
    const out = item.querySelector("button");
    out.setAttribute("aria-label", `${out.textContent}: ${place.name}`);
    out.addEventListener("click", async () => {
      await drop("places", place.code);
      await subscribe(true);
      await draw();
    });
    return item;
  }));
  by("none").hidden = places.length > 0;
  by("warn").disabled = places.length === 0;
}

/* --- the subscription ------------------------------------------------------------------------------------------- */

const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));

/** Subscribe for all watched places. `only`: change a subscription that there is, but begin none. */
async function subscribe(only = false) {
  const before = await one("subscription");
  if (only && !before) return;
  const places = await all("places");
  if (!places.length) return end();
  let given = await registration?.pushManager?.getSubscription();
  if (!given) {
    if (only) return;
    if ((await Notification.requestPermission()) !== "granted") return tell(say("refused"), true);
    given = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes(main.dataset.pushKey) });
  }
  const { endpoint, keys } = given.toJSON();
  const answer = await fetch("/v1/subscriptions", {
    method: "POST",
    headers: { "content-type": "application/json", "idempotency-key": crypto.randomUUID() },
    body: JSON.stringify({ channel: "webpush", endpoint, keys, areas: places.map((place) => place.code), languages: [language] }),
  });
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).detail || String(answer.status));
  const { id, secret } = await answer.json();
  await keep("subscription", { id, secret, since: Date.now(), places: places.map((place) => place.code) });
  // The new one holds before the old one ends: nobody is unwarned in between.
  if (before) await forget(before);
  await shown();
}

async function forget({ id, secret }) {
  await fetch(`/v1/subscriptions/${encodeURIComponent(id)}`, { method: "DELETE", headers: { authorization: `Bearer ${secret}` } });
}

/** End everything that was subscribed here: one tap. */
async function end() {
  const before = await one("subscription");
  if (before) await forget(before);
  await drop("one", "subscription");
  await (await registration?.pushManager?.getSubscription())?.unsubscribe();
  await shown();
}

async function shown() {
  const there = await one("subscription");
  document.body.dataset.warned = there ? "yes" : "no";
  by("since").textContent = there ? say("since", { time: time(there.since) }) : "";
  const proof = await one("proof");
  const days = proof ? (Date.now() - proof.at) / 86400000 : Infinity;
  by("proved").textContent = proof
    ? say(days > 30 ? "old" : "proved", { time: time(proof.at), seconds: proof.took ? (proof.took / 1000).toFixed(1) : "–" })
    : say("unproved");
  by("proved").classList.toggle("due", days > 30);
  by("can").hidden = "serviceWorker" in navigator && "PushManager" in window && Boolean(main.dataset.pushKey);
}

/** Ask for a test message and wait for it: the proof that this phone can be woken. */
async function prove() {
  const there = await one("subscription");
  if (!there) return;
  const began = Date.now();
  const test = crypto.randomUUID();
  tell(say("proving"));
  const came = new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error("late")), 60000);
    navigator.serviceWorker.addEventListener("message", function heard({ data }) {
      if (data?.kind !== "proof") return;
      clearTimeout(late);
      navigator.serviceWorker.removeEventListener("message", heard);
      resolve(data);
    });
  });
  const answer = await fetch(`/v1/subscriptions/${encodeURIComponent(there.id)}/test`, {
    method: "POST",
    headers: { authorization: `Bearer ${there.secret}`, "content-type": "application/json" },
    body: JSON.stringify({ test }),
  });
  if (!answer.ok) return tell(say("unproven"), true);
  try {
    await came;
    await keep("proof", { at: Date.now(), took: Date.now() - began, test });
    tell(say("woken"));
  } catch {
    tell(say("unproven"), true);
  }
  await shown();
}

/* --- sounds, settings, answers -------------------------------------------------------------------------------- */

const playing = new Audio();

function play(name) {
  playing.src = `/sound/${name}.wav`;
  return playing.play().catch(() => {});
}

async function settings() {
  const kept = await one("settings", { languages: [language], discreet: false, low: false });
  for (const name of ["discreet", "low"]) {
    const box = by(name);
    box.checked = Boolean(kept[name]);
    box.addEventListener("change", async () => {
      const now = { ...(await one("settings", {})), languages: [language], [name]: box.checked };
      await keep("settings", now);
      saving(now.low);
    });
  }
  await keep("settings", { ...kept, languages: [language] });
  await keep("words", words);
  saving(kept.low);
}

/** Low battery: dark, still, and asked for less often. */
function saving(on) {
  document.body.toggleAttribute("data-low", Boolean(on));
}

async function battery() {
  const found = await navigator.getBattery?.();
  if (!found) return;
  const set = async () => saving((await one("settings", {})).low || (!found.charging && found.level < 0.2));
  found.addEventListener("levelchange", set);
  found.addEventListener("chargingchange", set);
  await set();
}

/** Keep an answer with its own time and send it as soon as there is a way; it is never lost and never sent twice. */
async function answer(state) {
  const asked = JSON.parse(sessionStorage.getItem("asked") || "null");
  if (!asked) return;
  const id = crypto.randomUUID();
  await put("answers", { id, body: { ...asked, state, at: new Date().toISOString() }, given: Date.now(), state, sent: null });
  await hurry();
  await answers();
}

async function hurry() {
  const ready = await navigator.serviceWorker?.ready;
  if (ready?.sync) await ready.sync.register("answers").catch(() => ready.active?.postMessage({ kind: "answers" }));
  else ready?.active?.postMessage({ kind: "answers" });
}

async function answers() {
  const given = (await all("answers")).sort((a, b) => b.given - a.given);
  by("answers").replaceChildren(...given.slice(0, 5).map((one) => {
    const item = document.createElement("li");
    const word = say(one.state === "safe" ? "safe" : "help");
    item.textContent = `${word}, ${time(one.given)}: ${one.refused ? say("answerrefused") : one.sent ? say("answersent", { time: time(one.sent) }) : say("answerwaits")}`;
    return item;
  }));
}

/** Why a message came: which place, which area, when, by which way. */
async function why() {
  const id = new URLSearchParams(location.hash.slice(1)).get("why");
  if (!id) return;
  const notice = await get("notices", id);
  const part = by("why");
  part.hidden = false;
  part.querySelector("p").textContent = notice
    ? notice.why.map(({ name, why }) => say("because", {
      place: name, areas: why.map(({ area }) => area).filter(Boolean).join(", ") || "*", time: time(notice.received),
    })).join(" ") || say("becausenone", { time: time(notice.received) })
    : say("becauselost");
}

async function heard({ data }) {
  if (data?.kind === "notice") {
    if (data.sound) play(data.sound);
    for (const place of await all("places")) await look(place);
    await draw();
  } else if (data?.kind === "answered") await answers();
}

async function start() {
  if ("serviceWorker" in navigator) {
    navigator.serviceWorker.addEventListener("message", heard);
    registration = await navigator.serviceWorker.register("/sw.js").catch(() => null);
    if (registration) registration = await navigator.serviceWorker.ready;
  }
  await settings();
  const wanted = new URLSearchParams(location.search).get("place");
  if (wanted && !(await get("places", wanted))) await watch(wanted).catch(() => tell(say("unknownplace"), true));
  const asked = new URLSearchParams(location.search);
  if (asked.get("ask")) sessionStorage.setItem("asked", JSON.stringify({ event: asked.get("event"), token: asked.get("ask") }));
  by("asked").hidden = !sessionStorage.getItem("asked");
  await draw();
  await Promise.all((await all("places")).map(look));
  await draw();
  await shown();
  await answers();
  await why();
  await battery();
  hurry();
  setInterval(async () => {
    if (document.hidden) return;
    await Promise.all((await all("places")).map(look));
    await draw();
  }, document.body.hasAttribute("data-low") ? 4 * beat : beat);
}

const failed = (wrong) => tell(`${say("failed")} ${wrong.message}`, true);
by("warn").addEventListener("click", () => subscribe().catch(failed));
by("stop").addEventListener("click", () => end().catch(failed));
by("prove").addEventListener("click", () => prove().catch(failed));
by("safe").addEventListener("click", () => answer("safe").catch(failed));
by("help").addEventListener("click", () => answer("help").catch(failed));
for (const button of document.querySelectorAll("[data-sound]")) button.addEventListener("click", () => play(button.dataset.sound));
by("find").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = by("q").value.trim();
  if (!text) return;
  const answer = await fetch(`/v1/places?q=${encodeURIComponent(text)}&lang=${language}&limit=6`).catch(() => null);
  const { places = [] } = answer?.ok ? await answer.json() : {};
  by("found").replaceChildren(...places.map((place) => {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = place.name;
    button.addEventListener("click", async () => {
      await watch(place.code).catch(failed);
      by("found").replaceChildren();
      by("q").value = "";
      await subscribe(true).catch(failed);
      await Promise.all((await all("places")).map(look));
      await draw();
    });
    item.append(button);
    return item;
  }));
  if (!places.length) tell(say("nothing"), true);
});
addEventListener("hashchange", why);
start().catch(failed);

export { answer, draw, file, judge, play, relations, seen, settle, stamp, clear };
