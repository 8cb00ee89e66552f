"""Sends traces and metrics over OTLP, with OpenTelemetry's SDK: the extra `otlp`.

`wanted` and `exporting` work without the SDK. The other modules need it, and are loaded only if something is wanted.
"""
