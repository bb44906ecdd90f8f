/* Shelters out of a package, reckoned on the device: pure functions, used by the page of shelters and by the app.
 *
 * - What nobody knows is never open, and what is closed is not listed.
 */

const EARTH = 6371008.8;

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

/** Whole minutes on foot for so many metres in a straight line. */
export function onFoot(away, { detour, metres_per_second }) {
  return Math.ceil((away * detour) / metres_per_second / 60);
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
      return {
        id: row[column.id], name: row[column.name], address, kind: pack.kinds[row[column.kind]],
        said, lat, lon, away, minutes: onFoot(away, pack.walking), status: status(row[column.flags], spans, minute),
      };
    })
    .filter((one) => one.status !== "closed")
    .sort((a, b) => a.away - b.away)
    .slice(0, most);
}

/** The middle of a package's place in degrees. */
export const middle = (pack) => [pack.base[0] / 1e5, pack.base[1] / 1e5];
