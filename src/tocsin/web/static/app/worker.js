/* The worker: keeps the shell and the chosen places for when there is no network, and wakes the phone.
 *
 * - A kept copy is never shown as the present: its body bears `data-cached`, and the page turns to unknown at once.
 * - What an interface answers is never taken from a cache, except the packages that are made to be kept.
 * - No position is kept: a page that was asked for around a point or with a search stays out of the cache.
 * - It never says calm. What ends a warning is a message that says so, or a fresh page.
 */

import { all, get, keep, one } from "./keep.js";
import { file, judge, letterOf, questionOf, trialOf } from "./message.js";
import { arrive, options } from "./arrive.js";
import { receipt, sendAll } from "./outbox.js";
import { hold } from "./subscription.js";

const VERSION = "@VERSION@";
const SHELL = ["@SHELL@"];
const PATIENCE_MS = 4000;
const CACHE = `shell-${VERSION}`, PAGES = "pages", PACKS = "packs";
const MOST_PAGES = 40, MOST_PACKS = 24, PACK_BYTES = 320000;
const MONTH_MS = 30 * 86400000;

self.addEventListener("install", (event) => {
  event.waitUntil((async () => {
    const cache = await caches.open(CACHE);
    await cache.addAll(SHELL.map((address) => new Request(address, { cache: "reload" })));
    await self.skipWaiting();
  })());
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) if (name.startsWith("shell-") && name !== CACHE) await caches.delete(name);
    await self.clients.claim();
  })());
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin) return;
  if (request.mode === "navigate" && (url.pathname === "/" || /^\/at\/[^./]+$/.test(url.pathname) || url.pathname === "/app" || url.pathname.startsWith("/shelters"))) {
    event.respondWith(page(request, url));
  } else if (request.mode === "navigate" && url.pathname.startsWith("/a/")) {
    // The question whether somebody is safe can be answered without a network, too.
    event.respondWith(fetch(request).catch(async () => (await caches.match("/app/answer")) || Response.error()));
  } else if (url.pathname.startsWith("/v1/shelters/offline/") || url.pathname.startsWith("/app/place/")) {
    event.respondWith(pack(request));
  } else if (url.pathname.startsWith("/static/") || url.pathname.startsWith("/sound/")) {
    event.respondWith(shell(request));
  }
});

async function within(request, options = {}) {
  return fetch(request, { ...options, signal: AbortSignal.timeout(PATIENCE_MS) });
}

async function page(request, url) {
  const pages = await caches.open(PAGES);
  try {
    // A navigation request cannot be given a signal of its own, so it is asked for by its address.
    const answer = await within(url.href, { headers: { accept: "text/html" }, credentials: "same-origin", redirect: "manual" });
    if (answer.type === "opaqueredirect") return Response.redirect(url.href);
    if (answer.ok && keepable(url)) await store(pages, called(url), answer.clone(), MOST_PAGES);
    if (answer.status < 500) return answer;
  } catch {
    // Nobody answered in time: what is kept is better than nothing, as long as it says that it is kept.
  }
  const kept = (await pages.match(called(url))) || (await another(pages, url));
  if (!kept) return (await caches.match("/app/offline")) || Response.error();
  const html = (await kept.text()).replace("<body ", "<body data-cached ");
  return new Response(html, { headers: kept.headers });
}

const SHELTERS = "/shelters";

/** Under which name a page is kept: of the shelters, one for each place and language. */
function called(url) {
  if (url.pathname !== SHELTERS) return url.pathname + url.search;
  const asked = ["place", "lang"].map((name) => `${name}=${encodeURIComponent(url.searchParams.get(name) || "")}`);
  return `${SHELTERS}?${asked.join("&")}`;
}

const keepable = ({ pathname, searchParams }) =>
  pathname !== SHELTERS || !["point", "q", "reported", "minutes"].some((name) => searchParams.has(name));

/** The same page as it was kept in another language; never another place's. */
async function another(pages, url) {
  if (url.pathname !== SHELTERS) return pages.match(url.pathname, { ignoreSearch: true });
  const place = url.searchParams.get("place") || "";
  for (const key of await pages.keys()) {
    const kept = new URL(key.url);
    if (kept.pathname === SHELTERS && kept.searchParams.get("place") === place) return pages.match(key);
  }
  return undefined;
}

async function store(cache, key, answer, most) {
  // What was kept longest ago goes first, so what is kept again goes to the end.
  await cache.delete(key);
  await cache.put(key, answer);
  const keys = await cache.keys();
  for (const old of keys.slice(0, Math.max(0, keys.length - most))) await cache.delete(old);
}

async function pack(request) {
  const packs = await caches.open(PACKS);
  try {
    const answer = await within(request);
    if (answer.ok && (await answer.clone().arrayBuffer()).byteLength <= PACK_BYTES) {
      await store(packs, request.url, answer.clone(), MOST_PACKS);
    }
    if (answer.status < 500) return answer;
  } catch {
    // As above.
  }
  return (await packs.match(request.url)) || (await packs.match(request.url, { ignoreSearch: true })) || Response.error();
}

async function shell(request) {
  try {
    const answer = await within(request);
    if (answer.ok) return answer;
  } catch {
    // As above.
  }
  return (await caches.match(request, { ignoreSearch: true })) || Response.error();
}

self.addEventListener("push", (event) => {
  event.waitUntil(told(event.data));
});

async function everybody(message) {
  for (const client of await self.clients.matchAll({ includeUncontrolled: true })) client.postMessage(message);
}

async function told(data) {
  const at = Date.now();
  let notice;
  try {
    notice = data.json();
  } catch {
    notice = null;
  }
  const words = await one("words", {});
  if (!notice?.event_id) return plain(words.unreadable || "Tocsin", "", "unreadable");
  if (trialOf(notice)) return tested(words, at);
  if (letterOf(notice)) return letterShown(notice);
  const found = await arrive(notice, "push", at, words);
  // What the open page has shown before the push came is shown as well; what came too late is not.
  if (found.current && notice.identifier) await receipt(notice.identifier, "shown");
  await everybody({ kind: "notice", notice, sound: found.sound ? file(found.sound, notice.phase) : "", places: found.places });
  if (found.show) await show(found, notice);
  else {
    // A browser wants something to be shown for each message. The newest of this event is shown again, without a sound.
    const newest = await get("notices", notice.event_id);
    const settings = { ...(await one("settings", {})), words };
    const again = newest && judge(newest, await all("places"), new Map(), settings, newest.received);
    if (again) await show({ ...again, silent: true, stay: false, sound: "", vibrate: undefined }, newest);
  }
  await send();
}

const show = (found, notice) => self.registration.showNotification(found.title, options(found, notice));

/** Something that is about no danger: without a sound of ours, and leading to the app. */
function plain(title, body, tag, more = {}) {
  const icon = "/static/icon/app-actual-192.png";
  return self.registration.showNotification(title, { body, tag, icon, silent: true, data: { place: "" }, ...more });
}

async function letterShown(notice) {
  const { languages = [], discreet } = await one("settings", {});
  const words = await one("words", {});
  const texts = notice.texts || {};
  // A question leads to where it is answered, and is not as quiet as what can wait.
  const asks = questionOf(notice) && { silent: false, vibrate: [250, 250, 250], requireInteraction: true, renotify: true, data: { place: "", open: own(notice.url) } };
  const tag = languages.find((one) => texts[one]) ?? Object.keys(texts)[0];
  if (discreet || !tag) return plain(words.discreet || "Tocsin", "", notice.event_id, asks ? { ...asks, silent: true, vibrate: undefined } : {});
  return plain(texts[tag].headline, texts[tag].instruction || "", notice.event_id, { lang: tag, ...asks });
}

/** The path of an address of ours that a question may lead to; none for any other. */
function own(address) {
  try {
    const url = new URL(address);
    return url.origin === location.origin && /^\/(a|console)\//.test(url.pathname) ? url.pathname : "";
  } catch {
    return "";
  }
}

async function tested(words, at) {
  const { discreet } = await one("settings", {});
  const asked = await one("asked-test");
  await keep("proof", { at, took: asked && at >= asked && at - asked < 600000 ? at - asked : null });
  await everybody({ kind: "proof", at });
  if (discreet) return plain(words.discreet || "…", "", "test");
  return plain(words.test || "Test", words.tested || "", "test", { silent: false, vibrate: [120] });
}

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const { place, event: id, alert, open } = event.notification.data || {};
  const address = open ? open : place ? `/at/${encodeURIComponent(place)}` : id ? `/app#why=${encodeURIComponent(id)}` : "/app";
  event.waitUntil((async () => {
    if (alert) await receipt(alert, "answered");
    await opened(address);
    await send();
  })());
});

async function opened(address) {
  for (const client of await self.clients.matchAll({ type: "window", includeUncontrolled: true })) {
    if (new URL(client.url).pathname === address) return client.focus();
  }
  return self.clients.openWindow(address);
}

// The push service gave another address, or took it away. Until the server knows, nobody would wake this phone.
self.addEventListener("pushsubscriptionchange", (event) => {
  event.waitUntil(renew(event));
});

async function renew(event) {
  const mine = await one("subscription");
  const key = (await one("settings", {})).key;
  if (!mine || !key) return;
  const given = event.newSubscription
    ?? (await self.registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key }));
  // Without a network the page does it when it is next opened: what it has and what the server was told do not agree.
  await hold(given);
}

// Where a browser wakes a worker now and then: a proof that is too old is said, once a month.
self.addEventListener("periodicsync", (event) => {
  if (event.tag === "proof") event.waitUntil(remind());
});

async function remind() {
  const at = Date.now();
  const proof = (await one("proof"))?.at ?? (await one("subscription"))?.since ?? at;
  if (at - proof < MONTH_MS || at - (await one("reminded", 0)) < MONTH_MS) return;
  await keep("reminded", at);
  const words = await one("words", {});
  await plain(words.due || "Test", "", "due");
}

self.addEventListener("sync", (event) => {
  if (event.tag === "outbox") event.waitUntil(send(true));
});

/** Send what waits, and say to the open pages what became of it. `again`: have the browser try later where something waits. */
async function send(again = false) {
  let done, failed;
  try {
    done = await sendAll();
  } catch (wrong) {
    [done, failed] = [wrong.done || [], wrong];
  }
  if (done.length) await everybody({ kind: "answered", done });
  if (!failed) return;
  if (again) throw failed;
  await self.registration.sync?.register("outbox").catch(() => {});
}
