/* My places as they stand: asked of the server, heard on its stream, and unknown where neither speaks.
 *
 * - What is shown of a place is what the server says now; without contact it is unknown, with the last known beside it.
 * - A sign of life whose signature is wrong is none: every place is unknown until a right one comes.
 * - What comes by stream or poll goes through the same gate as a push (arrive.js), so that one step sounds once.
 */

import { arrive, noticeFrom, noticeOf } from "./arrive.js";
import { all, get, keep, one, put } from "./keep.js";
import { heartbeat } from "./signed.js";
import { lost, settle } from "../phase.js";

const PATIENCE_MS = 6000;

export class Places {
  /** `say.changed()` is called when what is shown has changed, `say.notice(found, notice)` when something arrived first here. */
  constructor({ language, beat, realm, words, say }) {
    Object.assign(this, { language, beat, realm, words, say });
    this.contact = new Map(); // by place: when its state was last answered
    this.states = new Map();
    this.word = { good: null, key: null, at: null }; // what was last found of the signature
  }

  /** Watch one more place: what is needed without a network is fetched while there is one. Returns its code. */
  async watch(code) {
    const answer = await fetch(`/app/place/${encodeURIComponent(code)}?lang=${this.language}`, { cache: "no-cache" });
    if (!answer.ok) throw new Error(String(answer.status));
    const { phases: texts, ...about } = await answer.json();
    const before = await get("places", about.code);
    await put("places", { loud: {}, phases: [], ...before, ...about, texts });
    this.stock(about.code);
    return about.code;
  }

  /** Have the worker keep what this place needs without a network. */
  async stock(code) {
    const name = encodeURIComponent(code);
    const addresses = [`/at/${name}`, `/at/${name}?lang=${this.language}`, `/shelters?place=${name}&lang=${this.language}`];
    const cache = await globalThis.caches?.open("pages").catch(() => null);
    for (const address of addresses) {
      const page = cache && (await fetch(address, { headers: { accept: "text/html" } }).catch(() => null));
      if (page?.ok) await cache.put(address, page).catch(() => {});
    }
    await fetch(`/v1/shelters/offline/${name}.json?lang=${this.language}`).catch(() => {});
  }

  async look(place) {
    try {
      const answer = await fetch(`/at/${encodeURIComponent(place.code)}.json?lang=${this.language}`, {
        cache: "no-cache", signal: AbortSignal.timeout(PATIENCE_MS),
      });
      if (!answer.ok) throw new Error(String(answer.status));
      const state = await answer.json();
      this.states.set(place.code, state);
      this.contact.set(place.code, Date.now());
      await keep(`state ${place.code}`, { ...state, kept: Date.now() });
      const notice = noticeFrom(state, this.language);
      if (notice) await this.take(notice, "poll");
    } catch {
      if (!this.states.has(place.code)) {
        const kept = await one(`state ${place.code}`);
        if (kept) this.states.set(place.code, kept);
      }
    }
  }

  async lookAll() {
    await Promise.all((await all("places")).map((place) => this.look(place)));
    await this.say.changed();
  }

  async take(notice, channel) {
    const found = await arrive(notice, channel, Date.now(), this.words);
    if (found.fresh && found.places.length) await this.say.notice(found, notice);
  }

  /** The phase of a place as this phone may say it: {phase, last}; without contact unknown, whatever was last known. */
  standing(place) {
    const state = this.states.get(place.code);
    if (!state) return { phase: "unknown", last: "unknown" };
    const fresh = this.word.good !== false && !lost(this.contact.get(place.code) ?? null, Date.now(), this.beat);
    const settled = settle({ phase: state.phase, ends: null, last: state.last_phase ?? state.phase }, Date.now(), fresh);
    return { ...settled, last: state.phase === "unknown" ? (state.last_phase ?? "unknown") : settled.last };
  }

  /** When a place was last heard of, in milliseconds; null for never. */
  heard(place) {
    return this.contact.get(place.code) ?? this.states.get(place.code)?.kept ?? null;
  }

  /** Judge a signed heartbeat. */
  async beatOf(signed) {
    const { good, key, content } = await heartbeat(signed, this.realm).catch(() => ({ good: false, key: null, content: {} }));
    const before = this.word.good;
    this.word = { good, key, at: Date.now() };
    if (good !== false) await keep("beat", { at: Date.now(), as_of: content.as_of, seq: content.journal?.seq, key_id: signed.key_id, good });
    if (before !== good || good === false) await this.say.changed();
  }

  /** Ask for the signed head of the journal: the heartbeat of who polls. */
  async head() {
    const answer = await fetch("/v1/journal/head", { cache: "no-cache", signal: AbortSignal.timeout(PATIENCE_MS) }).catch(() => null);
    if (answer?.ok) await this.beatOf(await answer.json());
  }

  /** Listen to the stream for all places; `on` false: only ask now and then. */
  async listen(on) {
    this.source?.close();
    this.source = null;
    const places = await all("places");
    if (!on || !places.length || !("EventSource" in globalThis)) return;
    this.source = new EventSource(`/v1/stream?${places.map(({ code }) => `area=${encodeURIComponent(code)}`).join("&")}`);
    const hear = (kind, act) => this.source.addEventListener(kind, async (event) => {
      let data;
      try {
        data = JSON.parse(event.data);
      } catch {
        return; // What cannot be read is no sign of life.
      }
      await act(data);
    });
    // What came between the last look and the open stream would otherwise wait for the next look.
    this.source.addEventListener("open", () => this.lookAll());
    hear("heartbeat", (data) => this.beatOf(data));
    hear("alert", async (data) => {
      if (data.event_id) await this.take(noticeOf(data), "stream");
      await this.lookAll();
    });
    for (const kind of ["source", "reset"]) hear(kind, () => this.lookAll());
  }
}
