// A map on a wall screen: as large as it fits into the window, and reloaded like by a reader.
const SMALLEST = 0.9, LARGEST = 2.2, STEPS = 26;
const HOUR = 3_600_000, OFTEN = 60_000;
const area = document.querySelector(".map-scroll"), map = document.querySelector(".map");

function fits(zoom) {
  map.style.setProperty("--wall-zoom", zoom);
  return area.scrollHeight <= area.clientHeight + 1 && area.scrollWidth <= area.clientWidth + 1;
}

// The largest of some sizes at which nothing scrolls; the style sheet's own size if there is none.
function fit() {
  const size = (step) => (SMALLEST + ((LARGEST - SMALLEST) * step) / STEPS).toFixed(3);
  let fitting = -1, above = STEPS + 1;
  while (above - fitting > 1) {
    const middle = Math.floor((fitting + above) / 2);
    if (fits(size(middle))) fitting = middle; else above = middle;
  }
  const before = map.dataset.zoom, now = fitting < 0 ? "" : size(fitting);
  map.style.setProperty("--wall-zoom", now);
  map.dataset.zoom = now;
  if (before !== undefined && before !== now) dispatchEvent(new Event("resize")); // Charts take the new width.
}

if (map) {
  fit();
  // A card may grow with its next value.
  new ResizeObserver(fit).observe(area);
  const updated = (changes) => { if (changes.some(({ target }) => target.dataset.part)) fit(); };
  new MutationObserver(updated).observe(map, { childList: true, subtree: true });
}

// No one can reload a screen on a wall. It is reloaded after an edit of the map, and like by a reader once an
// hour if cards are out of date; both only while the server responds.
const live = document.getElementById("live"), changed = document.getElementById("changed");
setInterval(() => {
  const stale = performance.now() > HOUR && document.querySelector("[data-due]");
  if (live.classList.contains("good") && (stale || !changed.hidden)) location.reload();
}, OFTEN);
