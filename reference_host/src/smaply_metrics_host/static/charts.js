// Draws charts: each `figure.chart` when it comes into view, in the colours that the page has then.
//
// A figure has its specifications in `data-light` and `data-dark`, or the address that gives them in
// `data-charts`. What stood in it before (a drawing made on the server) stays until the new one is
// there, and for good where drawing fails.
import { element } from "./job.js";

const dark = matchMedia("(prefers-color-scheme: dark)");
const theme = () => (dark.matches ? "dark" : "light");
const drawn = new Map(); // figure -> its drawing, to give up
const specs = new Map(); // address -> promise of the specifications by digest

const inView = new IntersectionObserver((entries) => {
  const figures = entries.filter((entry) => entry.isIntersecting).map((entry) => entry.target);
  figures.forEach((figure) => inView.unobserve(figure));
  draw(figures);
}, { rootMargin: "300px" });

dark.addEventListener("change", () => draw([...drawn.keys()]));

export function watchCharts(root) {
  for (const figure of root.querySelectorAll("figure.chart")) if (!drawn.has(figure)) inView.observe(figure);
}

// Gives up the charts of a part of the page that goes.
export function dropCharts(root) {
  for (const figure of root.querySelectorAll("figure.chart")) {
    inView.unobserve(figure);
    drawn.get(figure)?.finalize();
    drawn.delete(figure);
  }
}

async function draw(figures) {
  if (!figures.length) return;
  const now = theme();
  try {
    const [drawChart, found] = await Promise.all([drawing(), specifications(figures, now)]);
    for (const figure of figures) {
      const spec = found.get(figure);
      if (spec && figure.isConnected) await drawOne(drawChart, figure, spec);
    }
  } catch (error) {
    console.info("Charts stay as the server drew them:", error.message);
  }
  // The colours may have changed meanwhile.
  if (now !== theme()) draw(figures.filter((figure) => figure.isConnected));
}

async function drawOne(drawChart, figure, spec) {
  const place = element("div", { class: "chart-drawn", role: "img", "aria-label": figure.dataset.summary });
  figure.append(place);
  try {
    const made = await drawChart(place, spec, showTip);
    // What it draws is one image to those who hear it: its summary, and the table below.
    place.firstElementChild?.setAttribute("aria-hidden", "true");
    drawn.get(figure)?.finalize();
    drawn.set(figure, made);
    for (const old of [...figure.children]) if (old !== place) old.remove();
  } catch (error) {
    place.remove();
    throw error;
  }
}

let loading;
function drawing() {
  loading ??= import(document.body.dataset.charts).then(() => window.smaplyCharts.draw);
  loading.catch(() => { loading = undefined; });
  return loading;
}

async function specifications(figures, now) {
  const found = new Map(), asked = new Map();
  for (const figure of figures) {
    if (figure.dataset[now]) found.set(figure, JSON.parse(figure.dataset[now]));
    else asked.set(figure.dataset.charts, [...(asked.get(figure.dataset.charts) ?? []), figure]);
  }
  await Promise.all([...asked].map(async ([address, wanting]) => {
    const digests = [...new Set(wanting.map((figure) => figure.dataset.face))].sort();
    const given = await fetched(`${address}?theme=${now}&faces=${digests.join(",")}`);
    wanting.forEach((figure) => found.set(figure, given[figure.dataset.face]));
  }));
  return found;
}

function fetched(address) {
  if (!specs.has(address)) {
    const asking = fetch(address, { headers: { accept: "application/json" } }).then((answer) => {
      if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
      return answer.json();
    });
    asking.catch(() => specs.delete(address));
    specs.set(address, asking);
  }
  return specs.get(address);
}

// What is shown on hover: label and value, as the specification says.
const tip = element("div", { class: "tip", "aria-hidden": "true", dir: "auto" });
tip.hidden = true;
document.body.append(tip);
document.addEventListener("scroll", () => { tip.hidden = true; }, { capture: true, passive: true });

function showTip(_handler, event, _item, value) {
  if (value === null || value === undefined || value === "") { tip.hidden = true; return; }
  // A dialog lies above everything else: the tip goes into it.
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
