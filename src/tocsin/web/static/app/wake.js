/* The screen stays on while one must act, because somebody asked for it; never by itself, and not a moment longer. */

let wanted = false;
let lock = null;

async function take() {
  lock = await navigator.wakeLock.request("screen").catch(() => null);
}

/** Whether this browser can. */
export const able = () => "wakeLock" in navigator;

/** Keep the screen on, or no longer; returns whether it is kept on now. */
export async function awake(on) {
  wanted = on;
  if (on && (!lock || lock.released)) await take();
  if (!on) {
    await lock?.release().catch(() => {});
    lock = null;
  }
  return Boolean(lock);
}

/** A browser lets go when the page is hidden; ask again when it is seen. */
export async function seen() {
  if (wanted && lock?.released) await take();
}
