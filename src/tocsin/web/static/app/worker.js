/* The worker: keeps the shell and the chosen places for when there is no network, and wakes the phone.
 *
 * - A kept copy is never shown as the present: its body bears `data-cached`, and the page turns to unknown at once.
 * - What an interface answers is never taken from a cache, except the packages that are made to be kept.
 * - It never says calm. What ends a warning is a message that says so, or a fresh page.
 */

import { all, get, keep, one, put, seen as whatWasSeen } from "./keep.js";
import { file, judge } from "./message.js";

const VERSION = "@VERSION@";
const SHELL = ["@SHELL@"];
const PATIENCE_MS = 4000;
const CACHE = `shell-${VERSION}`, PAGES = "pages", PACKS = "packs";
const MOST_PAGES = 40;

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
    if (answer.ok) await store(pages, url.pathname + url.search, answer.clone());
    if (answer.status < 500) return answer;
  } catch {
    // Nobody answered in time: what is kept is better than nothing, as long as it says that it is kept.
  }
  const kept = (await pages.match(url.pathname + url.search)) || (await pages.match(url.pathname, { ignoreSearch: true }));
  if (!kept) return (await caches.match("/app/offline")) || Response.error();
  const html = (await kept.text()).replace("<body ", "<body data-cached ");
  return new Response(html, { headers: kept.headers });
}

async function store(pages, key, answer) {
  await pages.put(key, answer);
  const keys = await pages.keys();
  for (const old of keys.slice(0, Math.max(0, keys.length - MOST_PAGES))) await pages.delete(old);
}

async function pack(request) {
  const packs = await caches.open(PACKS);
  try {
    const answer = await within(request);
    if (answer.ok) await packs.put(request, answer.clone());
    if (answer.status < 500) return answer;
  } catch {
    // As above.
  }
  return (await packs.match(request)) || Response.error();
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

async function told(data) {
  const at = Date.now();
  let notice;
  try {
    notice = data.json();
  } catch {
    notice = null;
  }
  await keep("woken", at);
  const settings = await one("settings", {});
  const words = await one("words", {});
  if (!notice || (!notice.event_id && !notice.test)) return unreadable(words);
  if (notice.test) return tested(notice, words, at);
  const seen = await whatWasSeen();
  const before = seen.get(notice.event_id);
  const found = judge(notice, await all("places"), seen, { ...settings, words }, at);
  const after = seen.get(notice.event_id);
  if (after !== before) await put("seen", { event_id: notice.event_id, ...after });
  if (found.show) await put("notices", { ...notice, received: at, channel: "push", why: found.why });
  for (const client of await self.clients.matchAll({ includeUncontrolled: true })) {
    client.postMessage({ kind: "notice", notice, sound: found.sound ? file(found.sound, notice.phase) : "", places: found.places });
  }
  if (found.show) return show(found, notice);
  // A browser wants something to be shown for each message. The newest of this event is shown again, without a sound.
  const newest = await get("notices", notice.event_id);
  const again = newest && judge(newest, await all("places"), new Map(), { ...settings, words }, newest.received);
  if (again) return show({ ...again, silent: true, stay: false, sound: "", vibrate: undefined }, newest);
}

function show(found, notice) {
  return self.registration.showNotification(found.title, {
    body: found.body,
    lang: found.language,
    dir: "auto",
    tag: notice.event_id,
    renotify: Boolean(found.sound) && !found.silent,
    silent: found.silent,
    requireInteraction: found.stay,
    vibrate: found.silent ? undefined : found.vibrate,
    icon: `/static/icon/${notice.realm}-${notice.phase}.svg`,
    timestamp: Date.now(),
    data: { event: notice.event_id, place: found.places[0] || "", url: notice.url },
  });
}

function unreadable(words) {
  // Something came that cannot be read: the page knows more, and saying nothing would be a guess.
  return self.registration.showNotification(words.unreadable || "Tocsin", { tag: "unreadable", silent: true, data: { place: "" } });
}

async function tested(notice, words, at) {
  await keep("proof", { at, sent: notice.sent ? Date.parse(notice.sent) : null, test: notice.test });
  for (const client of await self.clients.matchAll({ includeUncontrolled: true })) client.postMessage({ kind: "proof", at, test: notice.test });
  return self.registration.showNotification(words.test || "Test", { body: words.tested || "", tag: "test", silent: false, data: { place: "" } });
}

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const { place, event: id } = event.notification.data || {};
  const address = place ? `/at/${encodeURIComponent(place)}` : id ? `/app#why=${encodeURIComponent(id)}` : "/app";
  event.waitUntil((async () => {
    for (const client of await self.clients.matchAll({ type: "window", includeUncontrolled: true })) {
      if (new URL(client.url).pathname === address) return client.focus();
    }
    return self.clients.openWindow(address);
  })());
});

self.addEventListener("sync", (event) => {
  if (event.tag === "answers") event.waitUntil(send());
});

self.addEventListener("message", (event) => {
  if (event.data?.kind === "answers") event.waitUntil(send());
});

/** Send the answers that wait, each with the time at which it was given; what is not taken stays. */
async function send() {
  for (const answer of await all("answers")) {
    if (answer.sent) continue;
    const { id, body } = answer;
    const taken = await fetch("/v1/answers", {
      method: "POST",
      headers: { "content-type": "application/json", "idempotency-key": id },
      body: JSON.stringify(body),
    });
    // What is wrong for good is said to the person and not sent for ever.
    if (taken.ok || (taken.status >= 400 && taken.status < 500 && taken.status !== 429 && taken.status !== 408)) {
      await put("answers", { ...answer, sent: Date.now(), refused: taken.ok ? "" : String(taken.status) });
      for (const client of await self.clients.matchAll({ includeUncontrolled: true })) client.postMessage({ kind: "answered", id, ok: taken.ok });
    } else {
      throw new Error(String(taken.status));
    }
  }
}
