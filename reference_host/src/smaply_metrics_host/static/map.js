// A journey map: live updates and charts.
import "./charts.js";
import { keepLive } from "./live.js";

const map = document.querySelector("[data-live]");
if (map) keepLive(map);

// A map may be open for days.
addEventListener("beforeprint", () => {
  const today = new Date();
  for (const time of document.querySelectorAll("time[data-today]")) {
    time.dateTime = today.toISOString().slice(0, 10);
    time.textContent = today.toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric" });
  }
});
