"""Response exports: requests, jobs and file formats."""
