"""All metrics of a server, declared in one place. `docs/metrics.md` has the same list; a test compares them.

No label holds a name of a thing or a caller, or anything else that callers choose freely: every label has a bounded set
of values. Each group is declared when it is first used, so a process shows only what it counts.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, GCCollector, Info, PlatformCollector, ProcessCollector

from dashboard_catalog.metrics.histograms import Histogram

UNKNOWN = "unknown"
"""The method of all calls whose method or route the server does not have."""

OTHER = "other"

_PREFIX = "dashboard_catalog_"
_CALL_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800)
_WORK_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500)


class Metrics:
    """The metrics of one process. Whatever counts gets one; one that nobody scrapes costs next to nothing."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()

    @cached_property
    def calls(self) -> "CallMetrics":
        """Those of calls, whichever door they come through."""
        return CallMetrics(self.registry)

    @cached_property
    def batches(self) -> "BatchMetrics":
        """Those of the batches that calls share."""
        return BatchMetrics(self.registry)

    @cached_property
    def database(self) -> "DatabaseMetrics":
        """Those of the database and its connections."""
        return DatabaseMetrics(self.registry)

    @cached_property
    def health(self) -> "HealthMetrics":
        """Those of the probes of the database."""
        return HealthMetrics(self.registry)

    @cached_property
    def bulk(self) -> "BulkMetrics":
        """Those of bulk sessions."""
        return BulkMetrics(self.registry)

    @cached_property
    def watches(self) -> "WatchMetrics":
        """Those of watchers."""
        return WatchMetrics(self.registry)

    @cached_property
    def search(self) -> "SearchMetrics":
        """Those of the search index."""
        return SearchMetrics(self.registry)

    @cached_property
    def auth(self) -> "AuthMetrics":
        """Those of tokens, policies and certificates."""
        return AuthMetrics(self.registry)

    @cached_property
    def keys(self) -> "KeyMetrics":
        """Those of the keys of an external issuer."""
        return KeyMetrics(self.registry)

    @cached_property
    def http(self) -> "HttpMetrics":
        """Those that only the HTTP door has."""
        return HttpMetrics(self.registry)

    @cached_property
    def processes(self) -> "ProcessesMetrics":
        """Those of the process that starts the others."""
        return ProcessesMetrics(self.registry)

    @cached_property
    def runtime(self) -> "RuntimeMetrics":
        """Those that every process has."""
        return RuntimeMetrics(self.registry)


class CallMetrics:
    """Calls: how many, how long, and which were refused."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.duration = _histogram(
            registry,
            "call_duration_seconds",
            "Duration of calls, streams included, by door, method and code",
            ("door", "method", "code"),
            _CALL_SECONDS,
        )
        self.running = _gauge(registry, "calls_running", "Calls that run, without watchers")
        self.limit = _gauge(registry, "calls_limit", "Maximum number of calls that one process runs at once")
        self.refused = _counter(
            registry, "calls_refused", "Calls refused before they were served, by the reason of the error", ("reason",)
        )
        self._streams = _gauge(registry, "streams_open", "Streams that are open, watchers included", ("method",))

    @contextmanager
    def stream(self, method: str) -> Iterator[None]:
        """Counts an open stream while the block runs."""
        gauge = self._streams.labels(method)
        gauge.inc()
        try:
            yield
        finally:
            gauge.dec()


class BatchMetrics:
    """The batches that concurrent calls share."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.calls = _histogram(
            registry, "batch_calls", "Calls in a batch that shares a transaction", ("kind",), _SIZES
        )
        self.wait = _histogram(
            registry,
            "batch_wait_seconds",
            "Time that the first call of a batch waited until the batch began",
            ("kind",),
            _WORK_SECONDS,
        )


class DatabaseMetrics:
    """The database, as this process sees it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.duration = _histogram(
            registry, "transaction_duration_seconds", "Duration of transactions", ("kind",), _WORK_SECONDS
        )
        self.wait = _histogram(
            registry,
            "database_connection_wait_seconds",
            "Time that a transaction waited for a connection",
            (),
            _WORK_SECONDS,
        )
        self.retried = _counter(
            registry, "transactions_retried", "Transactions that lost a race and were run again", ("cause",)
        )
        self.connections = _gauge(registry, "database_connections", "Open connections for calls", ("state",))
        self.limit = _gauge(registry, "database_connections_limit", "Maximum number of connections for calls")
        self.failures = _counter(
            registry,
            "database_failures",
            "Transactions that failed because the database could not be used",
            ("reason",),
        )


class HealthMetrics:
    """What a process that serves calls finds when it probes the database."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.usable = _gauge(registry, "database_usable", "Whether the database answers and takes writes: 0 or 1")


class BulkMetrics:
    """Bulk sessions that write. Those that only validate are not counted."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.items = _counter(registry, "bulk_items", "Items of bulk streams, by outcome", ("outcome",))
        self.failures = _counter(
            registry, "bulk_failures", "Items that failed, by the reason of the error", ("reason",)
        )
        self.chunk_duration = _histogram(
            registry, "bulk_chunk_duration_seconds", "Time to write a chunk of a bulk stream", (), _WORK_SECONDS
        )
        self.sessions = _gauge(registry, "bulk_sessions_open", "Bulk sessions that a stream writes")
        self.queue = _gauge(registry, "bulk_queue_items", "Items of bulk streams that were read and not yet written")
        self.sweeps = _counter(registry, "bulk_sweeps", "Sweeps, by outcome", ("outcome",))


class WatchMetrics:
    """Streams that follow the changes."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.watchers = _gauge(registry, "watchers", "Streams that follow the changes")
        self.changes = _counter(registry, "watch_changes", "Changes sent to watchers")


class SearchMetrics:
    """The search index, as this process sees it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.lag = _gauge(registry, "search_lag_seconds", "Maximum age of the oldest change that is not indexed")
        self.building = _gauge(registry, "search_building", "Whether the index is being built from scratch: 0 or 1")
        self.documents = _gauge(registry, "search_documents", "Documents in the search index")


class AuthMetrics:
    """Who calls, and what they may do."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.policy_loads = _counter(registry, "policy_loads", "Attempts to load policies, by outcome", ("outcome",))
        begin_at_zero(self.policy_loads, ("loaded", "refused", "failed"))
        self.policies_loaded_at = _gauge(
            registry, "policy_loaded_timestamp_seconds", "When the policies in force were loaded"
        )
        self.certificate_expiry = _gauge(
            registry, "certificate_expiry_timestamp_seconds", "When the certificate in use expires", ("door",)
        )
        self.failures = _counter(
            registry, "authentication_failures", "Calls whose token was not accepted, by the reason", ("reason",)
        )
        self.denied = _counter(registry, "denied", "Denials by the policies, by action", ("action",))

    def count_policy_load(self, outcome: str) -> None:
        """Counts an attempt to load policies: loaded, refused or failed."""
        self.policy_loads.labels(outcome).inc()
        if outcome == "loaded":
            self.policies_loaded_at.set_to_current_time()


class KeyMetrics:
    """The keys of an external issuer of tokens. Only a server that has one shows them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._loads = _counter(
            registry, "key_loads", "Attempts to load the keys of the external issuer, by outcome", ("outcome",)
        )
        begin_at_zero(self._loads, ("loaded", "failed"))
        self._loaded_at = _gauge(
            registry, "key_loaded_timestamp_seconds", "When the keys of the external issuer were last read"
        )

    def loaded(self) -> None:
        """Counts that keys were loaded."""
        self._loads.labels("loaded").inc()
        self._loaded_at.set_to_current_time()

    def failed(self) -> None:
        """Counts that keys could not be loaded."""
        self._loads.labels("failed").inc()


class HttpMetrics:
    """The HTTP door."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.dropped = _counter(
            registry,
            "http_dropped",
            "What clients of OpenMetadata sent and the catalog does not keep",
            ("resource", "field"),
        )
        self.connections = _gauge(registry, "http_connections", "Open connections of the HTTP door")


class ProcessesMetrics:
    """The processes of a server. Only the one that starts the others has them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._workers = _gauge(registry, "workers", "Processes that serve calls")
        self._worker_deaths = _counter(registry, "worker_deaths", "Workers that died and were replaced")
        self.companion_deaths = _counter(registry, "companion_deaths", "Indexers that died and were replaced")

    def worker_started(self) -> None:
        """Counts a worker that begins."""
        self._workers.inc()

    def worker_died(self) -> None:
        """Counts a worker that has died."""
        self._workers.dec()
        self._worker_deaths.inc()


class RuntimeMetrics:
    """What the operating system and Python say of a process. Most are declared by the library."""

    def __init__(self, registry: CollectorRegistry) -> None:
        Info(f"{_PREFIX}build", "Version of the server", registry=registry).info({"version": _version()})
        self.loop_lag = _histogram(
            registry,
            "event_loop_lag_seconds",
            "Time by which the event loop was late, measured once per second",
            (),
            _WORK_SECONDS,
        )
        self.silent = _counter(
            registry,
            "scrape_silent_processes",
            "Processes that did not answer a scrape in time and are missing from it",
        )
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)


def begin_at_zero(counter: Counter, values: Iterable[str]) -> None:
    """Shows a counter for all values of its label, also for those that have not happened yet.

    Prometheus does not see the first increase of a counter that appears with it, and so no alert would.
    """
    for value in values:
        counter.labels(value)


def _version() -> str:
    return version("dashboard-catalog")


def _counter(registry: CollectorRegistry, name: str, text: str, labels: Sequence[str] = ()) -> Counter:
    return Counter(f"{_PREFIX}{name}", text, labels, registry=registry)


def _gauge(registry: CollectorRegistry, name: str, text: str, labels: Sequence[str] = ()) -> Gauge:
    return Gauge(f"{_PREFIX}{name}", text, labels, registry=registry)


def _histogram(
    registry: CollectorRegistry, name: str, text: str, labels: Sequence[str], bounds: Sequence[float]
) -> Histogram:
    return Histogram(f"{_PREFIX}{name}", text, labels, bounds=bounds, registry=registry)
