/** What changes on the channels' page is asked for every three seconds while somebody looks. */
const here = document.getElementById("channels");

setInterval(async () => {
  if (document.hidden || here.contains(document.activeElement)) return;
  const answer = await fetch(here.dataset.from, { headers: { Accept: "text/html" } }).catch(() => null);
  if (!answer || !answer.ok || answer.redirected) return;
  here.innerHTML = await answer.text();
}, 3000);
