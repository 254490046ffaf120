// The metric form. After each choice the server renders the form again, and only the parts that differ
// are replaced, so that typing and focus are not interrupted. Without scripts the form has buttons for this.
import { dropCharts, watchCharts } from "./charts.js";
import { cancelJob, follow, showLost, showProblem } from "./job.js";
import { interactionEnded } from "./interaction.js";
import { touched } from "./touched.js";

const ROOT = document.body.dataset.root;
const AGAIN = `${ROOT}/metrics/form`, PREVIEW = `${ROOT}/metrics/preview`, ANSWERS = `${ROOT}/metrics/answers`;
const PAUSE = 350; // milliseconds after the last key
const PREVIEW_PAUSE = 900; // milliseconds after the last choice
const TYPED = "input:is([type=text], [type=search]), textarea";

export async function fetchForm(address, place) {
  return received(await ask(address), place);
}

export function watchForm(form) {
  let timer, asking, waiting, running, tried;
  let previewing = false; // Whether a choice still has to update the preview.
  const counted = new Set();

  // Updates the preview after the last choice, once for each definition: a download takes time.
  function previewSoon() {
    clearTimeout(waiting);
    const due = form.querySelector("#preview [data-due]")?.dataset.due;
    if (due && due !== tried) waiting = setTimeout(() => { if (form.isConnected) { tried = due; preview(); } }, PREVIEW_PAUSE);
  }

  async function update(button, { chosen = true } = {}) {
    clearTimeout(timer);
    asking?.abort();
    const mine = asking = new AbortController();
    previewing ||= chosen; // An update without a choice replaces one with a choice that is not ended.
    const sent = new FormData(form, button);
    try {
      const fresh = await received(await ask(AGAIN, sent, mine.signal), notices());
      if (!fresh || mine.signal.aborted) return;
      await sync(form, fresh, sent);
      if (previewing) { previewing = false; previewSoon(); }
      countAnswers();
    } catch (error) {
      if (error.name !== "AbortError") lost(notices());
    }
  }

  async function send(to, button) {
    clearTimeout(timer);
    asking?.abort();
    const sent = new FormData(form, button);
    busy(true);
    try {
      const fresh = await received(await ask(to, sent), notices());
      if (fresh) { await sync(form, fresh, sent); notices().scrollIntoView(); }
    } catch { lost(notices()); } finally { busy(false); }
  }

  // A newer preview cancels the running one. Without a button, it was not asked for and takes no focus.
  async function preview(button) {
    clearTimeout(waiting);
    if (running?.job) cancelJob(running.job);
    const mine = running = {};
    const place = form.querySelector("#preview-progress");
    const buttons = button ? [...form.querySelectorAll("[data-preview]")] : [];
    const sent = new FormData(form, button);
    buttons.forEach((one) => { one.disabled = true; });
    try {
      const answer = await ask(PREVIEW, sent);
      if (answer.status !== 202) { const fresh = await received(answer, place); if (fresh) await sync(form, fresh, sent); return; }
      const job = await answer.json();
      mine.job = job.id;
      if (mine !== running) return void cancelJob(job.id);
      const last = await follow(job, place);
      if (mine !== running) return;
      place.replaceChildren();
      if (last.html) await showPreview(last.html);
      else if (last.problem) showProblem(place, last.problem);
    } catch { if (mine === running) lost(place); } finally {
      if (mine === running) { running = undefined; form.querySelectorAll("[data-preview]").forEach((one) => { one.disabled = false; }); }
    }
  }

  async function showPreview(html) {
    const shown = form.querySelector("#preview");
    dropCharts(shown);
    shown.innerHTML = html;
    watchCharts(shown);
    await update(); // Choices may have changed in the meantime.
  }

  // Counts the answers of a survey once its list of questions is open. If that fails, the list has no numbers.
  async function countAnswers() {
    const survey = form.querySelector(".question-picker[open] [data-count]")?.dataset.count;
    if (!survey || counted.has(survey)) return;
    counted.add(survey);
    try {
      const answer = await ask(ANSWERS, new FormData(form));
      if (answer.status !== 202) return;
      await follow(await answer.json(), document.createElement("div"));
      if (form.isConnected) await update(undefined, { chosen: false });
    } catch { /* The form works without the numbers. */ }
  }

  const upload = () => form.requestSubmit(form.querySelector("#mf-upload"));
  const notices = () => form.querySelector("#form-notices");
  const busy = (now) => { form.toggleAttribute("aria-busy", now); form.querySelectorAll(".form-foot button").forEach((one) => { one.disabled = now; }); };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const button = event.submitter;
    const to = button?.getAttribute("formaction") ?? form.getAttribute("action");
    if (to === AGAIN) update(button);
    else if (to === PREVIEW) preview(button);
    else send(to, button);
  });
  form.addEventListener("input", (event) => {
    if (event.target.matches(TYPED)) { clearTimeout(timer); timer = setTimeout(() => update(), PAUSE); }
  });
  form.addEventListener("change", (event) => {
    if (event.target.matches("[type=file]")) { if (event.target.files.length) upload(); }
    else if (!event.target.matches(TYPED)) update();
  });
  form.addEventListener("dragover", (event) => { if (event.target.closest(".upload")) event.preventDefault(); });
  form.addEventListener("drop", (event) => {
    const input = event.target.closest(".upload")?.querySelector("[type=file]");
    if (!input || !event.dataTransfer.files.length) return;
    event.preventDefault();
    input.files = event.dataTransfer.files;
    upload();
  });
  form.addEventListener("toggle", countAnswers, true); // It does not bubble.
  watchCharts(form);
  countAnswers();
  if (touched(form)) update();
}

function ask(address, body, signal) {
  const headers = { accept: "application/json", "x-fragment": "metric-form" };
  return fetch(address, { method: body ? "POST" : "GET", body, headers, signal });
}

// Handles a response: a form, a redirect, a job to follow, or a problem to show.
async function received(answer, place) {
  if (!answer.headers.get("content-type")?.includes("json")) {
    if (answer.status === 413) return void showProblem(place, { message: "The file is too large.", remedy: "Upload a file of up to 15 MB." });
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("metric-form");
    fresh?.querySelectorAll("noscript").forEach((one) => one.remove());
    return fresh;
  }
  const said = await answer.json();
  if (said.location) return void location.assign(said.location);
  if (!said.events) return void showProblem(place, said);
  const last = await follow(said, place);
  place.replaceChildren();
  if (last.problem) return void showProblem(place, last.problem);
  return last.location ? fetchForm(last.location, place) : undefined;
}

const lost = (place) => showLost(place, "Check your network and try again. Your entries are still here.");

// Replaces the parts that differ from the fresh form, preserving what was typed since `sent`.
async function sync(form, fresh, sent) {
  await interactionEnded();
  const before = document.activeElement, at = [before?.selectionStart, before?.selectionEnd];
  const within = form.contains(before) && before.closest("[data-part]")?.dataset.part;
  const typed = typedSince(form, sent);
  for (const place of form.querySelectorAll("[data-parts]")) {
    const parts = [...fresh.querySelectorAll(`[data-parts="${place.dataset.parts}"] > [data-part]`)];
    const names = new Set(parts.map((part) => part.dataset.part));
    let last = null;
    for (const part of parts) {
      const old = place.querySelector(`:scope > [data-part="${part.dataset.part}"]`);
      if (old && alike(old, part)) { last = old; continue; }
      keepOpen(old, part);
      keepFile(old, part);
      enter(part, typed);
      const scrolled = old?.querySelector(".survey-list")?.scrollTop ?? 0;
      if (old) { dropCharts(old); old.replaceWith(part); } else if (last) last.after(part); else place.prepend(part);
      const list = part.querySelector(".survey-list");
      if (list && !before?.matches("[type=search]")) list.scrollTop = scrolled;
      watchCharts(part);
      last = part;
    }
    for (const old of place.querySelectorAll(":scope > [data-part]")) {
      if (!names.has(old.dataset.part)) { dropCharts(old); old.remove(); }
    }
  }
  if (!within || before.isConnected) return;
  const again = (before.id && form.querySelector(`#${CSS.escape(before.id)}`)) || firstIn(form.querySelector(`[data-part="${within}"]`)) || form;
  again.focus({ preventScroll: true });
  if (again.matches(TYPED) && at[0] !== null) again.setSelectionRange(...at);
}

function typedSince(form, sent) {
  const now = new FormData(form), typed = new Map();
  for (const name of new Set(now.keys())) {
    const [is, was] = [now.getAll(name), sent.getAll(name)].map((all) => all.filter((one) => typeof one === "string"));
    if (is.join("\n") !== was.join("\n")) typed.set(name, is);
  }
  return typed;
}

function enter(part, typed) {
  for (const control of part.querySelectorAll("[name]")) {
    const values = typed.get(control.name);
    if (!values || control.type === "hidden") continue;
    if (["checkbox", "radio"].includes(control.type)) control.checked = values.includes(control.value);
    else if (control.type !== "file") control.value = values[0];
  }
}

// Whether two parts look the same and have the same values.
function alike(old, part) {
  return settled(old).isEqualNode(settled(part));
}

function settled(part) {
  const copy = part.cloneNode(true);
  const controls = part.querySelectorAll("input, textarea, option");
  copy.querySelectorAll("input, textarea, option").forEach((one, place) => {
    const live = controls[place];
    if (one.matches("option")) one.toggleAttribute("selected", live.selected);
    else if (["checkbox", "radio"].includes(one.type)) one.toggleAttribute("checked", live.checked);
    else if (one.matches("textarea")) one.textContent = live.value.trim();
    else if (one.type !== "file") one.setAttribute("value", live.value);
  });
  copy.querySelectorAll("details").forEach((one) => one.removeAttribute("open"));
  copy.querySelectorAll("[disabled]:is(button)").forEach((one) => one.removeAttribute("disabled"));
  copy.querySelectorAll("figure.chart").forEach((one) => one.replaceChildren());
  copy.querySelectorAll("noscript").forEach((one) => one.remove());
  copy.removeAttribute("open");
  copy.normalize();
  return copy;
}

function keepOpen(old, part) {
  const were = old ? [old, ...old.querySelectorAll("details")].filter((one) => one.matches("details")) : [];
  const are = [part, ...part.querySelectorAll("details")].filter((one) => one.matches("details"));
  are.forEach((one, place) => { if (were[place]?.open) one.open = true; });
}

function keepFile(old, part) {
  const [was, is] = [old, part].map((one) => one?.querySelector("[type=file]"));
  if (was?.files.length && is) is.replaceWith(was);
}

const firstIn = (part) => part?.querySelector("input:not([type=hidden]), select, textarea, button");

const onPage = document.querySelector(".form-page > #metric-form");
if (onPage) watchForm(onPage);
