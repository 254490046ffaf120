// Map editing: names and texts are saved on change; links with `data-open` open a dialog.
import "./charts.js";
import { arrange } from "./arrange.js";
import { element, showLost, token } from "./job.js";
import { touched } from "./touched.js";

const saved = document.getElementById("saved");
const dialog = document.getElementById("dialog");
document.documentElement.classList.add("with-script");

let pending = Promise.resolve();

function watchTexts(root) {
  for (const form of root.querySelectorAll("form[data-quiet]:not([data-watched])")) {
    form.dataset.watched = "";
    form.addEventListener("change", () => (pending = pending.then(() => save(form))));
    form.addEventListener("submit", (event) => { event.preventDefault(); document.activeElement?.blur(); });
    if (touched(form) && !form.contains(document.activeElement)) pending = pending.then(() => save(form));
  }
}

async function save(form) {
  if (!form.reportValidity()) return;
  tell("Saving…", "");
  const own = form.querySelector("input[name=name], textarea").value;
  try {
    const answer = await fetch(form.action, {
      method: "POST", body: new FormData(form), redirect: "manual",
      headers: { accept: "application/json", "x-csrf-token": token() },
    });
    if (answer.type === "opaqueredirect") { form.elements.was.value = own; return tell("Saved", "good"); }
    if (answer.headers.get("content-type").startsWith("text/html")) { tell("Not saved", "bad"); return open(await answer.text()); }
    const problem = await answer.json();
    tell(`${problem.message} ${problem.remedy}`, "bad");
  } catch {
    tell("Not saved: the connection to this app was lost.", "bad");
  }
}

function tell(words, tone) {
  saved.textContent = words;
  saved.className = `live ${tone}`;
}

watchTexts(document);
arrange({ tell, saved: () => pending, watch: watchTexts });

document.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const link = event.target.closest("a[data-open]");
  if (link) { event.preventDefault(); ask(link.href); }
  if (event.target.closest("dialog [data-close]")) { event.preventDefault(); dialog.close(); }
});

// Shows the main part of another page in the dialog; its forms lead back to this page.
async function ask(address) {
  dialog.replaceChildren(element("p", { role: "status" }, "One moment…"));
  dialog.showModal();
  try {
    const answer = await fetch(address);
    if (!answer.ok || answer.redirected) return location.assign(address);
    open(await answer.text());
  } catch {
    showLost(dialog);
  }
}

function open(html) {
  const page = new DOMParser().parseFromString(html, "text/html");
  dialog.replaceChildren(...page.querySelector("main").childNodes);
  if (!dialog.open) dialog.showModal();
  const heading = dialog.querySelector("h1");
  dialog.setAttribute("aria-label", heading.textContent);
  watchFinding(dialog);
  const first = dialog.querySelector("input:not([type=hidden]), select, textarea, [data-close]");
  (first ?? heading).focus();
}

// Filters a list by the typed words.
function watchFinding(root) {
  for (const input of root.querySelectorAll("input[data-find]")) {
    input.closest("[hidden]")?.removeAttribute("hidden");
    const entries = [...root.querySelectorAll(input.dataset.find)];
    const none = root.querySelector(".place-none");
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const entry of entries) {
        const text = entry.textContent.toLowerCase();
        entry.hidden = !words.every((word) => text.includes(word)) && !entry.querySelector(":checked");
      }
      for (const group of root.querySelectorAll("fieldset")) group.hidden = !group.querySelector(`${input.dataset.find}:not([hidden])`);
      none.hidden = entries.some((entry) => !entry.hidden);
    });
    input.addEventListener("keydown", (event) => { if (event.key === "Enter") event.preventDefault(); });
  }
}
