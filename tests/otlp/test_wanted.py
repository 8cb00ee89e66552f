"""What OpenTelemetry's variables ask for, and what becomes of what cannot be done."""

import os
import sys

import pytest

from dashboard_catalog import server
from dashboard_catalog.otlp.exporting import check
from dashboard_catalog.otlp.wanted import OtlpError, Wanted, wanted
from dashboard_catalog.settings import Settings

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, (None, None)),
        (ENDPOINT, ("http/protobuf", "http/protobuf")),
        ({**ENDPOINT, "OTEL_SDK_DISABLED": "TRUE"}, (None, None)),
        ({**ENDPOINT, "OTEL_METRICS_EXPORTER": "none"}, ("http/protobuf", None)),
        ({**ENDPOINT, "OTEL_TRACES_EXPORTER": "none"}, (None, "http/protobuf")),
        ({**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, ("grpc", "grpc")),
        ({**ENDPOINT, "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "grpc"}, ("http/protobuf", "grpc")),
        (
            {**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "http/protobuf"},
            ("grpc", "http/protobuf"),
        ),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, ("http/protobuf", None)),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, ("http/protobuf", None)),
        ({"OTEL_METRICS_EXPORTER": "otlp"}, (None, "http/protobuf")),
    ],
)
def test_the_variables_decide_what_is_sent(
    environment: dict[str, str], expected: tuple[str | None, str | None]
) -> None:
    found = wanted(environment)
    assert (found.traces, found.metrics) == expected


def test_metrics_are_sent_once_a_minute_unless_a_variable_says_otherwise() -> None:
    assert wanted(ENDPOINT) == Wanted("http/protobuf", "http/protobuf", 60.0)
    assert wanted({**ENDPOINT, "OTEL_METRIC_EXPORT_INTERVAL": "1500"}).interval_seconds == 1.5


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_TRACES_EXPORTER", "zipkin"),
        ("OTEL_METRICS_EXPORTER", "prometheus"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "udp"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "soon"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "0"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"),
        ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "collector/v1/metrics"),
        ("OTEL_TRACES_SAMPLER", "sometimes"),
    ],
)
@pytest.mark.usefixtures("log_as_before")
def test_a_server_does_not_start_with_a_variable_that_it_does_not_understand(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each, given in {**ENDPOINT, name: value}.items():
        monkeypatch.setenv(each, given)
    with pytest.raises(server.StartError, match=f"^{name}: {value} is not "):
        server.serve(Settings.load({"address": "127.0.0.1:0"}))


def test_over_grpc_an_endpoint_needs_no_scheme() -> None:
    plain = {"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4317"}
    assert wanted({**plain, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}).traces == "grpc"


@pytest.mark.parametrize("sampler", ["traceidratio", "parentbased_traceidratio"])
def test_a_share_of_traces_is_a_number_from_0_to_1(sampler: str) -> None:
    asked = {**ENDPOINT, "OTEL_TRACES_SAMPLER": sampler}
    for share in ("", "0", "0.01", "1"):
        wanted({**asked, "OTEL_TRACES_SAMPLER_ARG": share})
    for share in ("1%", "2", "-1", "nan"):
        with pytest.raises(OtlpError, match=f"^OTEL_TRACES_SAMPLER_ARG: {share} is not a number from 0 to 1$"):
            wanted({**asked, "OTEL_TRACES_SAMPLER_ARG": share})
    # Other samplers have no share, and traces that are not sent no sampler.
    wanted({**asked, "OTEL_TRACES_SAMPLER": "always_on", "OTEL_TRACES_SAMPLER_ARG": "2"})
    wanted({**asked, "OTEL_TRACES_EXPORTER": "none", "OTEL_TRACES_SAMPLER_ARG": "2"})


def test_what_is_asked_for_and_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    # None is what Python takes for a module that cannot be found.
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.resources", None)
    monkeypatch.delitem(sys.modules, "dashboard_catalog.otlp.senders", raising=False)
    monkeypatch.delattr("dashboard_catalog.otlp.senders", raising=False)
    with pytest.raises(OtlpError, match=r"install dashboard-catalog\[otlp\], or set OTEL_SDK_DISABLED=true"):
        check(ENDPOINT)
    check({**ENDPOINT, "OTEL_SDK_DISABLED": "true"})


@pytest.mark.parametrize(
    ("name", "value"), [("OTEL_EXPORTER_OTLP_COMPRESSION", "brotli"), ("OTEL_ATTRIBUTE_COUNT_LIMIT", "many")]
)
def test_a_value_that_the_sdk_refuses_is_found_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    for given in ({**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, {name: value}):
        for variable, text in given.items():
            monkeypatch.setenv(variable, text)
    with pytest.raises(OtlpError, match=f"{name}.*{value}|{value}.*{name}"):
        check(os.environ)
    monkeypatch.delenv(name)
    check(os.environ)
    check({})
