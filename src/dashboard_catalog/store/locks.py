"""The locks of writers, and the change numbers that they protect.

A transaction takes its locks in this order: the catalog, then its BI services sorted by id. So no two wait for each
other. It holds them until it ends. SQLite has only one writer at a time, so there is nothing to lock.

docs/decisions/0007 says why the lock of the catalog is what it is on one PostgreSQL server and on a cluster.
"""

from uuid import UUID

from sqlalchemy import bindparam, func, literal_column, select, text, update

from dashboard_catalog.store.connections import Locked, ReadConnection, WriteConnection
from dashboard_catalog.store.fixed_statements import FixedStatement
from dashboard_catalog.store.records import CATALOG_ID
from dashboard_catalog.store.tables import ENTITY, SERVICE_SEQUENCE

STATE = SERVICE_SEQUENCE.c.last_change + SERVICE_SEQUENCE.c.nonce
"""What tells the state after a change from any other, also from one with the same number that a failover has lost.

It is the sum of both, because servers of schema 0009 change the number alone.
"""

_entities = select(STATE).where(SERVICE_SEQUENCE.c.service_id == CATALOG_ID)
STATE_OF_ENTITIES = _entities.scalar_subquery()
"""The state of entities, as a column of a statement about other rows."""

_state_of_entities = FixedStatement(_entities)
_of_service = SERVICE_SEQUENCE.c.service_id == bindparam("id")
_last_change = FixedStatement(select(SERVICE_SEQUENCE.c.last_change).where(_of_service))
_lock = FixedStatement(select(SERVICE_SEQUENCE.c.last_change, STATE).where(_of_service).with_for_update())
_advance = FixedStatement(
    update(SERVICE_SEQUENCE)
    .where(SERVICE_SEQUENCE.c.service_id == bindparam("b_service_id"))
    .values(last_change=bindparam("last_change"), nonce=bindparam("nonce"))
)
# Any fixed number serves. This one looks like "dashboard catalog", for whoever reads pg_locks.
_CATALOG_LOCK = 0x0DA5_B0A2_D0CA_7A10
_lock_to_write = FixedStatement(select(func.pg_advisory_xact_lock(literal_column(str(_CATALOG_LOCK)))))
_lock_to_rely = FixedStatement(select(func.pg_advisory_xact_lock_shared(literal_column(str(_CATALOG_LOCK)))))
# On a cluster, the lock of a table that every node has, and of which no rows are moved to another node. To rely on
# entities takes it on the node of the connection. To write them takes it on every node, until all can see them.
_on_this_node, _on_all_nodes = (
    FixedStatement(text(f"SET LOCAL citus.enable_ddl_propagation TO {are_asked}")) for are_asked in ("off", "on")
)
_lock_node_to_rely = FixedStatement(text(f"LOCK TABLE {ENTITY.name} IN ROW SHARE MODE"))
_lock_nodes_to_write = FixedStatement(text(f"LOCK TABLE {ENTITY.name} IN EXCLUSIVE MODE"))


async def lock_catalog(connection: WriteConnection, *, to_write: bool) -> None:
    """Waits until no other transaction writes entities.

    Args:
        to_write: Whether this transaction writes entities itself. Then it also waits for those that rely on them.
    """
    if connection.is_distributed:
        await connection.fetch(_on_all_nodes if to_write else _on_this_node)
        await connection.fetch(_lock_nodes_to_write if to_write else _lock_node_to_rely)
    elif connection.dialect.name == "postgresql":
        await connection.fetch(_lock_to_write if to_write else _lock_to_rely)


async def lock_service(connection: WriteConnection, service_id: UUID) -> int:
    """Waits until no other transaction writes assets of a BI service, and returns its last change number.

    Args:
        service_id: Of a service that exists, or `CATALOG_ID` for the change numbers of entities.
    """
    # The migrations add the row of `CATALOG_ID`, and `entities.save` adds the row of each service.
    [[last, state]] = await connection.fetch(_lock, {"id": service_id})
    connection.locked_at.setdefault(service_id, Locked(int(last), int(state)))
    return int(last)


async def last_change(connection: ReadConnection, service_id: UUID) -> int:
    """Returns the last change number of a BI service, without waiting for writers; 0 if it has just been removed."""
    rows = await connection.fetch(_last_change, {"id": service_id})
    return int(rows[0][0]) if rows else 0


async def state_of_entities(connection: ReadConnection) -> int:
    """Returns the state of entities after their last change, without waiting for writers."""
    [[state]] = await connection.fetch(_state_of_entities)
    return int(state)


async def advance(connection: WriteConnection, service_id: UUID, last_change: int) -> None:
    """Stores the last change number of a BI service that this transaction has locked."""
    values = {"b_service_id": service_id, "last_change": last_change, "nonce": connection.nonce}
    await connection.run(_advance, values)
    connection.advanced[service_id] = last_change
