/**
 * Keeps the page true: live while there is contact, unknown by itself when there is none.
 *
 * - What is shown is always what the server rendered; this only fetches it again and puts it in place.
 * - An older version of an event never replaces a newer one, whatever arrives when.
 * - No path leads from lost contact or a passed end to calm: only a fresh answer of the server does.
 */

import { Link } from "./link.js";
import { known, legal, newer, take } from "./phase.js";

const body = document.body;
const reduced = matchMedia("(prefers-reduced-motion: reduce)");
const by = (id) => document.getElementById(id);
const main = () => by("main");

let skew = Date.parse(main().dataset.asOf) - Date.now();
let contact = Date.parse(main().dataset.asOf);
const seen = new Map();
let doubted = "";
let refreshing = null;
let pending = false;
let due = 0;

const now = () => Date.now() + skew;

/** Digits of a moment in the place's own zone. */
function digits(time, seconds) {
  const form = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: main().dataset.zone };
  if (seconds) form.second = "2-digit";
  return new Intl.DateTimeFormat("en-GB", form).format(time);
}

const spoken = (time, seconds) => main().dataset.zoned.replace("{time}", digits(time, seconds));

function say(text, loud) {
  const [place, other] = loud ? [by("loud"), by("soft")] : [by("soft"), by("loud")];
  other.textContent = "";
  place.textContent = text;
}

function icon(phase) {
  document.querySelector("link[rel=icon]").href = `/static/icon/${body.dataset.realm}-${phase}.svg`;
}

function heard(asOf) {
  skew = asOf - Date.now();
  contact = asOf;
  if ("lost" in body.dataset) {
    refresh();
    return;
  }
  const link = by("link");
  link.textContent = main().dataset.live;
  link.classList.add("on");
  const checked = by("checked");
  checked.dateTime = new Date(asOf).toISOString();
  checked.textContent = spoken(asOf, true);
}

function lost() {
  if ("lost" in body.dataset) return;
  const before = main().dataset.phase;
  const view = by("lost").content.cloneNode(true);
  const fills = { time: spoken(contact), word: main().dataset.word };
  for (const slot of view.querySelectorAll("[data-fill]")) slot.textContent = fills[slot.dataset.fill];
  const focused = by("said").contains(document.activeElement);
  by("said").replaceChildren(view);
  body.dataset.lost = before;
  body.dataset.phase = "unknown";
  document.title = by("lost").dataset.title;
  const link = by("link");
  link.classList.remove("on");
  link.textContent = main().dataset.asOfWord;
  icon("unknown");
  if (focused) by("h").focus({ preventScroll: true });
  say(`${by("said").querySelector(".badge").textContent}. ${by("h").textContent}`, before === "act" || before === "hold");
}

/** How to find the focused element again after the content was replaced. */
function trace(element) {
  if (!element || !main().contains(element)) return null;
  if (element.id) return `#${CSS.escape(element.id)}`;
  return element.getAttribute("href") ? `#main ${element.localName}[href="${CSS.escape(element.getAttribute("href"))}"]` : null;
}

/** The event that a rendered page follows from, for the table of phases. */
const told = (from) => ({ event_id: from.event, version: Number(from.version), phase: from.phase, realm: body.dataset.realm });

/** Put a freshly rendered page in place of this one, unless it is older. */
function show(page) {
  const fresh = page.getElementById("main");
  if (!fresh) throw new Error("not our page");
  const [was, is] = [main().dataset, fresh.dataset];
  if (Date.parse(is.asOf) < Date.parse(was.asOf)) return;
  if (is.event && !newer(seen, told(is)) && seen.get(is.event).version !== Number(is.version)) return;
  const wasLost = "lost" in body.dataset;
  if (!wasLost && !legal(known(was.phase), known(is.phase)) && doubted !== is.phase) {
    // What may not follow is not believed at once: an all-clear may have been missed, or one answer may be wrong.
    doubted = is.phase;
    setTimeout(refresh, 500);
    return;
  }
  doubted = "";
  const changed = wasLost || was.phase !== is.phase || was.event !== is.event || was.version !== is.version;
  const focus = trace(document.activeElement);
  const [x, y] = [scrollX, scrollY];
  if (is.event) take(seen, told(is), now());
  main().replaceWith(document.adoptNode(fresh));
  by("lost").replaceWith(document.adoptNode(page.getElementById("lost")));
  by("entry").textContent = page.getElementById("entry").textContent;
  delete body.dataset.lost;
  body.dataset.phase = is.phase;
  document.title = page.title;
  icon(is.phase);
  if (focus) document.querySelector(focus)?.focus({ preventScroll: true });
  if (changed) {
    // What a person must do now stands at the top; whoever reads further down is led there once, and only now.
    scrollTo({ top: 0, behavior: reduced.matches ? "auto" : "smooth" });
    say(`${is.word}. ${by("h").textContent}`, is.phase === "act" || is.phase === "hold");
  } else {
    scrollTo(x, y);
  }
}

/** Fetch this page again. At most one request at a time; a wish during one is granted after it. */
function refresh() {
  if (refreshing) {
    pending = true;
    return refreshing;
  }
  refreshing = (async () => {
    try {
      const answer = await fetch(location.href, {
        cache: "no-cache", headers: { accept: "text/html" }, signal: AbortSignal.timeout(8000),
      });
      if (!answer.ok) throw new Error(String(answer.status));
      show(new DOMParser().parseFromString(await answer.text(), "text/html"));
      heard(Math.max(contact, Date.parse(main().dataset.asOf)));
      return true;
    } catch {
      return false;
    } finally {
      refreshing = null;
      if (pending) {
        pending = false;
        refresh();
      }
    }
  })();
  return refreshing;
}

const key = (state) =>
  [state.phase, state.alerts[0]?.event_id ?? "", state.alerts[0]?.version ?? 0].join(" ");

function state(state) {
  const { phase, event, version } = main().dataset;
  if (key(state) !== [phase, event, version].join(" ") || state.journal.seq > Number(main().dataset.seq)) refresh();
}

let quiet = 0;
function news(kind, data) {
  if (kind !== "heartbeat") {
    refresh();
  } else if (data.journal?.seq > Number(main().dataset.seq) && performance.now() > quiet) {
    // Something changed elsewhere in the country: the map follows, not all phones in the same second.
    quiet = performance.now() + 10000;
    setTimeout(refresh, Math.random() * 5000);
  }
}

function duration(milliseconds) {
  const minutes = Math.max(0, Math.floor(milliseconds / 60000));
  const { h, min } = main().dataset;
  const parts = minutes >= 60 ? [`${Math.floor(minutes / 60)}\u00a0${h}`] : [];
  if (minutes % 60 || minutes < 60) parts.push(`${minutes % 60}\u00a0${min}`);
  return parts.join(" ");
}

/** What follows from the clock alone: how long it has lasted, and whether it should have ended by now. */
async function tick() {
  const { since, next, phase } = main().dataset;
  const elapsed = by("elapsed");
  if (elapsed && since && phase !== "calm") {
    const text = ` (${duration(now() - Date.parse(since))})`;
    if (elapsed.textContent !== text) elapsed.textContent = text;
  }
  if (next && now() >= Date.parse(next) && !("lost" in body.dataset) && performance.now() > due) {
    due = performance.now() + 5000;
    // An end that has passed is an end only if the server says so; without its word the state is unknown.
    if (!(await refresh())) link.lose();
  }
}

const link = new Link({
  stream: `/v1/stream?area=${encodeURIComponent(main().dataset.code)}`,
  poll: `/at/${encodeURIComponent(main().dataset.code)}.json?lang=${document.documentElement.lang}`,
  beat: Number(main().dataset.heartbeat),
  asOf: contact,
  on: { heard, news, state, lost },
});
if (main().dataset.event) take(seen, told(main().dataset), now());
link.start();
if ("cached" in body.dataset) {
  // A kept copy, shown because nobody answered: what it says is the past until the server speaks.
  link.lose();
  delete body.dataset.cached;
}
link.ask();
setInterval(tick, 1000);
addEventListener("pageshow", (event) => event.persisted && refresh());
// The worker keeps this place for when there is no network; a page without it works all the same.
navigator.serviceWorker?.register("/sw.js").catch(() => {});
// Where somebody has chosen a shelter, it stands on this page while they must go.
import("./app/mine.js").then(({ beside }) => beside()).catch(() => {});
