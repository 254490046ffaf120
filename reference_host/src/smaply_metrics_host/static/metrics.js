// The list of metrics: search while typing; create, edit and delete in dialogs.
import { watchJobs } from "./job.js";
import { fetchForm, watchForm } from "./metric-form.js";
import { touched } from "./touched.js";

const PAUSE = 250; // milliseconds after the last key

for (const form of document.querySelectorAll("form[data-live]")) {
  let timer, asking;
  const list = document.getElementById(form.dataset.live);
  const find = async () => {
    asking?.abort();
    asking = new AbortController();
    const address = `${form.getAttribute("action")}?${new URLSearchParams(new FormData(form))}`;
    try {
      const answer = await fetch(address, { headers: { "x-fragment": form.dataset.live }, signal: asking.signal });
      if (!answer.ok) return form.submit();
      list.innerHTML = await answer.text();
      watchJobs(list);
      history.replaceState(null, "", address);
    } catch (error) {
      if (error.name !== "AbortError") form.submit();
    }
  };
  form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(find, PAUSE); });
  form.addEventListener("submit", (event) => { event.preventDefault(); clearTimeout(timer); find(); });
  if (touched(form)) find();
}

document.addEventListener("click", (event) => {
  const plain = !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
  const link = plain && event.target.closest("a[data-dialog]");
  const dialog = link && document.getElementById(link.dataset.dialog);
  if (dialog) { event.preventDefault(); open(dialog, link.getAttribute("href")); }
  const close = plain && event.target.closest("dialog [data-close]");
  if (close) { event.preventDefault(); const own = close.closest("dialog"); own.close(); own.replaceChildren(); }
});

// A dialog closed with Escape keeps its content and is shown again for the same URL.
async function open(dialog, address) {
  if (!dialog.open && dialog.dataset.address === address && dialog.firstElementChild) return dialog.showModal();
  dialog.dataset.address = address;
  const place = document.createElement("div");
  place.className = "dialog-wait";
  place.setAttribute("role", "status");
  place.textContent = "One moment…";
  dialog.replaceChildren(place);
  if (!dialog.open) dialog.showModal();
  try {
    if (dialog.id === "metric-dialog") {
      const form = await fetchForm(address, place);
      if (!form && !place.firstElementChild) return dialog.close(); // Loading was cancelled.
      if (!form || dialog.dataset.address !== address) return;
      dialog.replaceChildren(form);
      watchForm(form);
      form.querySelector("#mf-name").focus();
    } else {
      const answer = await fetch(address, { headers: { "x-fragment": dialog.id } });
      if (!answer.ok) return location.assign(address);
      dialog.innerHTML = await answer.text();
      dialog.querySelector("[data-close]").focus();
    }
  } catch {
    location.assign(address);
  }
}
