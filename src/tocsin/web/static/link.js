/**
 * Contact with the server, and the honest loss of it.
 *
 * - Contact is heartbeats on the stream, or an answered poll; an open connection alone is none.
 * - It is lost when nothing was heard for two heartbeats and a poll fails as well.
 * - Both of the device's clocks count, so that neither sleep nor a turned clock can hide a silence.
 * - An answer whose time stands still is an old copy and no contact.
 */

import { lost } from "./phase.js";

const TIMEOUT_MS = 6000;
const STALE_MS = 30000;
const KEPT_MS = 15000; // A state may be kept ready on its way here for about ten seconds.

export class Link {
  /** `beat` in seconds; `heard(asOf)`, `news(kind, data)`, `state(json)` and `lost()` are told what happens. */
  constructor({ stream, poll, beat, asOf, on }) {
    Object.assign(this, { stream, poll, beat, on });
    this.up = true;
    this.asking = false;
    this.asked = -Infinity;
    this.newest = asOf;
    this.moved = this.marks();
    this.last = this.marks();
  }

  marks() {
    return [Date.now(), performance.now()];
  }

  /** Milliseconds since `marks` by the clock that says it is longer. */
  since([wall, steady]) {
    return Math.max(Date.now() - wall, performance.now() - steady);
  }

  start() {
    this.listen();
    this.timer = setInterval(() => this.tick(), Math.min(1000, this.beat * 250));
    document.addEventListener("visibilitychange", () => document.hidden || this.tick());
    addEventListener("online", () => this.ask());
    addEventListener("offline", () => this.tick());
  }

  listen() {
    if (!("EventSource" in window)) return;
    this.source?.close();
    this.source = new EventSource(this.stream);
    this.source.addEventListener("heartbeat", (event) => this.take(event, "heartbeat"));
    for (const kind of ["alert", "source", "reset"]) {
      this.source.addEventListener(kind, (event) => this.take(event, kind));
    }
  }

  take(event, kind) {
    let data;
    try {
      data = JSON.parse(event.data);
    } catch {
      return; // What cannot be read is no sign of life.
    }
    if (kind === "heartbeat" && !this.forward(data.as_of)) return;
    if (kind === "heartbeat") this.heard(data.as_of);
    this.on.news(kind, data);
  }

  /** Whether `asOf` goes forward; one that stands still, or a kept copy, counts for STALE_MS only. */
  forward(asOf) {
    const time = Date.parse(asOf);
    if (Number.isNaN(time)) return false;
    if (time > this.newest) {
      this.newest = time;
      this.moved = this.marks();
      return true;
    }
    return time >= this.newest - KEPT_MS && this.since(this.moved) < Math.max(STALE_MS, this.beat * 4000);
  }

  heard(asOf) {
    this.last = this.marks();
    this.up = true;
    this.on.heard(Math.max(Date.parse(asOf), this.newest));
  }

  async tick() {
    const silence = this.since(this.last);
    if (this.source?.readyState === 2 && this.since([this.asked, this.asked]) > this.beat * 1000) this.listen();
    // One missed heartbeat: ask. While contact is lost: keep asking.
    if (silence > this.beat * 1250) await this.ask(Math.max(1000, this.beat * 500));
  }

  /** Ask for the state once, but not within `pause` milliseconds of the last time. */
  async ask(pause = 0) {
    if (this.asking || performance.now() - this.asked < pause) return;
    this.asking = true;
    this.asked = performance.now();
    try {
      const answer = await fetch(this.poll, { cache: "no-cache", signal: AbortSignal.timeout(TIMEOUT_MS) });
      if (!answer.ok) throw new Error(String(answer.status));
      const state = await answer.json();
      if (!this.forward(state.as_of)) throw new Error("an old copy");
      this.heard(state.as_of);
      this.on.state(state);
    } catch {
      if (lost(0, this.since(this.last), this.beat * 1000)) this.lose();
    } finally {
      this.asking = false;
    }
  }

  lose() {
    if (!this.up) return;
    this.up = false;
    this.on.lost();
  }
}
