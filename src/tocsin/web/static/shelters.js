/**
 * Finds the nearest shelters on the device itself: the package of the place comes here, the position goes nowhere.
 *
 * - One fix, when the button is pressed; no watching.
 * - Without a package, without a position or without this script the page stays as the server rendered it.
 * - Without a network the list comes out of the package that the phone keeps, and says how old it is.
 * - One of them can be kept as "my shelter", on this phone and nowhere else.
 */

import { middle, nearest } from "./app/near.js";
import { choose, mine } from "./app/mine.js";
import { judged } from "./app/signed.js";

export { metres, minuteOfWeek, nearest, status } from "./app/near.js";

const by = (id) => document.getElementById(id);
const main = by("main");
const button = by("me");
const words = by("kinds").content;
const own = { mine: main.dataset.mine, minutes: main.dataset.walk, map: main.dataset.map };

function kindOf(one) {
  return words.querySelector(`[data-kind="${one.kind}"]`)?.textContent ?? "";
}

/** The button that keeps a shelter as mine. */
async function keeper(row, one) {
  const press = row.querySelector(".own");
  press.hidden = false;
  const set = (chosen) => {
    press.setAttribute("aria-pressed", String(chosen));
    press.textContent = chosen ? main.dataset.chosen : main.dataset.mine;
  };
  const same = (kept) => Boolean(kept) && kept.lat === one.lat && kept.lon === one.lon;
  press.addEventListener("click", async () => {
    const { name, address, lat, lon, minutes, id } = one;
    await choose({ place: main.dataset.place, id, name, address, kind: kindOf(one) || one.kind, lat, lon, minutes: minutes ?? null, by: "fix", words: own });
    for (const other of document.querySelectorAll(".near .own")) {
      other.setAttribute("aria-pressed", "false");
      other.textContent = main.dataset.mine;
    }
    set(true);
  });
  set(same(await mine().catch(() => null)));
}

function fill(one, number, choice, here) {
  const row = by("row").content.cloneNode(true).firstElementChild;
  const put = (selector, text) => { row.querySelector(selector).textContent = text; };
  const limit = Number(main.dataset.minutes);
  put(".first", here ? (words.querySelector(`[data-badge="${choice}"]`)?.textContent ?? "") : "");
  put(".no", String(number));
  const kind = kindOf(one);
  put(".name", one.name || one.address || kind);
  const late = one.minutes > limit ? ` (${main.dataset.late})` : "";
  put(".away", here ? `${main.dataset.walk.replace("{n}", one.minutes)} · ${main.dataset.metres.replace("{n}", Math.round(one.away))}${late}` : "");
  row.querySelector(".stands").append(by(`st-${one.status}`).content.cloneNode(true), ` · ${kind}`);
  put(".address", one.name ? one.address : "");
  put(".facts-of li", one.said === "24/7" ? main.dataset.always : one.said ? main.dataset.hours.replace("{hours}", one.said) : "");
  row.querySelector(".does a").href = `geo:${one.lat},${one.lon}`;
  keeper(row, here ? one : { ...one, minutes: null });
  return row;
}

/** Show the nearest to a point; `here`: it is where the reader is, and not only the middle of the place. */
function show(pack, latitude, longitude, here = true) {
  const found = nearest(pack, latitude, longitude, new Date(), 12);
  const advice = by("advice");
  advice.replaceChildren();
  if (here && !found.some((one) => one.minutes <= Number(main.dataset.minutes))) {
    const none = by("none").content.cloneNode(true);
    none.querySelector("h2").textContent = main.dataset.none;
    advice.append(none);
  }
  // Who runs to a locked door has lost the time there was: nobody is sent first to one in doubt.
  const sure = found.filter((one) => one.status !== "doubtful");
  document.querySelector(".near").replaceChildren(...found.map((one, at) => fill(one, at + 1, sure.indexOf(one) + 1, here)));
  document.querySelector(".draw")?.remove();
  if (here) by("said").textContent = main.dataset.here;
}

/** The package of this place: from the server, or as the phone keeps it. What is signed wrongly is never shown. */
async function packed() {
  const answer = await fetch(`/v1/shelters/offline/${encodeURIComponent(main.dataset.place)}.json?lang=${main.dataset.lang}`);
  if (!answer.ok) throw new Error(String(answer.status));
  const { good, content } = await judged(await answer.json(), true);
  if (good === false) {
    by("said").textContent = main.dataset.forged;
    throw new Error("forged");
  }
  return content;
}

const away = () => "cached" in document.body.dataset || !navigator.onLine;

function age(pack) {
  const form = { dateStyle: "medium", timeStyle: "short", timeZone: pack.zone };
  const told = by("age");
  told.hidden = false;
  told.textContent = main.dataset.old.replace("{time}", new Intl.DateTimeFormat(main.dataset.lang, form).format(Date.parse(pack.as_of)));
}

async function find() {
  const fix = new Promise((done, failed) => navigator.geolocation.getCurrentPosition(done, failed, { timeout: 15000, maximumAge: 60000 }));
  try {
    const [known, at] = await Promise.all([packed(), fix]);
    show(known, at.coords.latitude, at.coords.longitude);
    if (away()) age(known);
    by("list").focus();
  } catch (wrong) {
    if (wrong.message !== "forged") by("said").textContent = main.dataset.no;
  }
}

/** Without a network: the whole list out of the package, from the middle of the place, and its age. */
async function without() {
  try {
    const known = await packed();
    show(known, ...middle(known), false);
    age(known);
  } catch {
    by("age").hidden = false;
    by("age").textContent = main.dataset.nopack;
  }
}

if (button && "geolocation" in navigator) {
  button.hidden = false;
  by("private").hidden = false;
  button.addEventListener("click", find);
}
for (const row of document.querySelectorAll(".near > li[data-at]")) {
  const [lat, lon] = row.dataset.at.split(",").map(Number);
  const { id, name, address, kind, walk } = row.dataset;
  keeper(row, { id, name, address, kind, lat, lon, minutes: walk ? Number(walk) : null });
}
if ("cached" in document.body.dataset) without();
navigator.serviceWorker?.register("/sw.js").catch(() => {});
