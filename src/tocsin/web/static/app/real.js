/* "Is this real?": whether a message that somebody was sent is one of ours. Pure; what is asked of the server is given to it.
 *
 * - Three answers, and a fourth without contact: ours; not found in what we published; not ours; cannot be known here.
 * - A link that leads elsewhere makes it "not ours" also where our own words stand beside it: that is how people are led away.
 */

const LINK = /\bhttps?:\/\/[^\s<>"'()]+/gi;
const PLAIN = /(^|[\s(])((?:[a-z0-9-]+\.)+[a-z]{2,})\/\S*/gi;
const SHORTEST = 20;

/** The hosts that a text leads to, and the codes in it that might name an alert. */
export function parts(text) {
  const links = text.match(LINK) || [];
  const hosts = links.map((link) => {
    try {
      return new URL(link).host.toLowerCase();
    } catch {
      return "?";
    }
  });
  const rest = text.replace(LINK, " ");
  for (const [, , host] of rest.matchAll(PLAIN)) hosts.push(host.toLowerCase());
  const codes = links.flatMap((link) => /\/alerts\/([^/?#]+?)(?:\.(?:xml|json))?(?:[?#]|$)/.exec(link)?.[1] ?? []).map(plainly);
  for (const word of rest.split(/\s+/)) {
    const code = word.replace(/^[^\w]+|[^\w]+$/g, "");
    if (code.length >= 6 && /\d/.test(code) && /[.\-_]/.test(code)) codes.push(code);
  }
  return { hosts, codes: [...new Set(codes)].slice(0, 5) };
}

function plainly(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A text as it is compared: letters and digits in small letters, single spaces. */
export const bare = (text) => text.normalize("NFKC").toLowerCase().replace(/[^\p{L}\p{N}]+/gu, " ").trim();

/** Whether `text` says what `alert` (of /v1/alerts) says. A word or two that anybody may say prove nothing. */
export function says(text, alert) {
  const given = bare(text);
  const said = [...Object.values(alert.headline || {}), ...Object.values(alert.instruction || {})].map(bare);
  return said.some((one) => one.length >= SHORTEST && (given.includes(one) || (given.length >= SHORTEST && one.includes(given))));
}

/** Judge `text`: {answer: "ours" | "none" | "elsewhere", alert, host}. `own` are our hosts; `byCode` and `recent` ask. */
export async function real(text, own, byCode, recent) {
  const { hosts, codes } = parts(text);
  const host = hosts.find((one) => !own.includes(one));
  if (host !== undefined) return { answer: "elsewhere", host };
  const listed = await recent();
  for (const code of codes) {
    const alert = listed.find((one) => one.identifier === code || one.event_id === code) ?? (await byCode(code));
    if (alert) return { answer: "ours", alert };
  }
  // With a code that is none of ours the words prove nothing: they may be copied from an old one.
  const alert = codes.length ? undefined : listed.find((one) => says(text, one));
  return alert ? { answer: "ours", alert } : { answer: "none" };
}
