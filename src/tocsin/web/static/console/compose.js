/**
 * Composing with a script: the form saves itself a moment after each change, and the words follow beside it.
 *
 * - A save is one request at a time; what changed meanwhile is saved after it. Nothing is lost when it fails: the page says
 *   so at once, and tries again.
 * - Which control has the focus, which detail is open and what is typed into the preview stays as it is.
 */
const sheet = document.getElementById("sheet");
const preview = document.getElementById("preview");
const saved = document.getElementById("saved");
const texts = { ...saved.dataset };
const PAUSE = 400, AGAIN = 3000;
let timer = 0, busy = false, dirty = false;

const sending = () => {
  const fields = new URLSearchParams();
  for (const [name, value] of new FormData(sheet)) if (typeof value === "string" && name !== "q") fields.append(name, value);
  return fields;
};

function show(html) {
  const open = new Map([...preview.querySelectorAll("details")].map((one) => [one.querySelector("summary b")?.textContent, one.open]));
  const top = preview.scrollTop;
  const held = preview.contains(document.activeElement) ? document.activeElement : null;
  const [name, at] = held ? [held.name, held.selectionStart] : ["", 0];
  preview.innerHTML = html;
  for (const one of preview.querySelectorAll("details")) {
    const was = open.get(one.querySelector("summary b")?.textContent);
    if (was !== undefined) one.open = was;
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

export async function save() {
  clearTimeout(timer);
  if (busy) {
    dirty = true;
    return;
  }
  busy = true;
  dirty = false;
  saved.textContent = texts.saving;
  try {
    const answer = await fetch(sheet.getAttribute("action"), {
      method: "POST",
      headers: { "X-Requested-With": "fetch", Accept: "text/html" },
      body: sending(),
      credentials: "same-origin",
    });
    if (!answer.ok) throw new Error(String(answer.status));
    show(await answer.text());
    document.dispatchEvent(new Event("saved"));
  } catch {
    saved.classList.add("lost");
    saved.textContent = texts.lost;
    timer = setTimeout(save, AGAIN);
  } finally {
    busy = false;
    if (dirty) save();
  }
}

const later = () => {
  clearTimeout(timer);
  timer = setTimeout(save, PAUSE);
};
sheet.addEventListener("input", (event) => {
  if (event.target.name === "q" || event.target.name === "whole" || event.target.matches("[data-file]")) return;
  later();
});
preview.addEventListener("input", later);
sheet.addEventListener("focusout", () => dirty && save());
addEventListener("pagehide", () => {
  if (timer || dirty) navigator.sendBeacon?.(sheet.getAttribute("action"), sending());
});

// A choice of the phase changes which hazards and times there are, so the page is made anew.
for (const one of sheet.querySelectorAll("input[name=phase]")) {
  one.addEventListener("change", () => {
    clearTimeout(timer);
    for (const name of ["starts", "ends", "next"]) sheet.elements[name].disabled = true;
    sheet.requestSubmit(sheet.querySelector("button[name=do][value=save]"));
  });
}

// Searching while typing.
const found = document.getElementById("found");
const search = sheet.querySelector("[data-search]");
let asking = 0;
search.addEventListener("input", () => {
  clearTimeout(asking);
  asking = setTimeout(async () => {
    if (!search.value.trim()) return void (found.innerHTML = "");
    const answer = await fetch(`/console/search?q=${encodeURIComponent(search.value)}`, { headers: { Accept: "text/html" } });
    if (answer.ok) found.innerHTML = await answer.text();
  }, 180);
});
search.addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  event.preventDefault();
  (found.querySelector("button[name=add]") || sheet.querySelector("button[value=search]")).click();
});

// A file is read here and sent as text, so that one way of sending forms is enough.
const file = document.querySelector("[data-file]");
file.addEventListener("change", async () => {
  const [one] = file.files;
  if (!one) return;
  const form = document.getElementById("area-file");
  form.elements.file.value = await one.text();
  file.disabled = true;
  form.submit();
});
