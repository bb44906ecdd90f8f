/* Whose word it is: the realm's key over heartbeats and packages, checked on this phone (Ed25519, RFC 8032).
 *
 * - The key that was seen first is kept; another one under the same roof is said, and not taken in silence.
 * - A browser that cannot check says so: "not checked" is neither right nor wrong.
 */

import { keep, one } from "./keep.js";

const bytesOf = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));

/** The key of a PEM text, or null where this browser has no Ed25519. */
export async function opened(pem) {
  const der = bytesOf(pem.replace(/-----[^-]+-----|\s/g, ""));
  try {
    return await crypto.subtle.importKey("spki", der, { name: "Ed25519" }, false, ["verify"]);
  } catch {
    return null; // Also where the page did not come over https: there is no WebCrypto then.
  }
}

/** Whether the key of `pem` signed `payload` (bytes): true, false, or null where nobody can tell here. */
export async function verify(pem, payload, signature) {
  const key = await opened(pem);
  if (!key) return null;
  try {
    return await crypto.subtle.verify({ name: "Ed25519" }, key, bytesOf(signature), payload);
  } catch {
    return false;
  }
}

/** The public keys as this phone first saw them: [{key_id, public_pem, first}]; a new one is `later`. */
export async function keys(wanted) {
  const kept = await one("keys", []);
  if (kept.some((one) => one.key_id === wanted)) return kept;
  const answer = await fetch("/v1/keys", { cache: "no-cache", signal: AbortSignal.timeout(6000) });
  if (!answer.ok) return kept;
  for (const { key_id, public_pem } of (await answer.json()).keys) {
    if (!kept.some((one) => one.key_id === key_id)) kept.push({ key_id, public_pem, first: Date.now(), later: kept.length > 0 });
  }
  await keep("keys", kept);
  return kept;
}

/** Judge something signed {payload, signature, key_id}: {good, key, content}. `good` is true, false, or null for not checked.
 *  `content` is what was signed, and nothing else may be used. */
export async function judged(signed, packed = false) {
  const payload = packed ? new TextEncoder().encode(signed.payload) : bytesOf(signed.payload);
  const found = (await keys(signed.key_id).catch(() => [])).find((one) => one.key_id === signed.key_id);
  const content = JSON.parse(new TextDecoder().decode(payload));
  if (!found) return { good: null, key: null, content };
  return { good: await verify(found.public_pem, payload, signed.signature), key: found, content };
}

/** Judge a heartbeat: as {@link judged}, and false also for what is signed but is no heartbeat of this realm. */
export async function heartbeat(signed, realm) {
  const found = await judged(signed);
  const right = found.content.kind === "tocsin-heartbeat" && found.content.realm === realm;
  return right ? found : { ...found, good: false };
}
