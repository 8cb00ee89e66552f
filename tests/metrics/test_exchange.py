"""One process gathers the samples of all, also when some are silent or have died."""

import os
import struct
import time
from functools import partial
from multiprocessing.connection import Connection
from threading import Thread
from typing import Any

import pytest
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST

from dashboard_catalog.metrics import exchange as exchanging
from dashboard_catalog.metrics.declared import Metrics
from dashboard_catalog.metrics.exchange import Exchange, Gathers, Link, Member
from dashboard_catalog.metrics.samples import rendered
from tests.metrics_reading import Scraped, read
from tests.patience import PATIENCE


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchanging, "ANSWER_SECONDS", 0.2)


def scraped(peers: Gathers) -> Scraped:
    return read(rendered(peers.gather(), CONTENT_TYPE_LATEST).decode(), CONTENT_TYPE_LATEST)


def joined(exchange: Exchange, name: str) -> Link:
    """Returns the ends of pipes as another process would get them: copies, since this one closes its own."""
    with exchange.joined(name) as link:
        return Link(name, _copy(link.answers), _copy(link.asks))


def _copy(connection: Connection) -> Connection:
    return Connection(os.dup(connection.fileno()))


def _arrived(other: Any) -> None:
    """Waits until another process has answered, whether anybody waits for it or not."""
    deadline = time.monotonic() + PATIENCE
    while other._answers.empty():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_every_process_shows_all() -> None:
    exchange = Exchange("supervisor", Metrics())
    members = [Member(joined(exchange, name), Metrics()) for name in ("0", "1")]
    peers: list[Gathers] = [exchange, *members]
    for count, peer in enumerate(peers, start=1):
        peer.metrics.watches.changes.inc(count)
    for peer in peers:
        found = scraped(peer)
        changes = {sample.labels["process"]: sample.value for sample in found.named("watch_changes_total")}
        assert changes == {"supervisor": 1, "0": 2, "1": 3}
        assert found.of("scrape_silent_processes_total") == 0


def test_a_process_that_is_silent_or_dead_is_left_out_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    exchange = Exchange("0", Metrics())
    silent, dead = joined(exchange, "silent"), joined(exchange, "dead")
    dead.answers.close()
    dead.asks.close()
    Member(joined(exchange, "1"), Metrics())
    assert scraped(exchange).label("process") == {"0", "1"}
    assert scraped(exchange).of("scrape_silent_processes_total") == 4

    # It wakes up, and what it says then is not mistaken for an answer to a later question.
    changes = Metrics()
    Member(silent, changes)
    _arrived(exchange._others["silent"])
    changes.watches.changes.inc(7)
    monkeypatch.setattr(exchanging, "ANSWER_SECONDS", PATIENCE)
    assert scraped(exchange).of("watch_changes_total", process="silent") == 7


def test_a_process_that_stops_within_an_answer_is_left_out_and_delays_nobody() -> None:
    exchange = Exchange("supervisor", Metrics())
    member, halted = Member(joined(exchange, "0"), Metrics()), joined(exchange, "1")
    # The beginning of an answer: its length, and not all of it.
    os.write(halted.answers.fileno(), struct.pack("!i", 100_000) + b"something")
    seen: list[set[str]] = []
    scrape = Thread(target=lambda: seen.extend(scraped(peer).label("process") for peer in (exchange, member)))
    scrape.daemon = True
    scrape.start()
    scrape.join(PATIENCE)
    assert seen == [{"supervisor", "0"}] * 2


def test_a_process_that_could_not_be_measured_answers_again() -> None:
    exchange = Exchange("supervisor", Metrics())
    member = Member(joined(exchange, "0"), Metrics())
    watchers = member.metrics.watches.watchers
    for error in (OSError, ValueError):
        watchers.set_function(partial(_fail, error))
        assert scraped(exchange).label("process") == {"supervisor"}
        watchers.set_function(lambda: 1)
        # The log may take longer than a scrape waits.
        assert any(scraped(exchange).label("process") == {"supervisor", "0"} for _ in range(100))
    exchange.metrics.watches.watchers.set_function(partial(_fail, ValueError))
    assert scraped(member).label("process") == {"0"}


def _fail(error: type[Exception]) -> float:
    raise error


def test_a_process_that_replaces_another_takes_its_place() -> None:
    exchange = Exchange("supervisor", Metrics())
    first, second = Metrics(), Metrics()
    first.watches.changes.inc(5)
    link = joined(exchange, "0")
    Member(link, first)
    assert scraped(exchange).of("watch_changes_total", process="0") == 5
    second.watches.changes.inc(1)
    Member(joined(exchange, "0"), second)
    assert scraped(exchange).of("watch_changes_total", process="0") == 1


def test_a_member_shows_itself_if_nobody_gathers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchanging, "_GATHER_SECONDS", 0.2)
    exchange = Exchange("supervisor", Metrics())
    member = Member(joined(exchange, "0"), Metrics())
    with exchange._gathering:
        found = scraped(member)
    assert found.label("process") == {"0"}
    assert found.of("scrape_silent_processes_total") == 1

    # Nor is what arrives too late for the member mistaken for the answer to its next question.
    _arrived(member._starter)
    exchange.metrics.watches.changes.inc(3)
    monkeypatch.setattr(exchanging, "_GATHER_SECONDS", PATIENCE)
    assert scraped(member).of("watch_changes_total", process="supervisor") == 3


def test_scrapes_at_once_get_all_processes() -> None:
    exchange = Exchange("supervisor", Metrics())
    members = [Member(joined(exchange, name), Metrics()) for name in ("0", "1")]
    seen: list[set[str]] = []
    threads = [Thread(target=lambda peer=peer: seen.append(scraped(peer).label("process"))) for peer in members * 5]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [{"supervisor", "0", "1"}] * 10
