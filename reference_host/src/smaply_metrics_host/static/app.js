// For every page: forms that start jobs without leaving the page, and current relative times.
// All pages work without scripts.
import { keepTimes } from "./ago.js";
import { watchJobs } from "./job.js";

keepTimes();
watchJobs(document);
