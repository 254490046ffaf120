// Keeps relative times in `<time data-ago>` current, such as “12 minutes ago”.

const SPANS = [[86400, "day"], [3600, "hour"], [60, "minute"]];
const OLDEST_DAYS = 30;
const EACH = 20_000;
// How far the server's clock is ahead of this machine's.
const ahead = Date.parse(document.body.dataset.now) - Date.now() || 0;

export function keepTimes() {
  setInterval(updateTimes, EACH);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) updateTimes(); });
}

export function updateTimes(root = document) {
  for (const time of root.querySelectorAll("time[data-ago]")) {
    const said = ago(Date.parse(time.dateTime));
    if (said && time.textContent !== said) time.textContent = said;
  }
}

// The same text as web/text.py; empty for old instants, which are shown as dates.
function ago(instant) {
  const seconds = (Date.now() + ahead - instant) / 1000;
  if (seconds >= OLDEST_DAYS * 86400) return "";
  for (const [length, name] of SPANS) {
    const number = Math.floor(seconds / length);
    if (number >= 1) return `${number} ${name}${number > 1 ? "s" : ""} ago`;
  }
  return "just now";
}
