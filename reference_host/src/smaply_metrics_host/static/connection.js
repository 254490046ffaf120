// The connection form: shows secrets on request, and validation messages at the fields.
import { element } from "./job.js";

for (const input of document.querySelectorAll("input[type=password]")) addToggle(input);
for (const input of document.querySelectorAll("input[data-host]")) input.addEventListener("change", () => reduce(input));
for (const button of document.querySelectorAll("button[data-use]")) {
  // With scripts, the button fills in the field without submitting the form.
  button.type = "button";
  button.addEventListener("click", () => use(document.getElementById(button.dataset.use), button.value));
}

for (const form of document.querySelectorAll("form[data-job=saving]")) {
  form.addEventListener("submit", () => clear(form));
  form.addEventListener("job-ended", (event) => {
    const { problem } = event.detail;
    for (const field of problem?.fields ?? []) mark(form, field);
    const filled = showColumns(form, fill(form));
    (filled ?? form.querySelector("[aria-invalid]") ?? form.querySelector("button.primary")).focus();
    if (!filled) document.getElementById("saving").scrollIntoView({ block: "nearest" });
  });
}

function addToggle(input) {
  const button = element("button", { type: "button", class: "button small reveal", "aria-controls": input.id, "aria-pressed": "false" }, "Show");
  button.append(element("span", { class: "visually-hidden" }, ` ${input.labels[0].textContent}`));
  const row = element("div", { class: "secret" });
  input.replaceWith(row);
  row.append(input, button);
  button.addEventListener("click", () => {
    const shown = input.type === "password";
    input.type = shown ? "text" : "password";
    button.firstChild.textContent = shown ? "Hide" : "Show";
    button.setAttribute("aria-pressed", String(shown));
  });
}

// Fill in the value that the source proposes, and return its field.
function fill(form) {
  const proposal = form.querySelector("template[data-field]");
  if (!proposal) return undefined;
  const field = form.querySelector(`div[data-field="${CSS.escape(proposal.dataset.field)}"]`);
  const input = inputOf(field);
  input.value = proposal.content.textContent;
  input.readOnly = false;
  field.querySelector("[data-columns-of]")?.replaceChildren(); // Those of the text before.
  proposal.remove();
  return input;
}

// Show or remove the columns of a field, and return what to focus.
function showColumns(form, filled) {
  const shown = form.querySelector("template[data-columns]");
  if (!shown) return filled;
  const place = form.querySelector(`[data-columns-of="${CSS.escape(shown.dataset.columns)}"]`);
  const input = inputOf(place.closest("[data-field]"));
  const scrolled = place.querySelector(".column-rows")?.scrollTop ?? 0;
  place.replaceChildren(shown.content);
  shown.remove();
  input.readOnly = place.childElementCount > 0;
  const rows = place.querySelector(".column-rows");
  if (rows) rows.scrollTop = scrolled;
  return place.querySelector("select") ?? input;
}

const inputOf = (field) => field.querySelector("input, textarea");

// Replaces the address of a page by its host; the server suggests this too.
function reduce(input) {
  const text = input.value.trim();
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return;
  const { host, username, password } = new URL(text);
  if (!host || username || password) return;
  clear(input.form);
  input.value = host;
  const place = input.closest("[data-field]");
  place.querySelector("[data-reduced]")?.remove();
  place.append(element("p", { class: "help", role: "status", "data-reduced": "" }, `Reduced to the host name ${host}.`));
}

function use(input, value) {
  input.value = value;
  clear(input.form);
  input.focus();
}

function mark(form, { name, message, suggestion }) {
  const place = form.querySelector(`div[data-field="${CSS.escape(name)}"]`);
  if (!place) return;
  const input = inputOf(place);
  const said = element("p", { class: "field-problem", id: `${input.id}-problem` }, message);
  place.classList.add("wrong");
  place.append(said);
  input.setAttribute("aria-invalid", "true");
  input.setAttribute("aria-describedby", `${input.id}-help ${said.id}`);
  if (suggestion) {
    const button = element("button", { type: "button", class: "button small", "data-use": input.id }, `Use ${suggestion}`);
    button.addEventListener("click", () => use(input, suggestion));
    place.append(button);
  }
}

function clear(form) {
  for (const place of form.querySelectorAll("[data-field].wrong")) {
    place.classList.remove("wrong");
    place.querySelectorAll(".field-problem, button[data-use]").forEach((old) => old.remove());
    const input = inputOf(place);
    input.removeAttribute("aria-invalid");
    input.setAttribute("aria-describedby", `${input.id}-help`);
  }
}
