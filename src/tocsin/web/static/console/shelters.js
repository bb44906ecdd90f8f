/** Reads a chosen file and puts it into the form as base64: a list may be an archive, or text in any letters. */
const form = document.getElementById("import");
if (form) {
  const file = form.querySelector("[data-file]");
  form.querySelector("[data-with-script]").hidden = false;
  file.addEventListener("change", async () => {
    const [one] = file.files;
    form.elements.packed.value = "";
    if (!one) return;
    const reader = new FileReader();
    reader.onload = () => {
      form.elements.packed.value = String(reader.result).split(",", 2)[1] ?? "";
    };
    reader.readAsDataURL(one);
  });
  form.addEventListener("submit", () => { file.disabled = true; });
}
