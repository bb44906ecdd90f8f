/**
 * The menu's groups close by Escape, by a press elsewhere and when the focus leaves; without this script they close by
 * their own word.
 */
const more = document.querySelector("details.more");

more?.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !more.open) return;
  more.open = false;
  more.querySelector("summary").focus();
});
more?.addEventListener("focusout", (event) => {
  if (event.relatedTarget && !more.contains(event.relatedTarget)) more.open = false;
});
document.addEventListener("pointerdown", (event) => {
  if (more?.open && !more.contains(event.target)) more.open = false;
});
