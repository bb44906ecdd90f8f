/**
 * Composing with a script: the form saves itself a moment after each change, and the words follow beside it.
 *
 * - A save is one request at a time; what changed meanwhile is saved after it. Nothing is lost when it fails or hangs: the
 *   page says so at once, and tries again.
 * - Which control has the focus, which detail is open and what is typed into the preview stays as it is, whatever answer
 *   comes while one types; what was typed before this script had come is saved by it.
 * - A button sends the whole form, so it goes after the save that is under way, and nothing older follows it: a form as it
 *   was before would take the area back that the button has just added.
 */
const sheet = document.getElementById("sheet");
const preview = document.getElementById("preview");
const saved = document.getElementById("saved");
const texts = { ...saved.dataset };
const PAUSE = 400, AGAIN = 3000, LONGEST = 10000;
let timer = 0, under = null, dirty = false, leaving = false;

const sending = () => {
  const form = new URLSearchParams();
  for (const [name, value] of new FormData(sheet)) if (typeof value === "string" && name !== "q") form.append(name, value);
  return form;
};

const choice = (one) => one.type === "checkbox" || one.type === "radio";
const fields = (within) => [...within.querySelectorAll("input[name]:not([type=hidden], [type=file]), textarea[name], select[name]")];

/** Replace the preview by what the server made of `sent`; what is typed into it since stays. */
function show(html, sent) {
  const open = new Map([...preview.querySelectorAll("details")].map((one) => [one.querySelector("summary b")?.textContent, one.open]));
  const top = preview.scrollTop;
  const held = preview.contains(document.activeElement) ? document.activeElement : null;
  const [name, at] = held ? [held.name, held.selectionStart] : ["", 0];
  const typed = fields(preview).filter((one) => one.value !== sent.get(one.name)).map((one) => [one.name, one.value]);
  preview.innerHTML = html;
  for (const one of preview.querySelectorAll("details")) {
    const was = open.get(one.querySelector("summary b")?.textContent);
    if (was !== undefined) one.open = was;
  }
  for (const [field, value] of typed) {
    const one = preview.querySelector(`[name="${CSS.escape(field)}"]`);
    if (one) one.value = value;
  }
  preview.scrollTop = top;
  const again = name && preview.querySelector(`[name="${CSS.escape(name)}"]`);
  if (again) {
    again.focus();
    if (again.setSelectionRange && at !== null) again.setSelectionRange(at, at);
  }
  const card = preview.querySelector("[data-changes]");
  sheet.elements.seen.value = card.dataset.changes;
  saved.classList.remove("lost");
  saved.textContent = `${texts.saved} ${card.dataset.saved}`;
}

async function send() {
  const sent = sending();
  saved.textContent = texts.saving;
  try {
    const answer = await fetch(sheet.getAttribute("action"), {
      method: "POST",
      headers: { "X-Requested-With": "fetch", Accept: "text/html" },
      body: sent,
      credentials: "same-origin",
      signal: AbortSignal.timeout(LONGEST),
    });
    if (!answer.ok) throw new Error(String(answer.status));
    show(await answer.text(), sent);
  } catch {
    saved.classList.add("lost");
    saved.textContent = texts.lost;
    later(AGAIN);
  }
}

const still = () => {
  clearTimeout(timer);
  timer = 0;
  dirty = false;
};

/** Save what stands in the form now; while a save is under way, after it. */
export async function save() {
  const wait = under !== null;
  still();
  dirty = wait;
  if (wait) return under;
  under = send();
  await under;
  under = null;
  if (dirty && !leaving) save();
}

function later(pause = PAUSE) {
  if (leaving) return;
  clearTimeout(timer);
  timer = setTimeout(save, pause);
}
const counts = (one) => !["q", "whole"].includes(one.name) && !one.matches("[data-file]");
sheet.addEventListener("input", (event) => counts(event.target) && later());
sheet.addEventListener("focusout", () => dirty && save());

const leave = () => {
  still();
  leaving = true;
  // Whoever stops the page from leaving goes on writing here.
  setTimeout(() => { leaving = false; }, LONGEST);
};
sheet.addEventListener("submit", async (event) => {
  leave();
  if (!under) return;
  event.preventDefault();
  await under;
  still();
  sheet.requestSubmit(event.submitter);
});
addEventListener("pagehide", () => {
  if (!leaving && (timer || dirty || under)) navigator.sendBeacon?.(sheet.getAttribute("action"), sending());
});
addEventListener("pageshow", (event) => {
  if (event.persisted) leaving = false;
});

// A choice of the phase changes which hazards and times there are, so the page is made anew.
for (const one of sheet.querySelectorAll("input[name=phase]")) {
  one.addEventListener("change", anew);
}
function anew() {
  for (const name of ["starts", "ends", "next"]) sheet.elements[name].disabled = true;
  sheet.requestSubmit(sheet.querySelector("button[name=do][value=save]"));
}

// What was changed while this script was on its way.
const changed = (one) => {
  if (choice(one)) return one.checked !== one.defaultChecked;
  if (one.options) return [...one.options].some((each) => each.defaultSelected && !each.selected);
  return one.value !== one.defaultValue;
};
const touched = fields(sheet).filter((one) => counts(one) && changed(one));
if (touched.some((one) => one.name === "phase")) anew();
else if (touched.length) later(0);

// Searching while typing. What was found for older letters is never taken for what is typed now.
const found = document.getElementById("found");
const search = sheet.querySelector("[data-search]");
const asked = () => search.value.trim();
let asking = 0, answered = asked();
async function look() {
  const text = asked();
  if (!text) return void (found.innerHTML = "");
  const answer = await fetch(`/console/search?q=${encodeURIComponent(text)}`, { headers: { Accept: "text/html" } }).catch(() => null);
  const html = answer?.ok ? await answer.text() : "";
  if (!answer?.ok || text !== asked()) return;
  found.innerHTML = html;
  answered = text;
}
search.addEventListener("input", () => {
  clearTimeout(asking);
  asking = setTimeout(look, 180);
});
search.addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  event.preventDefault();
  ((answered === asked() && found.querySelector("button[name=add]")) || sheet.querySelector("button[value=search]")).click();
});

// A file is read here and sent as text, so that one way of sending forms is enough.
const file = document.querySelector("[data-file]");
async function take() {
  const [one] = file.files;
  if (!one) return;
  const form = document.getElementById("area-file");
  form.elements.file.value = await one.text();
  file.disabled = true;
  // What is typed beside it is saved first: a form that came after the file would bring the old area back.
  if (timer || dirty || under) await save();
  await under;
  leave();
  form.submit();
}
file.addEventListener("change", take);
take();
