/**
 * Reads a chosen file and puts it into the form as base64: a list may be an archive, or text in any letters.
 *
 * - The form waits until the whole file is read, and a file that was chosen before this script had come is read as well.
 */
const form = document.getElementById("import");
if (form) {
  const file = form.querySelector("[data-file]");
  let reading = null;
  form.querySelector("[data-with-script]").hidden = false;
  const read = () => {
    const [one] = file.files;
    form.elements.packed.value = "";
    if (!one) return;
    const mine = new Promise((resolve) => {
      const reader = new FileReader();
      reader.onload = () => {
        if (reading === mine) form.elements.packed.value = String(reader.result).split(",", 2)[1] ?? "";
      };
      reader.onloadend = resolve;
      reader.readAsDataURL(one);
    }).then(() => {
      if (reading === mine) reading = null;
    });
    reading = mine;
  };
  file.addEventListener("change", read);
  read();
  form.addEventListener("submit", async (event) => {
    if (reading) {
      event.preventDefault();
      while (reading) await reading;
      form.requestSubmit(event.submitter);
      return;
    }
    file.disabled = true;
  });
}
