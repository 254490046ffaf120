// A journey map: keeps its cards true and draws their charts.
import "./charts.js";
import { keepLive } from "./live.js";

const map = document.querySelector("[data-live]");
if (map) keepLive(map);
