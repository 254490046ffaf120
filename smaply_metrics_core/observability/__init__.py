"""Logs, correlation IDs, spans and metrics; nothing here loads OpenTelemetry unless it is used."""
