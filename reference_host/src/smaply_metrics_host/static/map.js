// A journey map: live updates and charts.
import "./charts.js";
import { keepLive } from "./live.js";

const map = document.querySelector("[data-live]");
if (map) keepLive(map);
