// Updates an open map with a stream of events, or by polling where streams do not work. Neither starts
// a refresh.
import { dropCharts, watchCharts } from "./charts.js";
import { updateTimes } from "./ago.js";

const SOON = 2_000, LATER = 20_000;

export function keepLive(map) {
  const live = new Live(map, document.getElementById("live"), document.getElementById("live-said"));
  document.addEventListener("visibilitychange", () => live.begin());
  live.answer(document.getElementById("refresh-answer"));
  releaseHeights(map);
  live.begin();
}

// A card whose height was kept has its natural one when the window gets another width, and when a part of it is opened.
function releaseHeights(map) {
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth === width) return; // Phones hide the address bar while people scroll.
    width = innerWidth;
    for (const slot of map.querySelectorAll(".slot")) slot.style.minHeight = "";
  });
  map.addEventListener("click", ({ target }) => {
    const slot = target.closest("summary")?.closest(".slot");
    if (slot) slot.style.minHeight = "";
  });
}

// What happened to cards, for screen readers; a refresh that only started is not read out.
function outcomes(cards) {
  const ended = cards.filter((card) => card && !card.classList.contains("refreshing"));
  const failed = ended.filter((card) => card.classList.contains("bad")).length;
  const updated = ended.length - failed;
  return [
    updated && `${updated} ${updated === 1 ? "card was" : "cards were"} updated.`,
    failed && `${failed} ${failed === 1 ? "card" : "cards"} failed to update.`,
  ].filter(Boolean).join(" ");
}

class Live {
  constructor(map, sign, said) {
    Object.assign(this, { map, sign, said, address: map.dataset.live, structure: map.dataset.structure });
  }

  // Listens only while the page is visible: browsers limit the streams per host.
  begin() {
    clearTimeout(this.timer);
    if (document.hidden) { this.events?.close(); this.events = undefined; return; }
    if (this.over || this.events) return;
    if (window.EventSource) this.listen(); else this.ask();
  }

  listen() {
    const events = (this.events = new EventSource(`${this.address}/events`));
    events.addEventListener("state", ({ data }) => this.compare(JSON.parse(data)));
    events.addEventListener("parts", ({ data }) => this.take(JSON.parse(data)));
    events.addEventListener("over", ({ data }) => this.end(data));
    events.onopen = () => this.tell("Live", "good");
    events.onerror = () => {
      if (events.readyState !== EventSource.CLOSED) { this.tell("Reconnecting…", "warn"); return; }
      events.close();
      this.events = undefined;
      this.ask();
    };
  }

  // Loads the changes since the page was rendered.
  async compare({ structure, versions }) {
    const same = Object.entries(versions).every(([id, version]) => this.part(id)?.dataset.version === version);
    if (!same || structure !== this.structure) await this.fetchParts();
  }

  async ask() {
    let soon = false;
    try { soon = await this.fetchParts(); this.tell("Live", "good"); } catch { this.tell("Reconnecting…", "warn"); }
    clearTimeout(this.timer);
    if (!this.over && !document.hidden) this.timer = setTimeout(() => this.ask(), soon ? SOON : LATER);
  }

  async fetchParts() {
    const have = [...this.map.querySelectorAll("[data-part]")].map((part) => part.dataset.version);
    const answer = await fetch(`${this.address}/cards?have=${have.join(",")}`, { headers: { accept: "application/json" } });
    if (answer.status === 401 || answer.status === 404) { this.end(answer.status === 401 ? "no-access" : "gone"); return false; }
    if (!answer.ok) throw new Error(`HTTP status ${answer.status}`);
    const given = await answer.json();
    this.take(given);
    return given.refreshing;
  }

  take({ structure, parts }) {
    const changed = parts.filter(({ id, version, html }) => this.replace(id, version, html));
    const said = outcomes(changed.filter(({ id }) => id !== "notices").map(({ id }) => this.part(id).querySelector(".card")));
    if (said) this.said.textContent = said;
    if (structure !== this.structure) document.getElementById("changed").hidden = false;
  }

  // Reads out the answer to “Refresh now” once; reloading the page does not repeat it.
  answer(text) {
    if (!text) return;
    setTimeout(() => { this.said.textContent = text.textContent; }, SOON / 2);
    history.replaceState(null, "", location.pathname);
  }

  replace(id, version, html) {
    const part = this.part(id);
    if (!part || part.dataset.version === version) return false;
    const open = new Set([...part.querySelectorAll("details[open]")].map((one) => one.dataset.keep));
    const focused = part.contains(document.activeElement) ? document.activeElement.closest("details")?.dataset.keep : undefined;
    const height = part.getBoundingClientRect().height;
    dropCharts(part);
    if (id === "notices") this.moveAside(part);
    part.innerHTML = html;
    part.dataset.version = version;
    for (const one of part.querySelectorAll("details")) {
      one.open = open.has(one.dataset.keep);
      if (focused && one.dataset.keep === focused) one.querySelector("summary").focus({ preventScroll: true });
    }
    updateTimes(part);
    if (id !== "notices") this.keepHeight(part, height);
    watchCharts(part);
    return true;
  }

  // The cards below stay where they are: a notice that makes its card higher is shown over its content.
  keepHeight(part, height) {
    part.style.minHeight = `${height}px`;
    const late = part.classList.contains("late");
    part.classList.remove("late");
    part.classList.toggle("late", part.querySelector(".card-notice") && (late || part.getBoundingClientRect().height > height));
  }

  // Notices that change are shown over the map from now on, and their place stays: the map does not move.
  moveAside(part) {
    const late = document.getElementById("late");
    if (late.contains(part)) return;
    const place = document.createElement("div");
    place.style.height = `${part.offsetHeight}px`;
    place.style.flex = "none";
    part.replaceWith(place);
    late.append(part);
  }

  part(id) { return this.map.querySelector(`[data-part="${id}"]`); }

  end(reason) {
    this.over = true;
    this.events?.close();
    clearTimeout(this.timer);
    this.tell(this.map.dataset.ended ?? (reason === "gone" ? "This map was deleted" : "You are signed out"), "bad");
  }

  tell(words, tone) {
    this.sign.textContent = words;
    this.sign.className = `live ${tone}`;
  }
}
