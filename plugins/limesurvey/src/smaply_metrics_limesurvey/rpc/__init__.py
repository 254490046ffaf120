"""Calls of RemoteControl 2, the JSON-RPC interface of LimeSurvey."""
