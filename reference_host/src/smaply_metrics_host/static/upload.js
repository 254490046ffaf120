// The preview of an uploaded file: after each choice, the server reads the file again and the form is replaced.
import { element, showLost } from "./job.js";
import { interactionEnded } from "./interaction.js";
import { touched } from "./touched.js";

let form = document.getElementById("upload-form");
let asking;

document.addEventListener("change", (event) => {
  if (form.contains(event.target)) update();
});

async function update() {
  asking?.abort();
  const mine = asking = new AbortController();
  const sent = new FormData(form, form.querySelector("[name=show]"));
  form.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(form.action, { method: "POST", body: sent, headers: { "x-fragment": "upload" }, signal: mine.signal });
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("upload-form");
    await interactionEnded();
    if (mine.signal.aborted) return;
    if (fresh) replaceForm(fresh, sent);
    else location.reload(); // Such as an expired upload: the page states why.
  } catch (error) {
    if (error.name === "AbortError") return;
    form.removeAttribute("aria-busy");
    const place = element("div");
    form.prepend(place);
    showLost(place, "Check your network, then choose again.");
  }
}

function replaceForm(fresh, sent) {
  const before = document.activeElement, name = form.querySelector("[name=survey_name]");
  const list = form.querySelector(".column-rows")?.scrollTop ?? 0;
  const typed = name.value !== sent.get("survey_name") ? name.value : null;
  const within = form.contains(before);
  form.replaceWith(fresh);
  form = fresh;
  if (typed !== null) form.querySelector("[name=survey_name]").value = typed;
  const columns = form.querySelector(".column-rows");
  if (columns) columns.scrollTop = list;
  if (within) (form.querySelector(`#${CSS.escape(before.id || "none")}`) ?? form.querySelector("select")).focus({ preventScroll: true });
  document.getElementById("upload-status").textContent = form.dataset.summary;
}

if (touched(form)) update();
