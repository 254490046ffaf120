// Keeps “12 minutes ago” true: each `<time data-ago>` says how long its instant is past.

const SPANS = [[86400, "day"], [3600, "hour"], [60, "minute"]];
const OLDEST_DAYS = 30;
const EACH = 20_000;
// What the server's clock is ahead of this machine's, which may be wrong.
const ahead = Date.parse(document.body.dataset.now) - Date.now() || 0;

export function keepTimes() {
  setInterval(sayTimes, EACH);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) sayTimes(); });
}

export function sayTimes(root = document) {
  for (const time of root.querySelectorAll("time[data-ago]")) {
    const said = ago(Date.parse(time.dateTime));
    if (said && time.textContent !== said) time.textContent = said;
  }
}

// The words of wording.ago; none for what is so old that its date is said, which stays true.
function ago(instant) {
  const seconds = (Date.now() + ahead - instant) / 1000;
  if (seconds >= OLDEST_DAYS * 86400) return "";
  for (const [length, name] of SPANS) {
    const number = Math.floor(seconds / length);
    if (number >= 1) return `${number} ${name}${number > 1 ? "s" : ""} ago`;
  }
  return "just now";
}
