"""The Qualtrics API: its endpoints, what its refusals mean, and exports of responses."""
