/* The client's twin of the phase table (tocsin/cap/phase.py, thread.py, standing.py): pure functions, no page, no clock.
 *
 * - Nothing here leads to calm but a source that is proven fresh: what runs out or falls silent is unknown, and the last
 *   phase is kept beside it so that the page can say "keep doing it".
 * - Version decides and not arrival: what is not newer changes nothing and never sounds.
 * - Both sides are tested with the same cases (tests/rules/cap/phase_cases.json).
 *
 * Times are milliseconds since 1970 in UTC, or null.
 */

export const CALM = "calm", PREPARE = "prepare", ACT = "act", HOLD = "hold";
export const ALL_CLEAR = "all-clear", RETRACTED = "retracted", UNKNOWN = "unknown";
export const PHASES = [CALM, PREPARE, ACT, HOLD, ALL_CLEAR, RETRACTED, UNKNOWN];
export const ALL_CLEAR_FOR = 30 * 60 * 1000;

export const LEGAL = {
  [CALM]: [CALM, PREPARE, ACT, HOLD, RETRACTED, UNKNOWN],
  [PREPARE]: [CALM, PREPARE, ACT, HOLD, ALL_CLEAR, RETRACTED, UNKNOWN],
  [ACT]: [ACT, HOLD, ALL_CLEAR, RETRACTED, UNKNOWN],
  [HOLD]: [ACT, HOLD, ALL_CLEAR, RETRACTED, UNKNOWN],
  [ALL_CLEAR]: [CALM, PREPARE, ACT, HOLD, ALL_CLEAR, RETRACTED, UNKNOWN],
  [RETRACTED]: [CALM, PREPARE, ACT, HOLD, RETRACTED, UNKNOWN],
  [UNKNOWN]: PHASES,
};

export const RANK = { [CALM]: 0, [RETRACTED]: 1, [ALL_CLEAR]: 2, [PREPARE]: 3, [UNKNOWN]: 4, [HOLD]: 5, [ACT]: 6 };

const danger = (phase) => phase === ACT || phase === HOLD;
const ended = (phase) => phase === ALL_CLEAR || phase === RETRACTED;

/** A phase as it came over the wire. One that nobody knows is something to read, and never calm. */
export function known(phase) {
  return PHASES.includes(phase) ? phase : PREPARE;
}

/** Whether `to` may follow `from` at one place. */
export function legal(from, to) {
  return LEGAL[from].includes(to);
}

/** The phase after `saying` where `before` stood (null: nothing was seen), or null when the step is illegal.
 *  A saying is {phase, machine, severity, actions}; `last` is the one that made `before`. */
export function follow(before, saying, last = null) {
  let phase = saying.phase;
  if (danger(before) && !saying.machine) {
    if (phase === ACT) {
      const more = (saying.actions || []).some((action) => !((last && last.actions) || []).includes(action));
      const graver = last !== null && ((saying.severity || 0) > (last.severity || 0) || more);
      phase = graver ? ACT : HOLD;
    } else if (phase === PREPARE) {
      phase = HOLD;
    }
  }
  return before !== null && !legal(before, phase) ? null : phase;
}

/** A standing {phase, ends} after the clock and the loss of its source have had their say: {phase, last}. */
export function settle(standing, at, fresh) {
  const phase = known(standing.phase);
  const over = standing.ends !== null && standing.ends !== undefined && at >= standing.ends;
  if (phase === CALM) return { phase: fresh ? CALM : UNKNOWN, last: CALM };
  if (phase === UNKNOWN) return { phase: UNKNOWN, last: standing.last || UNKNOWN };
  if (danger(phase)) return { phase: over || !fresh ? UNKNOWN : phase, last: phase };
  if (!fresh) return { phase: UNKNOWN, last: phase };
  return { phase: over ? CALM : phase, last: phase };
}

/** The phase of a place under standings {phase, last, since} that are settled already: {phase, last}. */
export function decide(standings, contact) {
  const group = (one) => {
    if (one.phase === ACT) return 4;
    if (one.phase === HOLD) return 3;
    if (one.phase === UNKNOWN) return danger(one.last) ? 2 : 0;
    return 1;
  };
  const since = (one) => (one.since === null || one.since === undefined ? -Infinity : one.since);
  const order = (a, b) => group(b) - group(a) || since(b) - since(a) || RANK[b.last] - RANK[a.last];
  const standing = standings.filter((one) => one.phase !== CALM).sort(order);
  const first = standing[0];
  if (first && group(first) >= 2) return { phase: first.phase, last: first.last };
  if (contact.lost) return { phase: UNKNOWN, last: first ? first.last : UNKNOWN };
  if (first) return { phase: first.phase, last: first.last };
  return contact.covered ? { phase: CALM, last: CALM } : { phase: UNKNOWN, last: UNKNOWN };
}

/** Whether `incoming` {event_id, version} is newer than what `seen` (a Map of event_id to its newest) has. */
export function newer(seen, incoming) {
  const before = seen.get(incoming.event_id);
  return before === undefined || incoming.version > before.version;
}

/** Whether `incoming` {event_id, version, phase, ends, realm} should sound: "alarm", "notice", "test" or "" for silence.
 *  Once per event, phase and version, again only when it asks more; never when it is late, superseded or expired. */
export function sounds(seen, incoming, at) {
  const phase = known(incoming.phase);
  const expired = incoming.ends !== null && incoming.ends !== undefined && at >= incoming.ends;
  if (!newer(seen, incoming) || expired || phase === CALM || phase === UNKNOWN) return "";
  const before = seen.get(incoming.event_id);
  if (before !== undefined && known(before.phase) === phase) return "";
  if (before !== undefined && danger(known(before.phase)) && phase === HOLD) return "";
  if (incoming.realm !== "actual") return "test";
  // A retraction is as loud as what it retracts; an all-clear has the ordinary tone and never a siren.
  const loud = danger(phase) || (phase === RETRACTED && (before === undefined || danger(known(before.phase))));
  return loud ? "alarm" : "notice";
}

/** Take `incoming` into `seen`; returns how it sounds. */
export function take(seen, incoming, at) {
  const sound = sounds(seen, incoming, at);
  if (newer(seen, incoming)) seen.set(incoming.event_id, { version: incoming.version, phase: known(incoming.phase) });
  return sound;
}

/** How long after the last sign of life contact counts as lost: two intervals, as on the server. */
export function lost(lastHeard, at, interval) {
  return lastHeard === null || lastHeard === undefined || at - lastHeard > 2 * interval;
}
