// Debug Configuration: lists surveys while typing, and starts the download when it is ready.
import { touched } from "./touched.js";

const list = document.getElementById("surveys");
const search = document.getElementById("search");
const form = document.getElementById("debug");
let asked = null;
let waiting = 0;
let chosen = list.querySelector(":checked")?.value ?? "";

search.form.querySelector("button").hidden = true;
search.form.addEventListener("submit", (event) => { event.preventDefault(); load(); });
search.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(load, 250);
});
list.addEventListener("change", (event) => { chosen = event.target.value; });
list.addEventListener("click", (event) => {
  if (!event.target.closest("[data-reload]")) return;
  event.preventDefault();
  load({ reload: true });
});
form.addEventListener("job-ended", () => form.querySelector("[data-download]")?.click());
if (!("listed" in list.dataset) || touched(search.form)) load();

async function load({ reload = false } = {}) {
  asked?.abort();
  const mine = asked = new AbortController();
  list.setAttribute("aria-busy", "true");
  if (!list.childElementCount) list.textContent = "Loading surveys…";
  try {
    const query = new URLSearchParams({ search: search.value, ...(reload && { reload: "true" }) });
    const answer = await fetch(`${list.dataset.from}?${query}`, { signal: mine.signal });
    if (!answer.ok) throw new Error(answer.status);
    list.innerHTML = await answer.text();
    const again = [...list.querySelectorAll("input[name=survey]")].find((one) => one.value === chosen);
    if (again) again.checked = true;
  } catch (error) {
    if (error.name === "AbortError") return;
    list.textContent = "Surveys could not be listed. Check your network and reload this page.";
  } finally {
    if (asked === mine) list.removeAttribute("aria-busy");
  }
}
