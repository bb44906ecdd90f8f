/**
 * Finds the nearest shelters on the device itself: the package of the place comes here, the position goes nowhere.
 *
 * - One fix, when the button is pressed; no watching.
 * - Without a package, without a position or without this script the page stays as the server rendered it.
 */

const EARTH = 6371008.8;
const by = (id) => document.getElementById(id);
const main = by("main");
const button = by("me");

/** Metres between two points in degrees. */
export function metres(a, b, c, d) {
  const r = Math.PI / 180;
  const half = Math.sin(((c - a) * r) / 2) ** 2 + Math.cos(a * r) * Math.cos(c * r) * Math.sin(((d - b) * r) / 2) ** 2;
  return 2 * EARTH * Math.asin(Math.sqrt(Math.min(1, half)));
}

/** Minutes since Monday 00:00 in a time zone. */
export function minuteOfWeek(time, zone) {
  const form = { weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: zone };
  const told = Object.fromEntries(new Intl.DateTimeFormat("en-GB", form).formatToParts(time).map((p) => [p.type, p.value]));
  return ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].indexOf(told.weekday) * 1440 + Number(told.hour) * 60 + Number(told.minute);
}

/** Open, closed, doubtful or unknown; what nobody knows is never open. */
export function status(flags, spans, minute) {
  if (flags & 16) return "closed";
  if (flags & 32) return "doubtful";
  if (!spans) return "unknown";
  const inside = spans.some(([start, end]) => (minute >= start && minute < end) || minute + 10080 < end);
  return inside ? "open" : "closed";
}

/** The nearest of a package that are not closed. */
export function nearest(pack, latitude, longitude, time, most) {
  const minute = minuteOfWeek(time, pack.zone);
  const column = Object.fromEntries(pack.columns.map((name, place) => [name, place]));
  return pack.rows
    .map((row) => {
      const [said, spans] = pack.hours[row[column.hours]];
      const lat = (row[column.lat] + pack.base[0]) / 1e5;
      const lon = (row[column.lon] + pack.base[1]) / 1e5;
      const address = [pack.streets[row[column.street]], row[column.house]].filter(Boolean).join(", ");
      const away = metres(latitude, longitude, lat, lon);
      const minutes = Math.ceil((away * pack.walking.detour) / pack.walking.metres_per_second / 60);
      return {
        id: row[column.id], name: row[column.name], address, kind: pack.kinds[row[column.kind]],
        said, lat, lon, away, minutes, status: status(row[column.flags], spans, minute),
      };
    })
    .filter((one) => one.status !== "closed")
    .sort((a, b) => a.away - b.away)
    .slice(0, most);
}

function fill(one, number, choice, words) {
  const row = by("row").content.cloneNode(true);
  const put = (selector, text) => { row.querySelector(selector).textContent = text; };
  const limit = Number(main.dataset.minutes);
  put(".first", words.querySelector(`[data-badge="${choice}"]`)?.textContent ?? "");
  put(".no", String(number));
  const kind = words.querySelector(`[data-kind="${one.kind}"]`)?.textContent ?? "";
  put(".name", one.name || one.address || kind);
  const late = one.minutes > limit ? ` (${main.dataset.late})` : "";
  put(".away", `${main.dataset.walk.replace("{n}", one.minutes)} · ${main.dataset.metres.replace("{n}", Math.round(one.away))}${late}`);
  row.querySelector(".stands").append(by(`st-${one.status}`).content.cloneNode(true), ` · ${kind}`);
  put(".address", one.name ? one.address : "");
  put(".facts-of li", one.said === "24/7" ? main.dataset.always : one.said ? main.dataset.hours.replace("{hours}", one.said) : "");
  row.querySelector(".does a").href = `geo:${one.lat},${one.lon}`;
  return row;
}

function show(pack, latitude, longitude) {
  const found = nearest(pack, latitude, longitude, new Date(), 12);
  const words = by("kinds").content;
  const advice = by("advice");
  advice.replaceChildren();
  if (!found.some((one) => one.minutes <= Number(main.dataset.minutes))) {
    const none = by("none").content.cloneNode(true);
    none.querySelector("h2").textContent = main.dataset.none;
    advice.append(none);
  }
  // Who runs to a locked door has lost the time there was: nobody is sent first to one in doubt.
  const sure = found.filter((one) => one.status !== "doubtful");
  document.querySelector(".near").replaceChildren(...found.map((one, at) => fill(one, at + 1, sure.indexOf(one) + 1, words)));
  document.querySelector(".draw")?.remove();
  by("said").textContent = main.dataset.here;
  by("list").focus();
}

async function find() {
  const pack = fetch(`/v1/shelters/offline/${encodeURIComponent(main.dataset.place)}.json?lang=${main.dataset.lang}`)
    .then((answer) => (answer.ok ? answer.json() : Promise.reject(answer.status)))
    .then((signed) => JSON.parse(signed.payload));
  const fix = new Promise((done, failed) => navigator.geolocation.getCurrentPosition(done, failed, { timeout: 15000, maximumAge: 60000 }));
  try {
    const [known, at] = await Promise.all([pack, fix]);
    show(known, at.coords.latitude, at.coords.longitude);
  } catch {
    by("said").textContent = main.dataset.no;
  }
}

if (button && "geolocation" in navigator) {
  button.hidden = false;
  by("private").hidden = false;
  button.addEventListener("click", find);
}
