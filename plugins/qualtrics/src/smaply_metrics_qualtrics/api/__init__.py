"""The Qualtrics API: endpoints, errors and exports."""
