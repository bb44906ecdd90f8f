/**
 * Passkeys and the session's end, for every page of the console.
 *
 * - Buttons with `data-passkey` sign in, enrol or add a passkey. They are hidden until this script knows that passkeys work.
 * - A form with `data-proof` is held back until a passkey has confirmed exactly its fields; without a passkey it goes as it
 *   is, and the server asks.
 * - The time that is left is counted by the server's clock, and the page offers to go on before it is over.
 */

const token = document.querySelector("meta[name=json-token]").content;
const fault = document.getElementById("fault");

const fromText = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const toText = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

export async function send(path, body) {
  const answer = await fetch(path, {
    method: "POST",
    credentials: "same-origin",
    headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRF": token },
    body: JSON.stringify(body),
  });
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw Object.assign(new Error([told.title, told.detail].filter(Boolean).join(" ")), { code: told.code });
  return told;
}

function say(text) {
  fault.textContent = text || fault.dataset.refused;
  fault.hidden = false;
}

async function make(options) {
  const asked = options.publicKey;
  const made = await navigator.credentials.create({
    publicKey: {
      ...asked,
      challenge: fromText(asked.challenge),
      user: { ...asked.user, id: fromText(asked.user.id) },
      excludeCredentials: (asked.excludeCredentials || []).map((one) => ({ ...one, id: fromText(one.id) })),
    },
  });
  const { response } = made;
  return {
    id: made.id,
    rawId: toText(made.rawId),
    type: made.type,
    response: {
      clientDataJSON: toText(response.clientDataJSON),
      attestationObject: toText(response.attestationObject),
      transports: response.getTransports ? response.getTransports() : [],
    },
  };
}

async function ask(options) {
  const asked = options.publicKey;
  const given = await navigator.credentials.get({
    publicKey: {
      ...asked,
      challenge: fromText(asked.challenge),
      allowCredentials: (asked.allowCredentials || []).map((one) => ({ ...one, id: fromText(one.id) })),
    },
  });
  const { response } = given;
  return {
    id: given.id,
    rawId: toText(given.rawId),
    type: given.type,
    response: {
      clientDataJSON: toText(response.clientDataJSON),
      authenticatorData: toText(response.authenticatorData),
      signature: toText(response.signature),
      userHandle: response.userHandle ? toText(response.userHandle) : null,
    },
  };
}

const deeds = {
  async signin(button) {
    const options = await send("/console/signin/options", {});
    const credential = await ask(options);
    return send("/console/signin/passkey", { token: options.token, credential, next: button.dataset.next });
  },
  async enrol(button) {
    const form = button.form;
    const fields = [...form.querySelectorAll("fieldset input")];
    if (!fields.every((one) => one.reportValidity())) return null;
    const person = Object.fromEntries(fields.map((one) => [one.name, one.value]));
    const path = form.getAttribute("action");
    const options = await send(`${path}/options`, person);
    const credential = await make(options);
    return send(`${path}/passkey`, { ...person, token: options.token, credential });
  },
  async add() {
    const options = await send("/console/account/passkey/options", {});
    const credential = await make(options);
    const label = document.getElementById("label").value;
    return send("/console/account/passkey", { token: options.token, credential, label });
  },
};

if (window.PublicKeyCredential) for (const one of document.querySelectorAll("[data-noscript]")) one.hidden = true;

for (const button of document.querySelectorAll("[data-passkey]")) {
  if (!window.PublicKeyCredential) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    fault.hidden = true;
    button.disabled = true;
    try {
      const told = await deeds[button.dataset.passkey](button);
      if (told) location.assign(told.next);
    } catch (wrong) {
      say(wrong.code ? wrong.message : "");
    } finally {
      button.disabled = false;
    }
  });
}

/** Have a passkey confirm exactly these fields for this act, and return what goes into the field `proof`. */
export async function prove(act, path, fields) {
  const options = await send("/console/proof", { act, path, fields });
  return JSON.stringify({ token: options.token, credential: await ask(options) });
}

for (const form of document.querySelectorAll("form[data-proof]")) {
  form.addEventListener("submit", async (event) => {
    const by = event.submitter;
    if (form.dataset.proved || !window.PublicKeyCredential || (by && by.dataset.by === "code")) return;
    event.preventDefault();
    fault.hidden = true;
    if (by) by.disabled = true;
    try {
      const fields = [...new FormData(form)].filter(([name]) => !["csrf", "proof", "code"].includes(name));
      if (by && by.name) fields.push([by.name, by.value]);
      const proof = await prove(form.dataset.proof, form.getAttribute("action"), fields.map(([n, v]) => [n, String(v).replace(/\r?\n/g, "\r\n")]));
      for (const [name, value] of [["proof", proof], ...(by && by.name ? [[by.name, by.value]] : [])]) {
        const field = document.createElement("input");
        Object.assign(field, { type: "hidden", name, value });
        form.append(field);
      }
      form.dataset.proved = "yes";
      form.submit();
    } catch (wrong) {
      if (wrong.code === "person.not-fresh") {
        // No passkey here: the server asks for the code.
        form.dataset.proved = "yes";
        form.submit();
        return;
      }
      say(wrong.code ? wrong.message : "");
      if (by) by.disabled = false;
    }
  });
}

const session = document.getElementById("session");
if (session) {
  const warning = document.getElementById("session-warning");
  const text = document.getElementById("session-text");
  let skew = Date.parse(session.dataset.now) - Date.now();
  let ends = Date.parse(session.dataset.ends);
  const left = () => (ends - Date.now() - skew) / 1000;

  const take = (told) => {
    skew = Date.parse(told.now) - Date.now();
    ends = Date.parse(told.ends);
    show();
  };

  function show() {
    const seconds = left();
    const soon = seconds <= Number(session.dataset.warn);
    if (seconds <= 0) {
      text.textContent = session.dataset.over;
      return;
    }
    const minutes = Math.floor(seconds / 60);
    const shown = `${minutes}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
    if (soon || minutes < 10) text.textContent = session.dataset.left.replace("{left}", shown);
    if (warning.hidden === soon) warning.hidden = !soon;
  }

  const on = document.getElementById("session-on");
  if (on) {
    on.addEventListener("click", async () => {
      try {
        take(await send("/console/session", {}));
      } catch {
        say(session.dataset.over);
      }
    });
  }

  // Another window may have gone on meanwhile, so before the warning and at the end the server is asked.
  let asked = 0;
  setInterval(async () => {
    const seconds = left();
    if ((seconds <= Number(session.dataset.warn) + 5 && Date.now() - asked > 20000) || (seconds <= 0 && Date.now() - asked > 5000)) {
      asked = Date.now();
      const answer = await fetch("/console/session", { headers: { Accept: "application/json" } }).catch(() => null);
      if (answer && answer.ok) take(await answer.json());
      else if (answer && answer.status === 401) ends = 0;
    }
    show();
  }, 1000);
  show();
}
