/* How a notice arrives, by whatever way: push, stream and poll go through the same gate, so that one step sounds once.
 *
 * - The gate is one step on the disk of the phone: of two that come in the same moment only the first finds it open, and the
 *   second finds what the first has kept, so that it has something to show.
 * - What seems to be over by this phone's clock is over only if the server's clock says so too, where it can be asked: a
 *   clock that is hours ahead must not silence an alarm.
 * - What a stream or an answered poll says is put into the form of a notice, so that one table judges all three.
 */

import { all, exchange, one } from "./keep.js";
import { judge, stamp } from "./message.js";
import { skew } from "./outbox.js";
import { known, newer } from "../phase.js";

/** A bulletin of the stream as a notice. */
export function noticeOf(bulletin) {
  const texts = {};
  for (const [tag, headline] of Object.entries(bulletin.headline || {})) {
    texts[tag] = { headline, instruction: bulletin.instruction?.[tag] || "" };
  }
  const { identifier, event_id, version, phase, realm, areas, url } = bulletin;
  return { identifier, event_id, version, phase, realm, areas, url, texts, ends: bulletin.expires };
}

/** The state of a place, as a poll answers it, as a notice; null where nothing is said that anybody must hear. */
export function noticeFrom(state, language) {
  const [first] = state.alerts;
  if (!first || ["calm", "unknown"].includes(known(state.phase))) return null;
  const texts = { [language]: { headline: state.headline, instruction: state.instruction } };
  return { ...first, phase: state.phase, realm: state.realm, areas: [state.place], url: `/at/${state.place}`, texts, ends: null };
}

const ASK_MS = 3000;

/** The moment by which `notice` is judged. */
async function moment(notice, at) {
  const over = notice.ends && at >= stamp(notice.ends);
  return over ? at + (await skew(ASK_MS).catch(() => 0)) : at;
}

/** Take a notice in: what {@link judge} says of it, with `fresh`, whether it is the first of its version here, and
 *  `current`, whether nothing newer of its event has come. */
export async function arrive(notice, channel, at, words) {
  const settings = { ...(await one("settings", {})), words };
  const [places, when] = [await all("places"), await moment(notice, at)];
  let found, fresh;
  const before = await exchange("seen", notice.event_id, (kept, keepNotice) => {
    const seen = new Map(kept ? [[notice.event_id, kept]] : []);
    fresh = newer(seen, notice);
    found = judge(notice, places, seen, settings, when);
    if (found.show) keepNotice({ ...notice, ends: null, received: at, channel, why: found.why });
    return fresh ? { event_id: notice.event_id, version: notice.version, phase: known(notice.phase) } : undefined;
  }, "notices");
  return { ...found, fresh, current: fresh || before.version === notice.version };
}

/** How a notice stands in the phone's list: the options of a notification. */
export function options(found, notice) {
  return {
    body: found.body,
    lang: found.language,
    dir: "auto",
    tag: notice.event_id,
    renotify: Boolean(found.sound) && !found.silent,
    silent: found.silent,
    requireInteraction: found.stay,
    vibrate: found.silent ? undefined : found.vibrate,
    icon: found.discreet ? `/static/icon/app-${notice.realm}-192.png` : `/static/icon/${notice.realm}-${known(notice.phase)}.svg`,
    timestamp: stamp(notice.sent) ?? Date.now(),
    data: { event: notice.event_id, place: found.discreet ? "" : found.places[0] || "", alert: notice.identifier || "" },
  };
}
