// A form with `data-job` starts a job. The element with the id in `data-job` shows the progress and
// the outcome, unless the outcome has a page of its own.

export function watchJobs(root) {
  for (const form of root.querySelectorAll("form[data-job]")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      run(form, event.submitter);
    });
  }
}

export const token = () => document.body.dataset.csrf;

async function run(form, submitter) {
  const place = document.getElementById(form.dataset.job);
  // Before the buttons are disabled: the data lacks a disabled button, also the one that submits.
  const body = new FormData(form, submitter);
  const buttons = form.querySelectorAll("button");
  buttons.forEach((button) => { button.disabled = true; });
  try {
    // Without the attribute, `formAction` is the URL of the page, not of the form.
    const action = submitter?.hasAttribute("formaction") ? submitter.formAction : form.action;
    const answer = await fetch(action, {
      method: "POST", body, headers: { accept: "application/json", "x-csrf-token": token() },
    });
    const said = await answer.json();
    if (!answer.ok) return showProblem(place, said);
    const last = await follow(said, place);
    if (last.html) {
      place.innerHTML = last.html;
      form.dispatchEvent(new CustomEvent("job-ended", { bubbles: true, detail: last }));
    } else if (last.problem) showProblem(place, last.problem);
    else if (last.state === "cancelled") place.textContent = "Cancelled.";
    else if (last.location) location.assign(last.location);
  } catch {
    showLost(place);
  } finally {
    buttons.forEach((button) => { button.disabled = false; });
    // Restore the focus, which is lost when its button is disabled or removed.
    if (document.activeElement === document.body) submitter?.focus();
  }
}

export function cancelJob(id) {
  return fetch(`${document.body.dataset.root}/jobs/${id}/cancel`, { method: "POST", headers: { "x-csrf-token": token(), accept: "application/json" } });
}

export function follow(job, place) {
  return new Promise((resolve, reject) => {
    const events = new EventSource(job.events);
    let failures = 0;
    const view = progressView(job, place);
    events.addEventListener("job", (event) => {
      failures = 0;
      const now = JSON.parse(event.data);
      if (now.state === "running") return view(now);
      events.close();
      resolve(now);
    });
    events.onerror = () => {
      failures += 1;
      if (failures > 5 || events.readyState === EventSource.CLOSED) { events.close(); reject(new Error("lost")); }
    };
  });
}

function progressView(job, place) {
  place.replaceChildren();
  const what = element("p", { role: "status" });
  const bar = element("progress", { "aria-label": "Progress" });
  const steps = element("ol", { class: "steps" });
  const cancel = element("button", { type: "button", class: "button small" }, "Cancel");
  cancel.addEventListener("click", () => {
    cancel.disabled = true;
    cancelJob(job.id);
  });
  place.append(what, bar, steps, cancel);
  return (now) => {
    const all = allSteps(now);
    const said = `${now.what || now.title}…`;
    if (what.textContent !== said) what.textContent = said;
    if (now.total) { bar.max = now.total; bar.value = now.done; }
    else if (all.length) { bar.max = all.length; bar.value = now.steps.length; }
    else bar.removeAttribute("value");
    steps.replaceChildren(...all.map(stepItem));
  };
}

// The completed, running and pending steps.
function allSteps(now) {
  const waiting = now.pending.map((step, place) => ({ ...step, status: place === 0 ? "running" : "pending" }));
  return [...now.steps, ...waiting];
}

function stepItem(step) {
  const item = element("li", { class: `step ${step.status}` }, step.title);
  item.append(element("span", { class: "visually-hidden" }, `: ${step.status}`));
  const more = step.detail || step.problem?.message;
  if (more) item.append(" ", element("span", { class: "step-more", dir: "auto" }, more));
  else if (step.status === "skipped") item.append(" ", element("span", { class: "step-more", "aria-hidden": "true" }, "skipped"));
  return item;
}

export function showLost(place, remedy = "Check your network and try again.") {
  showProblem(place, { message: "The connection to this app was lost.", remedy });
}

export function showProblem(place, problem) {
  const banner = element("div", { class: "banner bad", role: "alert" });
  banner.append(said("banner-title", problem.message), said("", problem.remedy));
  const { support } = document.body.dataset;
  if (support) banner.append(element("p", { class: "quiet" }, `Still stuck? Contact ${support}.`));
  place.replaceChildren(banner);
}

// Text between backticks is code.
function said(kind, text) {
  const paragraph = element("p", { class: kind });
  paragraph.append(...text.split(/`([^`]+)`/).map((part, place) => (place % 2 ? element("code", {}, part) : part)));
  return paragraph;
}

export function element(name, attributes = {}, text = "") {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}
