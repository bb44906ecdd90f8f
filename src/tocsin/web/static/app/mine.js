/* My shelter: the one that a person has chosen, kept on this phone and shown first when it counts, also without a network.
 *
 * - Minutes on foot are of one fix on this phone, or what the person wrote; a guess is never made.
 * - It is shown where one must act, and where it is not known whether one must still. It says nothing about the danger.
 */

import { drop, keep, one } from "./keep.js";

/** Keep a shelter {place, id, name, address, kind, lat, lon, minutes, words} as mine. */
export const choose = (shelter) => keep("shelter", { ...shelter, chosen: Date.now() });

export const mine = () => one("shelter");
export const leave = () => drop("one", "shelter");

/** Change the minutes on foot; null where nobody knows. */
export async function walk(minutes) {
  const kept = await mine();
  if (kept) await keep("shelter", { ...kept, minutes, by: "hand" });
}

/** My shelter as a part of a page, for whoever must go now. `tag` is the heading's level. */
export function card(shelter, tag = "h2") {
  const { words } = shelter;
  const part = document.createElement("section");
  part.className = "card mine";
  const add = (name, text, parent = part) => {
    const made = document.createElement(name);
    made.textContent = text;
    made.dir = "auto";
    parent.append(made);
    return made;
  };
  add(tag, `${words.mine}: ${shelter.name || shelter.address || shelter.kind}`);
  const facts = [shelter.minutes ? words.minutes.replace("{n}", shelter.minutes) : "", shelter.name ? shelter.address : ""];
  for (const fact of facts.filter(Boolean)) add("p", fact);
  const way = add("p", "");
  const link = add("a", words.map, way);
  link.href = `geo:${shelter.lat},${shelter.lon}`;
  link.className = "button go";
  return part;
}

/** Whether what is shown asks for a shelter: act or hold, or unknown after one of them. */
export const asks = (phase, last) => ["act", "hold"].includes(phase) || (phase === "unknown" && ["act", "hold"].includes(last));

/** Keep my shelter at the top of a place's page while it asks for one. */
export async function beside() {
  const shelter = await mine().catch(() => null);
  if (!shelter) return;
  const set = () => {
    const { phase, lost } = document.body.dataset;
    const main = document.getElementById("main");
    const there = main.querySelector(":scope .mine");
    const wanted = asks(phase, lost ?? "");
    if (wanted && !there) document.getElementById("said").after(card(shelter));
    else if (!wanted) there?.remove();
  };
  new MutationObserver(set).observe(document.body, { attributes: true, attributeFilter: ["data-phase", "data-lost"], childList: true });
  set();
}
