"""Reads what a cluster is: its extension, its nodes and their settings, and says what is missing to distribute tables.

Knows nothing of the catalog's tables.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, text

_EXTENSION = text(
    "SELECT (SELECT extversion FROM pg_extension WHERE extname = 'citus'),"
    " EXISTS (SELECT 1 FROM pg_available_extensions WHERE name = 'citus')"
)
_GROUP = text("SELECT groupid FROM pg_dist_local_group")
_NODES = text(
    "SELECT nodename, nodeport, groupid, isactive, shouldhaveshards FROM pg_dist_node"
    " WHERE noderole = 'primary' ORDER BY groupid"
)
# One value, since that is all that a node returns.
_SETTINGS = (
    "SELECT json_build_array(current_setting('wal_level'), current_setting('max_prepared_transactions')::int,"
    " current_setting('max_connections')::int)"
)
_OF_WORKERS = text("SELECT nodename, nodeport, success, result FROM run_command_on_workers(:command)")
_COORDINATOR_GROUP = 0


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """The settings of one node that matter.

    Attributes:
        name: `HOST:PORT`.
        problem: Why they could not be read; empty if they could.
    """

    name: str
    wal_level: str = ""
    max_prepared_transactions: int = 0
    max_connections: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Cluster:
    """The nodes, as the one that was asked knows them.

    Attributes:
        version: Of the extension; None if it is not in this database.
        is_installed: Whether the extension could be created.
        coordinator: `HOST:PORT` of the coordinator if another node was asked.
        inactive: The nodes that are switched off.
        workers: The number of the other nodes.
        takes_shards: Whether any node does.
        settings: Those of each node.
    """

    version: str | None = None
    is_installed: bool = False
    coordinator: str | None = None
    inactive: tuple[str, ...] = ()
    workers: int = 0
    takes_shards: bool = True
    settings: tuple[NodeSettings, ...] = ()


def has_extension(connection: Connection) -> bool:
    """Returns whether a database has the extension. Any database may be asked."""
    if connection.dialect.name != "postgresql":
        return False
    return connection.execute(_EXTENSION).one()[0] is not None


def read_cluster(connection: Connection) -> Cluster:
    """Returns what a PostgreSQL database knows of its cluster, as far as it is needed to find problems."""
    version, is_installed = connection.execute(_EXTENSION).one()
    if version is None:
        return Cluster(is_installed=is_installed)
    nodes = connection.execute(_NODES).all()
    if connection.execute(_GROUP).scalar_one() != _COORDINATOR_GROUP:
        first = next((node for node in nodes if node.groupid == _COORDINATOR_GROUP), None)
        return Cluster(version, coordinator=f"{first.nodename}:{first.nodeport}" if first else "another node")
    return Cluster(
        version,
        inactive=tuple(f"{node.nodename}:{node.nodeport}" for node in nodes if not node.isactive),
        workers=sum(node.groupid != _COORDINATOR_GROUP for node in nodes),
        # A node that nobody has added is added with the first table.
        takes_shards=not nodes or any(node.shouldhaveshards for node in nodes),
        settings=tuple(_settings(connection)),
    )


def problems_of(cluster: Cluster) -> list[str]:
    """Returns what keeps a cluster from distributing tables, and how to change it; nothing if it can."""
    if cluster.version is None and not cluster.is_installed:
        hint = "install Citus on this server and on the other nodes, and set `shared_preload_libraries = 'citus'` there"
        return [f"the extension citus is not installed: {hint}"]
    if cluster.version is None:
        return ["the extension citus is not in this database: run `CREATE EXTENSION citus` in it, on every node"]
    if cluster.coordinator is not None:
        return [f"this node is a worker: use the address of the coordinator, {cluster.coordinator}"]
    problems = [f"the node {name} is not active: run `SELECT citus_activate_node(...)`" for name in cluster.inactive]
    if not cluster.takes_shards:
        problems.append("no node takes shards: add a worker with `SELECT citus_add_node('HOST', PORT)`")
    return [*problems, *(problem for settings in cluster.settings for problem in _problems_of_node(settings))]


def _settings(connection: Connection) -> Iterator[NodeSettings]:
    yield NodeSettings("the coordinator", *connection.execute(text(_SETTINGS)).scalar_one())
    for node in connection.execute(_OF_WORKERS, {"command": _SETTINGS}):
        name = f"{node.nodename}:{node.nodeport}"
        yield NodeSettings(name, *json.loads(node.result)) if node.success else NodeSettings(name, problem=node.result)


def _problems_of_node(settings: NodeSettings) -> Iterator[str]:
    if settings.problem:
        yield f"{settings.name} cannot be used: {' '.join(settings.problem.split())}"
        return
    # A transaction of several nodes is prepared on each; any connection may have one.
    if settings.max_prepared_transactions < settings.max_connections:
        yield (
            f"max_prepared_transactions is {settings.max_prepared_transactions} on {settings.name}: set it to at least"
            f" {settings.max_connections}, its max_connections, and restart PostgreSQL"
        )
    if settings.wal_level != "logical":
        yield (
            f"wal_level is {settings.wal_level} on {settings.name}: set it to logical, so that shards can be moved"
            " while the catalog is used, and restart PostgreSQL"
        )
