/** Receipts while they come: the table is asked for every two seconds, and each channel's curve grows with it. */
const here = document.getElementById("receipts");
const curve = document.getElementById("curve");
const runs = new Map();
const began = Date.now();
const WIDTH = 600, HEIGHT = 140, LEAST = 60_000;

function draw() {
  const long = Math.max(LEAST, Date.now() - began);
  for (const old of curve.querySelectorAll(".run,text")) old.remove();
  for (const [channel, points] of runs) {
    const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
    line.setAttribute("class", "run");
    line.setAttribute("points", points.map(([at, share]) => `${((at - began) / long) * WIDTH},${HEIGHT - 2 - share * (HEIGHT - 24)}`).join(" "));
    const [at, share] = points[points.length - 1];
    const label = document.createElementNS("http://www.w3.org/2000/svg", "text");
    label.setAttribute("x", Math.min(WIDTH - 130, ((at - began) / long) * WIDTH + 6));
    label.setAttribute("y", HEIGHT - 8 - share * (HEIGHT - 24));
    label.textContent = `${channel} ${Math.round(share * 100)} %`;
    curve.append(line, label);
  }
  curve.hidden = runs.size === 0;
}

function note() {
  for (const row of here.querySelectorAll("[data-channel]")) {
    const { channel, of, reached } = row.dataset;
    const points = runs.get(channel) || [];
    points.push([Date.now(), Number(of) ? Number(reached) / Number(of) : 0]);
    runs.set(channel, points.slice(-900));
  }
  draw();
}

note();
setInterval(async () => {
  if (document.hidden) return;
  const answer = await fetch(here.dataset.from, { headers: { Accept: "text/html" } }).catch(() => null);
  if (!answer || !answer.ok) return;
  here.innerHTML = await answer.text();
  note();
}, 2000);
