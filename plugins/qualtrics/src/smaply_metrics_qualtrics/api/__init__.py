"""The Qualtrics API: endpoints, error mapping and response exports."""
