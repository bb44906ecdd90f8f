/**
 * Sending by holding a button down for two seconds, and the seconds in which it can still be stopped.
 *
 * - Letting go early does nothing. By keyboard the two-step way beside it is the same; holding Space or Enter works too.
 */
const loud = document.getElementById("soft");

for (const button of document.querySelectorAll("[data-holds]")) {
  const form = button.form;
  let timer = 0;
  button.hidden = false;
  const start = (event) => {
    if (timer || (event.key && event.key !== " " && event.key !== "Enter") || event.repeat) return;
    if (event.key) event.preventDefault();
    button.classList.add("holding");
    timer = setTimeout(() => {
      button.classList.remove("holding");
      button.disabled = true;
      timer = 0;
      form.requestSubmit();
    }, Number(form.dataset.hold));
  };
  const stop = () => {
    clearTimeout(timer);
    timer = 0;
    button.classList.remove("holding");
  };
  for (const name of ["pointerdown", "keydown"]) button.addEventListener(name, start);
  for (const name of ["pointerup", "pointerleave", "pointercancel", "keyup", "blur"]) button.addEventListener(name, stop);
  button.addEventListener("contextmenu", (event) => event.preventDefault());
  // A passkey that was refused leaves the button as it was.
  new MutationObserver(() => document.getElementById("fault").hidden || (button.disabled = false)).observe(document.getElementById("fault"), { attributes: true });
}

const sends = document.querySelector("[data-sends]");
if (sends) {
  const here = `${location.pathname}?sent=1`;
  const look = async () => {
    const answer = await fetch(here, { headers: { Accept: "text/html", "X-Requested-With": "fetch" } }).catch(() => null);
    const text = answer && answer.ok ? await answer.text() : "";
    if (text && !text.includes("data-sends=")) location.assign(location.pathname);
    else setTimeout(look, 1500);
  };
  loud.textContent = sends.textContent.trim();
  setTimeout(look, 1500);
}
