/* The page on which somebody chooses to be warned: places, loudness, subscription, the proof of waking, answers.
 *
 * - Three taps: "warn me on this phone" on a place's page, the button here, the browser's own question. One tap ends it.
 * - Nothing is claimed that the phone did not do: a proof has a date, and an answer that waits says that it waits.
 * - What arrives while the page is open sounds here if it may, and else by the phone's own list of messages.
 */

import { options } from "./arrive.js";
import { all, drop, get, keep, one, put } from "./keep.js";
import { file } from "./message.js";
import { asks, card, leave, mine, walk } from "./mine.js";
import { answering, answers as given, hurry, sendAll } from "./outbox.js";
import { Places } from "./places.js";
import { real } from "./real.js";
import { agreed, hold, release, tidy, trial } from "./subscription.js";

const MONTH_DAYS = 30, DAY_MS = 86400000, TEST_MS = 60000;
const main = document.getElementById("main");
const by = (id) => document.getElementById(id);
const say = (key, values = {}) => {
  const text = main.dataset[key] ?? "";
  return text.replace(/{(\w+)}/g, (whole, name) => values[name] ?? whole);
};
const language = document.documentElement.lang;
const words = JSON.parse(by("words").textContent);
const beat = Number(main.dataset.beat) * 1000;
let registration = null;

const word = (phase) => main.getAttribute(`data-phase-${phase}`) ?? phase;
const time = (at) => new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" }).format(at);

function tell(text, loud = false) {
  const [place, other] = loud ? [by("loud"), by("soft")] : [by("soft"), by("loud")];
  other.textContent = "";
  place.textContent = text;
}

const places = new Places({
  language, beat, words, realm: document.body.dataset.realm, say: { changed: draw, notice: arrived },
});

/* --- places ----------------------------------------------------------------------------------------------------- */

function row(place) {
  const item = by("place").content.cloneNode(true).firstElementChild;
  const { phase, last } = places.standing(place);
  item.dataset.phase = phase;
  item.querySelector("a").href = `/at/${encodeURIComponent(place.code)}?lang=${language}`;
  item.querySelector("a").textContent = place.name;
  item.querySelector(".word").textContent = word(phase);
  const heard = places.heard(place);
  item.querySelector(".known").textContent = phase === "unknown" && places.states.has(place.code)
    ? say("last", { word: word(last), time: heard ? time(heard) : "–" })
    : heard ? say("checked", { time: time(heard) }) : say("never");
  const loud = item.querySelector("select");
  loud.value = place.loud || "sound";
  loud.setAttribute("aria-label", `${say("loudness")}: ${place.name}`);
  loud.addEventListener("change", async () => {
    await put("places", { ...(await get("places", place.code)), loud: loud.value });
    tell(`${place.name}: ${loud.selectedOptions[0].textContent}`);
    await subscribe(true).catch(failed);
  });
  const out = item.querySelector("button");
  out.setAttribute("aria-label", `${out.textContent}: ${place.name}`);
  out.addEventListener("click", async () => {
    await drop("places", place.code);
    await subscribe(true).catch(failed);
    await relisten();
    await draw();
  });
  return item;
}

async function draw() {
  const watched = await all("places");
  // A list that somebody is choosing in is not pulled away under their hand.
  if (!by("places").contains(document.activeElement) || by("places").children.length !== watched.length) {
    by("places").replaceChildren(...watched.map(row));
  } else {
    watched.forEach((place, at) => {
      const fresh = row(place), shown = by("places").children[at];
      shown.dataset.phase = fresh.dataset.phase;
      for (const part of [".word", ".known"]) shown.querySelector(part).textContent = fresh.querySelector(part).textContent;
    });
  }
  by("none").hidden = watched.length > 0;
  by("warn").disabled = watched.length === 0;
  const standings = watched.map((place) => places.standing(place));
  const danger = standings.some(({ phase }) => phase === "act" || phase === "hold");
  by("awake").hidden = !danger || !("wakeLock" in navigator);
  if (!danger) await sleep();
  await shelter(standings.some(({ phase, last }) => asks(phase, last)));
  signature();
}

async function relisten() {
  await places.listen(!document.body.hasAttribute("data-low"));
}

/** My shelter: first of all while it is needed, else below with what can be changed. */
async function shelter(first) {
  const kept = await mine();
  by("now").replaceChildren(...(kept && first ? [card(kept)] : []));
  by("mine").hidden = !kept;
  by("mine-none").hidden = Boolean(kept);
  if (!kept) return;
  const facts = [kept.name || kept.kind, kept.address, kept.minutes ? say("minutes", { n: kept.minutes }) : ""];
  by("mine-says").textContent = [...new Set(facts.filter(Boolean))].join(" · ");
  if (document.activeElement !== by("mine-walk")) by("mine-walk").value = kept.minutes ?? "";
}

/** Whose word it is, as far as this browser can tell. */
function signature() {
  const { good, key, at } = places.word;
  const part = by("signature");
  part.dataset.good = good === null ? "no" : String(good);
  part.textContent = good === false ? say("forged")
    : good === null ? (at ? say("nosign") : say("never"))
      : `${say("signed", { key: key.key_id, time: time(at) })}${key.later ? ` ${say("keynew")}` : ""}`;
  if (good === false) tell(say("forged"), true);
}

/* --- what arrives ------------------------------------------------------------------------------------------------- */

const playing = new Audio();

/** Play a sound; false where the browser does not let a page sound before it was touched. */
async function play(name) {
  playing.src = `/sound/${name}.wav`;
  return playing.play().then(() => true, () => false);
}

/** Something came by stream or poll before any push: it sounds here, or by the phone's own list where this page may not. */
async function arrived(found, notice) {
  const heard = Boolean(found.sound) && !found.silent && !document.hidden && (await play(file(found.sound, notice.phase)));
  if (found.show && found.sound && globalThis.Notification?.permission === "granted") {
    const silent = found.silent || heard;
    await registration?.showNotification(found.title, options({ ...found, silent }, notice)).catch(() => {});
  }
}

async function heard({ data }) {
  if (data?.kind === "notice") {
    if (data.sound) play(data.sound);
    await places.lookAll();
  } else if (data?.kind === "answered") await answers();
  else if (data?.kind === "proof") await shown();
}

let lock = null;

/** Keep the screen on while one must act, because somebody asked for it. */
async function awake() {
  by("awake").setAttribute("aria-pressed", String(!lock));
  if (lock) return sleep();
  lock = await navigator.wakeLock.request("screen").catch(() => null);
  by("awake").setAttribute("aria-pressed", String(Boolean(lock)));
}

async function sleep() {
  await lock?.release().catch(() => {});
  lock = null;
  by("awake").setAttribute("aria-pressed", "false");
}

/* --- the subscription --------------------------------------------------------------------------------------------- */

const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));

/** Subscribe for all watched places. `only`: change a subscription that there is, but begin none. */
async function subscribe(only = false) {
  if (only && !(await one("subscription"))) return;
  if (!(await all("places")).length) return end();
  let push = await registration?.pushManager?.getSubscription();
  if (!push) {
    if (!only && (await Notification.requestPermission()) !== "granted") return tell(say("refused"), true);
    push = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes(main.dataset.pushKey) });
  }
  await hold(push);
  await registration.periodicSync?.register("proof", { minInterval: DAY_MS }).catch(() => {});
  await shown();
}

/** End everything that was subscribed here: one tap. */
async function end() {
  await release();
  await (await registration?.pushManager?.getSubscription())?.unsubscribe();
  await shown();
}

async function shown() {
  const there = await one("subscription");
  document.body.dataset.warned = there ? "yes" : "no";
  by("since").textContent = there ? say("since", { time: time(there.since) }) : "";
  const proof = await one("proof");
  const days = proof ? (Date.now() - proof.at) / DAY_MS : Infinity;
  const took = proof?.took ? say("took", { seconds: (proof.took / 1000).toFixed(1) }) : "";
  by("proved").textContent = proof ? `${say(days > MONTH_DAYS ? "old" : "proved", { time: time(proof.at) })} ${took}` : say("unproved");
  by("proved").classList.toggle("due", days > MONTH_DAYS);
  by("can").hidden = "serviceWorker" in navigator && "PushManager" in window && Boolean(main.dataset.pushKey);
}

/** Ask for a test message and wait for it: the proof that this phone can be woken. */
async function prove() {
  if (!(await one("subscription"))) return;
  tell(say("proving"));
  await keep("asked-test", Date.now());
  const came = new Promise((resolve) => {
    const late = setTimeout(() => resolve(false), TEST_MS);
    navigator.serviceWorker.addEventListener("message", ({ data }) => {
      if (data?.kind !== "proof") return;
      clearTimeout(late);
      resolve(true);
    });
  });
  const sent = await trial();
  if (sent !== "sent") return tell(say(sent === "soon" ? "testsoon" : "unproven"), true);
  const woken = await came;
  await drop("one", "asked-test");
  tell(say(woken ? "woken" : "unproven"), !woken);
  await shown();
}

/* --- settings and answers ----------------------------------------------------------------------------------------- */

async function settings() {
  const kept = await one("settings", { discreet: false, low: false });
  for (const name of ["discreet", "low"]) {
    const box = by(name);
    box.checked = Boolean(kept[name]);
    box.addEventListener("change", async () => {
      const now = { ...(await one("settings", {})), [name]: box.checked };
      await keep("settings", now);
      await saving(now.low);
    });
  }
  await keep("settings", { ...kept, languages: [language], key: main.dataset.pushKey });
  await keep("words", words);
  document.body.toggleAttribute("data-low", Boolean(kept.low));
}

/** Low battery: dark, still, and without a stream. */
async function saving(on) {
  if (document.body.hasAttribute("data-low") === Boolean(on)) return;
  document.body.toggleAttribute("data-low", Boolean(on));
  await relisten();
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
async function answer(says) {
  const asked = await one("asked");
  if (!asked) return;
  await answering(asked.token, says);
  await answers();
  await hurry();
  await post();
}

async function post() {
  await sendAll().catch(() => {});
  await answers();
}

async function answers() {
  const asked = await one("asked");
  if (asked && Date.now() - asked.at > DAY_MS) await drop("one", "asked");
  by("asked").hidden = !asked || Date.now() - asked.at > DAY_MS;
  if (asked) by("asked-link").href = `/a/${encodeURIComponent(asked.token)}`;
  by("answers").replaceChildren(...(await given()).slice(0, 5).map((one) => {
    const item = document.createElement("li");
    const fate = one.refused ? say("answerrefused") : one.sent ? say("answersent", { time: time(one.sent) }) : say("answerwaits");
    item.dataset.fate = one.refused ? "refused" : one.sent ? "sent" : "waits";
    item.textContent = `${main.getAttribute(`data-says-${one.says}`)}, ${time(one.given)}: ${fate}`;
    return item;
  }));
}

/* --- why, and whether it is real ---------------------------------------------------------------------------------- */

/** Why a message came: which place, which area, when, by which way. */
async function why() {
  const id = new URLSearchParams(location.hash.slice(1)).get("why");
  if (!id) return;
  const notice = await get("notices", id);
  const part = by("why");
  part.hidden = false;
  const way = notice && main.getAttribute(`data-way-${notice.channel}`);
  part.querySelector("p").textContent = notice
    ? notice.why.map(({ name, why }) => say("because", {
      place: name, areas: why.map(({ area }) => area).filter(Boolean).join(", ") || "*", time: time(notice.received), way,
    })).join(" ") || say("becausenone", { time: time(notice.received) })
    : say("becauselost");
}

async function json(address) {
  const answer = await fetch(address, { cache: "no-cache", signal: AbortSignal.timeout(8000) });
  if (answer.status === 404) return null;
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.json();
}

/** Whether a message is ours. What was pasted stays here; only a code found in it is asked about. */
async function check(text) {
  const list = (more) => json(`/v1/alerts?limit=200${more}`).then((found) => found?.alerts ?? []);
  const own = [location.host, main.dataset.host].filter(Boolean);
  const code = async (one) => (await json(`/alerts/${encodeURIComponent(one)}.json`)) && { identifier: one, headline: {}, sent: null };
  let found;
  try {
    found = await real(text, own, code, () => list(""));
  } catch {
    return { answer: "cannot", text: say("realcannot") };
  }
  const { answer, alert, host } = found;
  if (answer === "elsewhere") return { answer, text: say("realelsewhere", { host }) };
  if (answer === "none") return { answer, text: say("realnone") };
  const tag = Object.keys(alert.headline).find((one) => one.split("-")[0] === language) ?? Object.keys(alert.headline)[0];
  const active = await list("&active=true").catch(() => []);
  const holds = active.some((one) => one.identifier === alert.identifier);
  const headline = tag ? alert.headline[tag] : alert.identifier;
  const said = alert.sent ? say("realours", { headline, time: time(Date.parse(alert.sent)) }) : say("realoursbare", { headline });
  return { answer, text: `${said} ${say(holds ? "realholds" : "realover")}` };
}

/* --- the start ---------------------------------------------------------------------------------------------------- */

async function start() {
  if ("serviceWorker" in navigator) {
    navigator.serviceWorker.addEventListener("message", heard);
    registration = await navigator.serviceWorker.register("/sw.js").catch(() => null);
    if (registration) registration = await navigator.serviceWorker.ready;
  }
  await settings();
  await shown();
  await answers();
  const wanted = new URLSearchParams(location.search).get("place");
  if (wanted && !(await get("places", wanted))) await places.watch(wanted).catch(() => tell(say("unknownplace"), true));
  await draw();
  await Promise.all([places.lookAll(), places.head()]);
  await relisten();
  await why();
  await battery();
  post();
  // What the phone has and what the server was told can part: a browser may have changed the one in the night.
  const push = await registration?.pushManager?.getSubscription();
  if (!(await agreed(push))) await subscribe(true).catch(failed);
  await tidy().catch(() => {});
  for (const place of await all("places")) places.stock(place.code);
  setInterval(async () => {
    if (document.hidden) return draw();
    await Promise.all([places.lookAll(), places.source?.readyState === 1 ? null : places.head()]);
  }, beat);
}

const failed = (wrong) => tell(`${say("failed")} ${wrong.message}`, true);
const on = (id, kind, act) => by(id).addEventListener(kind, (event) => Promise.resolve(act(event)).catch(failed));
on("warn", "click", () => subscribe());
on("stop", "click", () => end());
on("prove", "click", () => prove());
on("safe", "click", () => answer("safe"));
on("help", "click", () => answer("needs-help"));
on("awake", "click", () => awake());
on("mine-leave", "click", async () => {
  await leave();
  await draw();
});
on("mine-walk", "change", async () => {
  const minutes = Number(by("mine-walk").value);
  await walk(minutes >= 1 && minutes <= 240 ? Math.round(minutes) : null);
  await draw();
});
on("real", "submit", async (event) => {
  event.preventDefault();
  const text = by("real-text").value.trim();
  if (!text) return;
  const { answer, text: told } = await check(text);
  by("real-says").dataset.answer = answer;
  by("real-says").textContent = told;
});
for (const button of document.querySelectorAll("[data-sound]")) button.addEventListener("click", () => play(button.dataset.sound));
on("find", "submit", async (event) => {
  event.preventDefault();
  const text = by("q").value.trim();
  if (!text) return;
  const answer = await fetch(`/v1/places?q=${encodeURIComponent(text)}&lang=${language}&limit=6`).catch(() => null);
  const { places: found = [] } = answer?.ok ? await answer.json() : {};
  by("found").replaceChildren(...found.map((place) => {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = place.name;
    button.addEventListener("click", async () => {
      await places.watch(place.code).catch(failed);
      by("found").replaceChildren();
      by("q").value = "";
      await subscribe(true).catch(failed);
      await places.lookAll();
      await relisten();
    });
    item.append(button);
    return item;
  }));
  if (!found.length) tell(say("nothing"), true);
});
addEventListener("hashchange", why);
addEventListener("online", post);
document.addEventListener("visibilitychange", async () => {
  if (document.hidden) return;
  if (places.source?.readyState === 2) await relisten();
  if (lock?.released) lock = await navigator.wakeLock.request("screen").catch(() => null);
  await places.lookAll();
});
start().catch(failed);
