"""Spans of OpenTelemetry: of calls, and of what a call does. Knows OpenTelemetry's API alone, and no way to export."""
