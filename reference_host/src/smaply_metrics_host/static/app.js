// What every page can use: forms that start jobs without leaving the page, and times that stay true.
// All pages work without it.
import { keepTimes } from "./ago.js";
import { watchJobs } from "./job.js";

keepTimes();
watchJobs(document);
