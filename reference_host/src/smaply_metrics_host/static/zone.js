// Offers the time zone of the browser, which is stored only if an Admin selects it.
const button = document.querySelector("[data-zone]");
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (button && zone && zone !== "UTC") {
  button.value = zone;
  button.textContent = `Use ${zone.replaceAll("_", " ")}`;
  button.hidden = false;
  button.closest("form").querySelector("[data-zone-said]").hidden = false;
}
