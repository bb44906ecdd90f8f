/* The page on which somebody chooses to be warned: places, loudness, subscription, the proof of waking, answers.
 *
 * - Three taps: "warn me on this phone" on a place's page, the button here, the browser's own question. One tap ends it.
 * - Nothing is claimed that the phone did not do: a proof has a date, and an answer that waits says that it waits.
 * - What arrives while the page is open sounds here if it may, and else by the phone's own list of messages.
 */

import { options } from "./arrive.js";
import { all, drop, get, keep, one, put } from "./keep.js";
import { file, level } from "./message.js";
import { asks, card, leave, mine, walk } from "./mine.js";
import { answering, answers as given, hurry, sendAll } from "./outbox.js";
import { Places } from "./places.js";
import { ask } from "./real.js";
import { agreed, hold, release, tidy, trial } from "./subscription.js";
import { able, awake, seen } from "./wake.js";

const MONTH_DAYS = 30, DAY_MS = 86400000, TEST_MS = 60000, AGAIN_MS = 5000;
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
// 24 hours and the day first, so that nobody takes a morning for an evening.
const time = (at) => new Intl.DateTimeFormat(language === "en" ? "en-GB" : language, { dateStyle: "medium", timeStyle: "short" }).format(at);

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
  louder(item.querySelector("details"), place);
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

/** How loud a place is in each step. That there is no sound when one must act is asked twice. */
function louder(part, place) {
  const sure = part.querySelector(".sure"), [leave, silence] = sure.querySelectorAll("button");
  const selects = [...part.querySelectorAll("select")];
  const sums = () => {
    const heard = selects.map((one) => `${word(one.name)}: ${one.selectedOptions[0].textContent}`);
    part.querySelector(".sum").textContent = heard.join(" · ");
  };
  const choose = async (select) => {
    const kept = await get("places", place.code);
    const loud = Object.fromEntries(selects.map((one) => [one.name, one === select ? one.value : level(kept, one.name)]));
    await put("places", { ...kept, loud });
    sums();
    tell(`${place.name}, ${word(select.name)}: ${select.selectedOptions[0].textContent}`);
    await subscribe(true).catch(failed);
  };
  for (const select of selects) {
    select.value = level(place, select.name);
    select.setAttribute("aria-label", `${say("loudness")}: ${place.name}, ${word(select.name)}`);
    select.addEventListener("change", async () => {
      if (select.name !== "act" || select.value !== "silent") {
        if (select.name === "act") sure.hidden = true;
        return choose(select);
      }
      // Until it is confirmed nothing has changed, and what is chosen shows what holds.
      select.value = level(await get("places", place.code), "act");
      sure.querySelector("p").textContent = say("sure", { place: place.name });
      sure.hidden = false;
      leave.focus();
    });
  }
  leave.addEventListener("click", () => {
    sure.hidden = true;
    selects[0].focus();
  });
  silence.addEventListener("click", async () => {
    sure.hidden = true;
    selects[0].value = "silent";
    selects[0].focus();
    await choose(selects[0]);
  });
  sums();
}

async function draw() {
  const watched = await all("places");
  // A list that somebody is choosing in is not pulled away under their hand.
  const choosing = by("places").contains(document.activeElement) || by("places").querySelector("[open]");
  if (!choosing || by("places").children.length !== watched.length) {
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
  by("awake").hidden = !danger || !able();
  if (!danger) await stay(false);
  await shelter(standings.some(({ phase, last }) => asks(phase, last)));
  signature();
}

/** Keep the screen on, or let it go dark. */
async function stay(on) {
  by("awake").setAttribute("aria-pressed", String(await awake(on)));
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

let again = 0;

/** Send what waits now, and again and again while this page is open. */
async function post() {
  clearTimeout(again);
  await sendAll().catch(() => {
    again = setTimeout(post, AGAIN_MS);
  });
  await answers();
}

async function answers() {
  const asked = await one("asked");
  if (asked && Date.now() - asked.at > DAY_MS) await drop("one", "asked");
  const sent = await given();
  const safe = sent.some((one) => asked && one.says === "safe" && one.given >= asked.at && !one.refused);
  by("asked").hidden = !asked || safe || Date.now() - asked.at > DAY_MS;
  if (asked) by("asked-link").href = `/a/${encodeURIComponent(asked.token)}`;
  by("answers").replaceChildren(...sent.slice(0, 5).map((one) => {
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

/** What is said of a pasted message. */
function told({ answer, headline, sent, holds, host }) {
  if (answer !== "ours") return say(`real${answer}`, { host });
  const first = sent ? say("realours", { headline, time: time(sent) }) : say("realoursbare", { headline });
  return `${first} ${say(holds ? "realholds" : "realover")}`;
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
on("awake", "click", () => stay(by("awake").getAttribute("aria-pressed") !== "true"));
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
  const found = await ask(text, [location.host, main.dataset.host].filter(Boolean), language);
  by("real-says").dataset.answer = found.answer;
  by("real-says").textContent = told(found);
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
  await seen();
  await places.lookAll();
});
start().catch(failed);
