// Draws each `figure.chart` when it scrolls into view, in the current color scheme.
//
// A figure has its specifications in `data-light` and `data-dark`, or their URL in `data-charts`. The
// SVG from the server stays until the chart is drawn. Failed attempts are retried with back-off, and
// again when the page or the figure becomes visible or the network is back.
import { element } from "./job.js";

const PAUSES = [1_000, 2_000, 4_000, 8_000, 16_000, 32_000];

const dark = matchMedia("(prefers-color-scheme: dark)");
const theme = () => (dark.matches ? "dark" : "light");
const wanted = new Set(); // figures to draw: in view, or drawn for the other color scheme
const underway = new Set(); // the figures that are being drawn
const drawn = new Map(); // figure -> its chart, to dispose of
const specs = new Map(); // address -> promise of the specifications by digest

// A figure is observed until it is drawn.
const inView = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (isIntersecting) wanted.add(target); else wanted.delete(target);
  }
  if (entries.some((entry) => entry.isIntersecting)) drawSoon();
}, { rootMargin: "300px" });

dark.addEventListener("change", () => {
  for (const figure of drawn.keys()) wanted.add(figure);
  if (dark.matches) document.querySelectorAll("figure.chart").forEach(addPaperImage);
  drawSoon();
});
addEventListener("online", () => drawSoon());
document.addEventListener("visibilitychange", () => { if (!document.hidden) drawSoon(); });

export function watchCharts(root) {
  for (const figure of root.querySelectorAll("figure.chart")) {
    if (drawn.has(figure)) continue;
    inView.observe(figure);
    if (dark.matches) addPaperImage(figure);
  }
}

// Disposes of the charts in a part of the page before it is removed.
export function dropCharts(root) {
  for (const figure of root.querySelectorAll("figure.chart")) {
    inView.unobserve(figure);
    wanted.delete(figure);
    drawn.get(figure)?.finalize();
    drawn.delete(figure);
  }
}

let failures = 0, timer;

// Draws all waiting figures and resets the back-off.
function drawSoon() {
  failures = 0;
  drawWanted();
}

async function drawWanted() {
  clearTimeout(timer);
  const figures = [...wanted].filter((figure) => !underway.has(figure));
  if (!figures.length) return;
  const now = theme();
  figures.forEach((figure) => underway.add(figure));
  const failed = await draw(figures, now);
  figures.forEach((figure) => underway.delete(figure));
  if (now !== theme()) drawSoon(); // The color scheme changed in the meantime.
  else if (failed && failures < PAUSES.length) {
    clearTimeout(timer);
    timer = setTimeout(drawWanted, PAUSES[failures]);
    failures += 1;
  }
}

// Returns whether any of the figures could not be drawn.
async function draw(figures, now) {
  let failed = false;
  const tell = (error) => {
    failed = true;
    console.info("Cannot draw the charts yet:", error.message);
  };
  try {
    const [drawChart, found] = await Promise.all([drawing(), specifications(figures, now, tell)]);
    for (const figure of figures) {
      const spec = found.get(figure);
      if (spec && figure.isConnected) await drawOne(drawChart, figure, spec, now).catch(tell);
    }
  } catch (error) { tell(error); }
  return failed;
}

async function drawOne(drawChart, figure, spec, now) {
  const place = element("div", { class: "chart-drawn", role: "img", "aria-label": figure.dataset.summary });
  figure.append(place);
  try {
    const made = await drawChart(place, spec, showTip);
    if (!figure.isConnected) { made.finalize(); return; }
    // To screen readers the chart is one image with a summary; the data table is below.
    place.firstElementChild?.setAttribute("aria-hidden", "true");
    drawn.get(figure)?.finalize();
    drawn.set(figure, made);
    for (const old of [...figure.children]) if (old !== place && !old.matches(".chart-paper")) old.remove();
    addPaperImage(figure);
    inView.unobserve(figure);
    if (now === theme()) wanted.delete(figure); else wanted.add(figure);
  } catch (error) {
    place.remove();
    throw error;
  }
}

// Adds the light image of a chart for paper, where the drawn one has the wrong width, and the one of a dark
// screen the wrong colours. It is loaded before, because printing does not wait for it.
function addPaperImage(figure) {
  const { charts, digest } = figure.dataset;
  if (!charts || figure.querySelector(".chart-paper")) return;
  const src = charts.replace(/\.json$/, `/${digest}.svg?theme=light`);
  figure.append(element("img", { class: "chart-paper", src, alt: "", fetchpriority: "low" }));
}

let loading, attempts = 0;
function drawing() {
  if (!loading) {
    loading = import(scriptAddress()).then(() => window.smaplyCharts.draw);
    loading.catch(() => { loading = undefined; });
  }
  return loading;
}

// Many browsers cache a failed import and never request the same URL again.
function scriptAddress() {
  const address = new URL(document.body.dataset.charts, location.href);
  if (attempts > 0) address.searchParams.set("attempt", attempts);
  attempts += 1;
  return address.href;
}

// Returns the available specifications by figure; `tell` is called with errors.
async function specifications(figures, now, tell) {
  const found = new Map(), asked = new Map();
  for (const figure of figures) {
    if (figure.dataset[now]) found.set(figure, JSON.parse(figure.dataset[now]));
    else asked.set(figure.dataset.charts, [...(asked.get(figure.dataset.charts) ?? []), figure]);
  }
  await Promise.all([...asked].map(async ([address, wanting]) => {
    const digests = [...new Set(wanting.map((figure) => figure.dataset.digest))].sort();
    const place = `${address}?theme=${now}&digests=${digests.join(",")}`;
    try {
      const given = await fetched(place);
      wanting.forEach((figure) => found.set(figure, given[figure.dataset.digest]));
      // The map has changed; live.js loads the new charts.
      if (digests.some((digest) => !given[digest])) throw new Error("some charts are missing in the response");
    } catch (error) {
      specs.delete(place);
      tell(error);
    }
  }));
  return found;
}

function fetched(address) {
  if (!specs.has(address)) {
    const asking = fetch(address, { headers: { accept: "application/json" } }).then((answer) => {
      if (!answer.ok) throw new Error(`HTTP status ${answer.status}`);
      return answer.json();
    });
    specs.set(address, asking);
  }
  return specs.get(address);
}

// The tooltip: label and value.
const tip = element("div", { class: "tip", "aria-hidden": "true", dir: "auto" });
tip.hidden = true;
document.body.append(tip);
document.addEventListener("scroll", () => { tip.hidden = true; }, { capture: true, passive: true });

function showTip(_handler, event, _item, value) {
  if (value === null || value === undefined || value === "") { tip.hidden = true; return; }
  // A dialog covers everything else, so the tooltip goes into it.
  const top = event.target.closest?.("dialog") ?? document.body;
  if (tip.parentNode !== top) top.append(tip);
  const [label, ...lines] = String(value).split("\n");
  tip.replaceChildren(element("strong", {}, label), ...lines.map((line) => element("span", {}, line)));
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  const point = event.touches?.[0] ?? event;
  const x = Math.min(point.clientX + 14, innerWidth - width - 8);
  const y = point.clientY - height - 12 < 4 ? point.clientY + 18 : point.clientY - height - 12;
  tip.style.translate = `${Math.max(4, x)}px ${y}px`;
}

watchCharts(document);
