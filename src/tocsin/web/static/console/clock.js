/**
 * The clocks of a page: the time at home, and everything that counts down or up, by the server's clock.
 *
 * - `[data-until]` says how long until a moment, or how long it has been; the words stand in `data-in` and `data-over`.
 */
const page = document.querySelector(".desk-page");
const skew = Date.parse(page.dataset.at) - Date.now();
const { unitH, unitMin, unitS } = page.dataset;

export const now = () => Date.now() + skew;

export function span(ms) {
  const seconds = Math.floor(Math.abs(ms) / 1000);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  if (seconds < 180) return seconds < 60 ? `${seconds}\u00a0${unitS}` : `${minutes}\u00a0${unitMin} ${seconds % 60}\u00a0${unitS}`;
  return [hours ? `${hours}\u00a0${unitH}` : "", `${minutes}\u00a0${unitMin}`].filter(Boolean).join(" ");
}

function tick() {
  for (const one of document.querySelectorAll("[data-until]")) {
    const ms = Date.parse(one.dataset.until) - now();
    const text = (ms < 0 ? one.dataset.over : one.dataset.in).replace("{time}", span(ms));
    if (one.textContent !== text) one.textContent = text;
    one.classList.toggle("late", ms < 0);
  }
  for (const one of document.querySelectorAll("time.clock")) {
    one.textContent = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", timeZone: one.dataset.zone }).format(now());
  }
}

tick();
setInterval(tick, 1000);
