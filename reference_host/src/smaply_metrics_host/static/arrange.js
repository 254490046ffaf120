// Stages, lanes and cards are moved by drag and drop and with arrow keys. Each change is a form of the
// page, so it also works without scripts; here its response replaces the map.
import "./sortable.min.js";
import { dropCharts, watchCharts } from "./charts.js";
import { token } from "./job.js";

const { Sortable } = globalThis;
const STAGES = ".stage:not(.add)", LANES = ".lane:not(.add)", CARDS = ".slot";
const STILL = matchMedia("(prefers-reduced-motion: reduce)").matches;
let queue = Promise.resolve();

// `tell` shows a message in the page; `saved` resolves once pending texts are saved.
export function arrange({ tell, saved, watch }) {
  const send = (form, fields, said, focus) => (queue = queue.then(() => change(form, fields, said, focus)));

  async function change(action, fields, said, focus) {
    await saved();
    tell("Saving…", "");
    try {
      const body = new FormData();
      for (const [name, value] of Object.entries(fields)) body.append(name, value);
      const answer = await fetch(action, { method: "POST", body, headers: { accept: "application/json", "x-csrf-token": token() } });
      if (answer.redirected && answer.ok) return show(await answer.text(), said, focus);
      if (answer.redirected) return location.assign(answer.url);
      const problem = await answer.json();
      tell(`${problem.message} ${problem.remedy}`, "bad");
    } catch {
      tell("Not saved: the connection to this app was lost.", "bad");
    }
    await reload();
  }

  // What was dropped moves back.
  async function reload() {
    const answer = await fetch(location.pathname).catch(() => undefined);
    if (answer?.ok) replace(await answer.text());
  }

  function show(html, said, focus) {
    replace(html);
    tell(said, "good");
    const part = document.getElementById(focus);
    (part?.querySelector(".grip") ?? part?.querySelector("button") ?? document.querySelector("#undo button"))?.focus();
    part?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  function replace(html) {
    const page = new DOMParser().parseFromString(html, "text/html");
    for (const part of [".map", "#undo"]) {
      const old = document.querySelector(part);
      dropCharts(old);
      old.replaceWith(page.querySelector(part));
    }
    begin();
    watch(document);
    watchCharts(document.querySelector(".map"));
  }

  const move = (part, place) => {
    const link = part.querySelector(".grip");
    const name = place.place === undefined ? { before: place.before } : { place: place.place };
    send(link.href, name, `${link.textContent.replace("Move", "").trim()} was moved${place.to ? ` to ${place.to}` : ""}.`, part.id || part.querySelector("[id]").id);
  };

  const owner = (grip) => grip.closest(`${CARDS}, ${LANES}`) ?? grip.closest(".stage-head");
  const after = (part, kind) => { let next = part.nextElementSibling; while (next && !next.matches(kind)) next = next.nextElementSibling; return next; };
  const idOf = (part) => part?.id || part?.querySelector(".stage-head")?.id || "";
  const cardPlace = (cell, before) => ({ place: `${cell.dataset.place} ${before ?? ""}`.trim(), to: cell.dataset.name });

  // Makes the parts of a new map movable.
  function begin() {
    const map = document.querySelector(".map");
    const options = (kind, handle, onEnd) => ({ draggable: kind, handle, animation: STILL ? 0 : 150, onEnd: (event) => { if (event.from !== event.to || event.oldIndex !== event.newIndex) onEnd(event.item); } });
    new Sortable(map, options(STAGES, ".stage-grip", (stage) => move(stage.querySelector(".stage-head"), { before: idOf(after(stage, STAGES)) })));
    new Sortable(map.querySelector(".lanes"), options(LANES, ".lane-grip", (lane) => move(lane, { before: idOf(after(lane, LANES)) })));
    for (const cell of map.querySelectorAll(".cell.data")) {
      new Sortable(cell, { group: "cards", ...options(CARDS, ".card-grip", (card) => move(card, cardPlace(card.parentElement, after(card, CARDS)?.id))) });
    }
  }

  document.addEventListener("keydown", (event) => {
    const grip = event.target.closest?.(".grip");
    if (!grip || event.ctrlKey || event.metaKey || event.altKey || !event.key.startsWith("Arrow")) return;
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const place = grip.matches(".card-grip") ? cardStep(grip, step) : lineStep(grip, grip.matches(".stage-grip") ? STAGES : LANES, step[grip.matches(".stage-grip") ? 0 : 1]);
    event.preventDefault();
    if (place) move(owner(grip), place); else tell("It cannot be moved further in this direction.", "");
  });

  // The place of a stage or lane one step further; nothing at the edge.
  function lineStep(grip, kind, step) {
    const parts = [...document.querySelectorAll(`.map ${kind}`)];
    const next = parts.indexOf(grip.closest(kind)) + step;
    if (!step || next < 0 || next >= parts.length) return undefined;
    return { before: idOf(step < 0 ? parts[next] : parts[next + 1]) };
  }

  // Up and down within the cell, then to the next lane; left and right to the next stage.
  function cardStep(grip, [across, down]) {
    const card = grip.closest(CARDS), cell = card.parentElement;
    const cards = [...cell.querySelectorAll(`:scope > ${CARDS}`)], place = cards.indexOf(card) + down;
    if (down && place >= 0 && place < cards.length) return cardPlace(cell, down < 0 ? cards[place].id : cards[place + 1]?.id);
    const columns = [...document.querySelectorAll(`.map ${STAGES}`)].map((stage) => [...stage.querySelectorAll(".cell.data")]);
    const column = columns.findIndex((cells) => cells.includes(cell)), row = columns[column].indexOf(cell);
    const target = columns[column + across]?.[row + down];
    return target && cardPlace(target, down > 0 ? target.querySelector(CARDS)?.id : undefined);
  }

  document.addEventListener("submit", (event) => {
    const form = event.target.closest("form[data-arrange]");
    if (!form) return;
    event.preventDefault();
    form.closest("dialog")?.close();
    const removes = form.action.endsWith("/remove");
    send(form.action, Object.fromEntries(new FormData(form)), form.dataset.said, removes ? "undo" : form.dataset.focus ?? form.closest(CARDS)?.id ?? form.closest(".lane, .stage-head")?.id ?? "saved");
  });

  begin();
}
