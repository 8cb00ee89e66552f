"""What OpenTelemetry's standard variables ask for. Does not need the SDK, which reads all the other variables itself.

https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

from collections.abc import Mapping
from typing import NamedTuple

PROTOCOLS = ("http/protobuf", "grpc")
"""Those that can be sent with; the first is the default."""

_INTERVAL, _INTERVAL_MILLISECONDS = "OTEL_METRIC_EXPORT_INTERVAL", "60000"


class OtlpError(Exception):
    """What the variables ask for cannot be done. The message says why, for people."""


class Wanted(NamedTuple):
    """What is to be sent.

    Attributes:
        traces: The protocol for traces; None if they are not to be sent.
        metrics: The same for metrics.
        interval_seconds: How often to send metrics.
    """

    traces: str | None
    metrics: str | None
    interval_seconds: float = 60.0


def wanted(environment: Mapping[str, str]) -> Wanted:
    """Returns what is to be sent.

    Raises:
        OtlpError: If a variable has a value that is not supported.
    """
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return Wanted(None, None)
    return Wanted(_protocol(environment, "TRACES"), _protocol(environment, "METRICS"), _interval(environment))


def _protocol(environment: Mapping[str, str], signal: str) -> str | None:
    chosen = f"OTEL_{signal}_EXPORTER"
    exporter = environment.get(chosen, "").strip()
    if exporter not in {"", "otlp", "none"}:
        raise OtlpError(f"{chosen}: {exporter} is not supported; use otlp or none")
    own = f"OTEL_EXPORTER_OTLP_{signal}"
    has_endpoint = any(environment.get(f"{prefix}_ENDPOINT") for prefix in (own, "OTEL_EXPORTER_OTLP"))
    if exporter == "none" or not (exporter or has_endpoint):
        return None
    for name in (f"{own}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        if protocol := environment.get(name, "").strip():
            if protocol not in PROTOCOLS:
                raise OtlpError(f"{name}: {protocol} is not supported; use {' or '.join(PROTOCOLS)}")
            return protocol
    return PROTOCOLS[0]


def _interval(environment: Mapping[str, str]) -> float:
    text = environment.get(_INTERVAL) or _INTERVAL_MILLISECONDS
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise OtlpError(f"{_INTERVAL}: {text} is not a number of milliseconds above 0")
    return int(text) / 1_000
