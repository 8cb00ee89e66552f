"""What OpenTelemetry's standard variables ask for. Does not need the SDK, which reads all the other variables itself.

https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

from collections.abc import Mapping
from typing import NamedTuple

PROTOCOLS = ("http/protobuf", "grpc")
"""Those that can be sent with; the first is the default."""

_INTERVAL, _INTERVAL_MILLISECONDS = "OTEL_METRIC_EXPORT_INTERVAL", "60000"
_SAMPLER, _SAMPLER_ARG = "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"
_RATIO_SAMPLERS = ("traceidratio", "parentbased_traceidratio")
_SAMPLERS = ("always_on", "always_off", "parentbased_always_on", "parentbased_always_off", *_RATIO_SAMPLERS)


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
    asked = Wanted(_protocol(environment, "TRACES"), _protocol(environment, "METRICS"), _interval(environment))
    if asked.traces:
        _check_sampler(environment)
    return asked


def _protocol(environment: Mapping[str, str], signal: str) -> str | None:
    chosen = f"OTEL_{signal}_EXPORTER"
    exporter = environment.get(chosen, "").strip()
    if exporter not in {"", "otlp", "none"}:
        raise OtlpError(f"{chosen}: {exporter} is not supported; use otlp or none")
    own = f"OTEL_EXPORTER_OTLP_{signal}"
    endpoint = _first(environment, f"{own}_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    if exporter == "none" or not (exporter or endpoint):
        return None
    name, protocol = _first(environment, f"{own}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL") or ("", PROTOCOLS[0])
    if protocol not in PROTOCOLS:
        raise OtlpError(f"{name}: {protocol} is not supported; use {' or '.join(PROTOCOLS)}")
    # Over gRPC, HOST:PORT is an endpoint too.
    if endpoint and protocol != "grpc" and not endpoint[1].lower().startswith(("http://", "https://")):
        raise OtlpError(f"{endpoint[0]}: {endpoint[1]} is not a URL that begins with http:// or https://")
    return protocol


def _first(environment: Mapping[str, str], *names: str) -> tuple[str, str] | None:
    """Returns the first of the variables that has a value, with its value."""
    return next(((name, value) for name in names if (value := environment.get(name, "").strip())), None)


def _check_sampler(environment: Mapping[str, str]) -> None:
    """Returns if the SDK knows the sampler. Otherwise it would record every trace, and only log that it does.

    Raises:
        OtlpError: If not.
    """
    sampler = environment.get(_SAMPLER, "")
    if sampler and sampler.lower() not in _SAMPLERS:
        raise OtlpError(f"{_SAMPLER}: {sampler} is not supported; use one of {', '.join(_SAMPLERS)}")
    share = environment.get(_SAMPLER_ARG, "")
    if share and sampler.lower() in _RATIO_SAMPLERS and not _is_share(share):
        raise OtlpError(f"{_SAMPLER_ARG}: {share} is not a number from 0 to 1")


def _is_share(text: str) -> bool:
    try:
        return 0 <= float(text) <= 1
    except ValueError:
        return False


def _interval(environment: Mapping[str, str]) -> float:
    text = environment.get(_INTERVAL) or _INTERVAL_MILLISECONDS
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise OtlpError(f"{_INTERVAL}: {text} is not a number of milliseconds above 0")
    return int(text) / 1_000
