"""What a cluster lacks is named, with what to do."""

from dataclasses import replace

import pytest

from dashboard_catalog.store.distribution.cluster import Cluster, NodeSettings, problems_of, read_cluster
from dashboard_catalog.store.migrate import on_connection

GOOD = NodeSettings("w:5432", "logical", 100, 100)
CLUSTER = Cluster("13.2-1", workers=1, settings=(replace(GOOD, name="the coordinator"), GOOD))


def test_a_cluster_with_all_settings_has_no_problem() -> None:
    assert problems_of(CLUSTER) == []
    assert problems_of(replace(CLUSTER, workers=0, settings=CLUSTER.settings[:1])) == []


@pytest.mark.parametrize(
    ("cluster", "problems"),
    [
        (Cluster(is_installed=True), ["the extension citus is not in this database: run `CREATE EXTENSION citus`"]),
        (replace(CLUSTER, coordinator="c:5432"), ["this node is a worker: use the address of the coordinator, c:5432"]),
        (replace(CLUSTER, inactive=("w:5432",)), ["the node w:5432 is not active: run `SELECT citus_activate_node("]),
        (replace(CLUSTER, takes_shards=False), ["no node takes shards: add a worker with `SELECT citus_add_node("]),
        (
            replace(CLUSTER, settings=(replace(GOOD, max_prepared_transactions=0, wal_level="replica"),)),
            [
                "max_prepared_transactions is 0 on w:5432: set it to at least 100, its max_connections, and restart",
                "wal_level is replica on w:5432: set it to logical",
            ],
        ),
        (
            replace(CLUSTER, settings=(NodeSettings("w:5432", problem="no\nanswer"),)),
            ["w:5432 cannot be used: no answer"],
        ),
    ],
)
def test_each_problem_says_where_it_is_and_what_to_do(cluster: Cluster, problems: list[str]) -> None:
    found = problems_of(cluster)

    assert len(found) == len(problems)
    assert all(one.startswith(expected) for one, expected in zip(found, problems, strict=True))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_server_without_the_extension_says_so(database_url: str) -> None:
    assert on_connection(database_url, read_cluster) == Cluster()
    [problem] = problems_of(Cluster())
    assert problem.startswith("the extension citus is not installed: ")
