/**
 * The map of the country: a click takes a region in or out; drawing sets corners one by one.
 *
 * - The check boxes under the map are the same choice for the keyboard; the map only follows and turns them.
 * - A drawn area is written into the text field as points, where it can be read, corrected and typed as well.
 */
import { save } from "./compose.js";

const map = document.querySelector("svg.pick");
const sheet = document.getElementById("sheet");
const boxes = new Map([...sheet.querySelectorAll("input[name=code][type=checkbox]")].map((one) => [one.value, one]));
const chosen = document.getElementById("chosen");
const tools = document.querySelector("[data-tools]");

const phase = () => sheet.querySelector("input[name=phase]:checked")?.value || "none";

function follow() {
  for (const path of map.querySelectorAll("[data-code]")) {
    const on = boxes.get(path.dataset.code)?.checked || false;
    if (!document.querySelector(".tags .wide")) path.setAttribute("class", on ? `r on ${phase()}` : "r");
  }
  const wide = document.querySelector(".tags .wide");
  if (wide) return;
  const list = document.createElement("ul");
  list.className = "tags";
  // What was chosen by name and lies outside these regions stays chosen, so it stays in the list.
  for (const item of chosen.querySelectorAll("li")) if (!boxes.has(item.querySelector("button").value)) list.append(item);
  for (const [code, box] of boxes) {
    if (!box.checked) continue;
    const item = document.createElement("li");
    const button = document.createElement("button");
    Object.assign(button, { name: "remove", value: code, textContent: "×" });
    button.setAttribute("aria-label", box.parentElement.textContent.trim());
    item.append(`${box.parentElement.textContent.trim()} `, button);
    list.append(item);
  }
  if (list.children.length) chosen.replaceChildren(list);
  else chosen.querySelector(".tags")?.remove();
}

if (map) {
  for (const box of boxes.values()) box.addEventListener("change", follow);
  tools.hidden = false;
  const [draw, back, close] = ["draw", "back", "close"].map((name) => tools.querySelector(`[data-${name}]`));
  const help = tools.querySelector("[data-help]");
  const layer = map.querySelector(".lines");
  let points = null;

  const lay = () => {
    for (const old of layer.querySelectorAll(".draft,.dot")) old.remove();
    if (!points) return;
    const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
    line.setAttribute("class", "draft");
    line.setAttribute("points", points.map(({ x, y }) => `${x},${y}`).join(" "));
    layer.append(line);
    for (const { x, y } of points) {
      const dot = document.createElementNS("http://www.w3.org/2000/svg", "circle");
      for (const [name, value] of [["class", "dot"], ["cx", x], ["cy", y], ["r", 4]]) dot.setAttribute(name, value);
      layer.append(dot);
    }
  };
  const mode = (on) => {
    points = on ? [] : null;
    draw.setAttribute("aria-pressed", String(on));
    map.classList.toggle("drawing", on);
    for (const one of [back, close, help]) one.hidden = !on;
    lay();
  };

  draw.addEventListener("click", () => mode(!points));
  back.addEventListener("click", () => {
    points.pop();
    lay();
  });
  close.addEventListener("click", async () => {
    if (points.length < 3) return;
    const found = await Promise.all(points.map(({ x, y }) => fetch(`/console/point?map=${map.dataset.map}&x=${x}&y=${y}`).then((one) => one.json())));
    const text = [...found, found[0]].map((one) => one.point).join(" ");
    const field = sheet.elements.shape;
    field.value = [field.value.trim(), text].filter(Boolean).join("\n");
    field.closest("details").open = true;
    mode(false);
    await save();
    field.focus();
  });
  map.addEventListener("click", (event) => {
    if (points) {
      const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(map.getScreenCTM().inverse());
      points.push({ x: Math.round(at.x * 10) / 10, y: Math.round(at.y * 10) / 10 });
      lay();
      return;
    }
    const box = boxes.get(event.target.dataset?.code);
    if (!box) return;
    box.checked = !box.checked;
    box.dispatchEvent(new Event("input", { bubbles: true }));
    follow();
  });
}
