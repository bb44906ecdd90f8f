/* What a message means on this phone: whether it is for one of its places, how it sounds, and what is shown. Pure.
 *
 * - Whether anything sounds is the phase table's word (../phase.js): once per event, phase and version, never late, never
 *   superseded. How loud it may be is the person's word for the place.
 * - Discreet mode shows neither what it is about nor where: whoever looks at the phone learns nothing.
 * - What is shown is always the newest of its event; an older one that comes late changes nothing.
 */

import { known, newer, take } from "../phase.js";

/** Which of `areas` concern `place` {code, up, down}, and how: [{area, relation}], "same", "contains" or "part". */
export function relations(place, areas) {
  const found = [];
  for (const area of areas) {
    if (area === place.code) found.push({ area, relation: "same" });
    else if ((place.up || []).includes(area)) found.push({ area, relation: "contains" });
    else if ((place.down || []).includes(area) || area.startsWith(`${place.code}-`)) found.push({ area, relation: "part" });
  }
  return found;
}

/** What a person chooses a loudness for, with what may be chosen, the loudest first, and what is meant where nothing was. */
export const STEPS = {
  act: { levels: ["loud", "sound", "silent"], usual: "loud" },
  prepare: { levels: ["sound", "silent"], usual: "sound" },
  "all-clear": { levels: ["sound", "silent"], usual: "sound" },
};
const ORDER = STEPS.act.levels;

/** Which of the steps `phase` belongs to. A retraction is as loud as what it retracts; `sound` says how that was. */
export function stepOf(phase, sound = "alarm") {
  const is = known(phase);
  if (is === "all-clear" || (is === "retracted" && sound !== "alarm")) return "all-clear";
  return is === "prepare" ? "prepare" : "act";
}

/** How loud `place` may be in a step. Until there were steps, one word stood for all of them. */
export function level(place, step) {
  const before = { notify: "silent", silent: "silent" }[place.loud];
  const chosen = before ?? place.loud?.[step];
  return STEPS[step].levels.includes(chosen) ? chosen : STEPS[step].usual;
}

/** The watched places that `notice` is for, loudest first: [{place, why}]. A notice without areas is for all of them. */
export function mine(places, notice, step = stepOf(notice.phase)) {
  return places
    .map((place) => ({ place, why: notice.areas?.length ? relations(place, notice.areas) : [{ area: "", relation: "all" }] }))
    .filter(({ place, why }) => why.length || (notice.more_areas > 0 && notice.areas?.length === 0))
    .sort((a, b) => ORDER.indexOf(level(a.place, step)) - ORDER.indexOf(level(b.place, step)));
}

/** The text of `notice` in the first of `languages` that it has, else in its own first one. */
export function text(notice, languages) {
  const texts = notice.texts || {};
  for (const tag of languages) {
    const found = Object.keys(texts).find((one) => one.split("-")[0].toLowerCase() === tag.split("-")[0].toLowerCase());
    if (found) return { language: found, ...texts[found] };
  }
  const first = Object.keys(texts)[0];
  return first ? { language: first, ...texts[first] } : { language: "", headline: known(notice.phase) };
}

/** How the phone shakes. Each is another rhythm, so that it can be told in a pocket. */
export const VIBRATE = { alarm: [400, 100, 400, 100, 400, 100, 400], notice: [250, 250, 250], test: [120] };

/** Which sound file goes with a sound of the phase table. */
export function file(sound, phase) {
  if (sound === "test") return "test";
  const is = known(phase);
  if (is === "all-clear" || is === "retracted") return "all-clear";
  return sound === "alarm" ? "act" : "prepare";
}

/** What to do with `notice`: {sound, show, title, body, language, silent, stay, vibrate, places, why, event}.
 *  `seen` is changed as by the phase table. `settings` is {languages, discreet, words}. `show` is false for what is old. */
export function judge(notice, places, seen, settings, at) {
  const fresh = newer(seen, { ...notice, ends: stamp(notice.ends) });
  let sound = take(seen, { ...notice, ends: stamp(notice.ends) }, at);
  const step = stepOf(notice.phase, sound || "alarm");
  const concerned = mine(places, notice, step);
  const loud = concerned.length ? level(concerned[0].place, step) : "silent";
  const wanted = concerned.some(({ place }) => !place.phases?.length || place.phases.includes(known(notice.phase)));
  // What ends a danger is always told: nobody may be left in a cellar by a choice made in calm.
  const ending = ["all-clear", "retracted"].includes(known(notice.phase));
  if (loud === "silent" || !(wanted || ending)) sound = "";
  // As other messages, and not as an alarm that stays until somebody looks.
  else if (loud === "sound" && sound === "alarm") sound = "notice";
  const said = text(notice, settings.languages || []);
  const discreet = Boolean(settings.discreet);
  return {
    sound,
    show: fresh && !(notice.ends && at >= stamp(notice.ends)),
    title: discreet ? settings.words?.discreet || "…" : said.headline,
    body: discreet ? "" : [said.instruction, concerned.map(({ place }) => place.name).join(", ")].filter(Boolean).join("\n"),
    language: said.language,
    silent: !sound || discreet,
    stay: sound === "alarm" && !discreet,
    vibrate: sound && !discreet ? VIBRATE[sound] : undefined,
    places: concerned.map(({ place }) => place.code),
    why: concerned.map(({ place, why }) => ({ place: place.code, name: place.name, why })),
    event: notice.event_id,
    discreet,
  };
}

/** Whether `notice` is the letter that proves that this phone can be woken (tocsin/reach/letter.py). */
export function trialOf(notice) {
  return notice.phase === "calm" && notice.event_id.startsWith("trial-");
}

/** Whether `notice` is a letter about the subscription and says nothing of any danger. */
export function letterOf(notice) {
  return notice.phase === "calm" && /^(trial|over|soon|lost|ask|call)-/.test(notice.event_id);
}

/** Whether `notice` asks its person something, now: whether they are safe, or whether they answer a call to duty. */
export function questionOf(notice) {
  return letterOf(notice) && /^(ask|call)-/.test(notice.event_id);
}

/** Milliseconds since 1970 of a time on the wire, or null. */
export function stamp(time) {
  return time === null || time === undefined ? null : typeof time === "number" ? time : Date.parse(time);
}
