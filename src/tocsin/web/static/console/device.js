/**
 * Calls on this device: the browser is asked for a push subscription when the person presses the button, and never before.
 *
 * - It is the worker and the subscription of the public app, where that is on this device: one phone has one address.
 * - Where a browser can do no such thing, the page says so instead of showing a button.
 */

import { send } from "./identity.js";

const card = document.getElementById("devices");
const button = document.getElementById("device-add");
const cannot = document.getElementById("device-cannot");

if (button && "serviceWorker" in navigator && "PushManager" in window) {
  button.hidden = false;
  cannot.hidden = true;
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      if ((await Notification.requestPermission()) !== "granted") throw new Error(card.dataset.denied);
      await navigator.serviceWorker.register("/sw.js");
      const worker = await navigator.serviceWorker.ready;
      const given = await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: card.dataset.key });
      const { endpoint, keys } = given.toJSON();
      const label = document.getElementById("device-label").value;
      const told = await send("/console/account/device", { endpoint, keys, label });
      location.assign(told.next);
    } catch (wrong) {
      cannot.textContent = wrong.message;
      cannot.hidden = false;
      cannot.setAttribute("role", "alert");
    } finally {
      button.disabled = false;
    }
  });
}
