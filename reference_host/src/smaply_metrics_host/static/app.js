// What every page can use: forms that start jobs, without leaving the page. All pages work without it.
import { watchJobs } from "./job.js";

watchJobs(document);
