// The surveys of a connection: filters the list while typing, and counts the chosen ones.
import { touched } from "./touched.js";

const list = document.getElementById("surveys");
const search = document.getElementById("search");
const counts = document.getElementById("counts");

if (list) {
  const rows = [...list.querySelectorAll(".survey")].map((row) => {
    const box = row.querySelector("input");
    return { row, box, id: box.value, name: row.querySelector(".survey-name").textContent.toLowerCase() };
  });
  const number = new Intl.NumberFormat("en");

  const count = () => {
    const chosen = rows.filter(({ box }) => box.checked).length;
    const shown = rows.filter(({ row }) => !row.hidden).length;
    counts.textContent = `${number.format(chosen)} ${chosen === 1 ? "survey" : "surveys"} chosen. ` +
      `Showing ${number.format(shown)} of ${number.format(rows.length)}.`;
  };
  const filter = () => {
    const sought = search.value.trim();
    const text = sought.toLowerCase();
    for (const { row, id, name } of rows) row.hidden = !(name.includes(text) || id === sought);
    count();
  };

  // Otherwise the server searches the surveys that are not on the page.
  if ("complete" in list.dataset) {
    for (const button of search.form.querySelectorAll("[name=find]")) button.hidden = true;
    search.addEventListener("input", filter);
    search.addEventListener("keydown", (event) => { if (event.key === "Enter") event.preventDefault(); });
    list.addEventListener("change", count);
    if (touched(search.form)) filter();
  }
}
