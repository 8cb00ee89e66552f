"""The rows that `storage_shape` stores, and every layout of tables and indexes for them."""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias
from uuid import NAMESPACE_URL, UUID, uuid5

Row: TypeAlias = tuple[Any, ...]

WRITTEN = 20_000
CHUNK = 1_000
COLUMNS = {
    "service_id": "uuid", "name": 'text COLLATE "C"', "id": "uuid", "display_name": "text", "description": "text",
    "source_url": "text", "project": 'text COLLATE "C"', "dashboard_type": "text", "charts": "uuid[]",
    "owners": "uuid[]", "domain": "uuid", "tags": "uuid[]", "tag_labels": "jsonb", "extension": "jsonb",
    "source_hash": "text", "version": "int", "updated_at": "timestamptz", "updated_by": "text", "deleted": "bool",
    "change_number": "bigint", "digest": "bytea",
}  # fmt: skip
FIXED = ("service_id", "name", "id")
UPDATE = (
    "UPDATE dashboard SET "
    + ", ".join(f"{name} = ${place}" for place, name in enumerate(COLUMNS, 1) if name not in FIXED)
    + " WHERE service_id = $1 AND name = $2 AND id = $3"
)
HISTORY = (
    f"INSERT INTO dashboard_history ({', '.join(COLUMNS)}) SELECT {', '.join(COLUMNS)} FROM dashboard"
    " WHERE service_id = $1 AND name = ANY ($2)"
)
INDEXES = {
    "id": "(id)",
    "name": "(deleted, name, service_id)",
    "domain": "(domain, deleted, name, service_id) WHERE domain IS NOT NULL",
    "project": "(project, deleted, name, service_id) WHERE project IS NOT NULL",
}
BY_TIME = "(updated_at, id)"
REFERENCE = "(target_id, deleted, name, service_id)"
LISTS = {"o": "owners", "t": "tags", "c": "charts"}


def named(text: str) -> UUID:
    """Returns the id of a service, tag, owner, domain or chart that is known by a name here."""
    return uuid5(NAMESPACE_URL, text)


def random_id(chance: random.Random, version: int, number: int) -> UUID:
    """Returns a UUID of version 4, or of version 7 as if twenty were made per millisecond."""
    bits = chance.getrandbits(128)
    if version == 7:
        bits = (1_770_000_000_000 + number // 20) << 80 | bits & (1 << 80) - 1
    return UUID(int=bits & ~(0xF << 76 | 0x3 << 62) | version << 76 | 0x2 << 62)


def dashboards(count: int, services: Sequence[float], version: int = 7) -> Iterator[Row]:
    """Generates dashboards with 5 to 10 charts, an owner and two tags or a few more, service by service.

    Args:
        count: Number of dashboards.
        services: The share of each service; the names of every other service sort together, as in practice.
        version: Version of the UUIDs.
    """
    chance = random.Random(5)
    total, number = sum(services), 0
    for service, share in enumerate(services):
        size = round(count * share / total)
        for _ in range(size):
            number += 1
            name = f"{chance.getrandbits(40):010x}-{number}"
            yield dashboard(chance, service, f"svc{service:03}/{name}" if service % 2 else name, (version, number))


def dashboard(chance: random.Random, service: int, name: str, identity: tuple[int, int]) -> Row:
    version, number = identity
    charts = [random_id(chance, version, number * 10 + place) for place in range(chance.randint(5, 10))]
    if chance.random() < 0.001:
        charts[0] = named("chart shared")
    project, domain = pick(chance, {"common": 0.05, "rare": 0.0001}, 2_000), pick(chance, {"common": 0.3}, 30)
    return (
        named(f"service {service}"), name, random_id(chance, version, number), f"Sales overview {number}",
        f"Shows the numbers of {number}. " * 8, f"https://bi.example.com/d/{number}", f"project {project}",
        "Dashboard", charts, [named(f"owner {pick(chance, {'common': 0.1, 'rare': 0.0001}, 3_000)}")],
        named(f"domain {domain}") if chance.random() < 0.8 else None, tags_of(chance, name),
        '[{"tagFQN": "PII.Sensitive"}, {"tagFQN": "Tier.Tier1"}]', '{"costCentre": "A"}', "0" * 32, 1,
        datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=chance.randint(0, 10**7)), "ingest",
        chance.random() < 0.005, number, bytes(32),
    )  # fmt: skip


def pick(chance: random.Random, shares: dict[str, float], others: int) -> str:
    """Returns one of a few values with a share each, otherwise one of `others` equal ones."""
    drawn = chance.random()
    for name, share in shares.items():
        drawn -= share
        if drawn < 0:
            return name
    return str(chance.randrange(others))


def tags_of(chance: random.Random, name: str) -> list[UUID]:
    found = [named(f"tag {min(int(chance.expovariate(0.05)), 199)}") for _ in range(2)]
    special = pick(chance, {"30 %": 0.3, "other 30 %": 0.3, "1 %": 0.01, "0.01 %": 0.0001}, 1)
    if special != "0":
        found.append(named(f"tag {special}"))
    if name > "svc02":
        found.append(named("tag late"))
    return list(dict.fromkeys(found))


def for_sqlite(row: Row) -> Row:
    """Returns a row as SQLite stores it: ids in hex, lists as JSON texts."""
    return tuple(
        value.hex if isinstance(value, UUID)
        else json.dumps([item.hex for item in value], separators=(",", ":")) if isinstance(value, list)
        else value.isoformat() if isinstance(value, datetime)
        else value
        for value in row
    )  # fmt: skip


def changed(rows: Sequence[Row], edition: int) -> list[Row]:
    """Returns the rows with another description and the values of a new version."""
    values = {"description": f"Edition {edition}. " * 16, "version": edition, "digest": bytes([edition]) * 32}
    places = {list(COLUMNS).index(name): value for name, value in values.items()}
    number, at = list(COLUMNS).index("change_number"), list(COLUMNS).index("updated_at")
    now = rows[0][at] if isinstance(rows[0][at], str) else datetime.now(UTC)
    places[at] = f"{now}{edition}" if isinstance(now, str) else now
    return [
        tuple(places.get(place, value + WRITTEN if place == number else value) for place, value in enumerate(row))
        for row in rows
    ]


def chunks(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    return (rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK))


@dataclass(frozen=True)
class Layout:
    """A layout: indexes of `dashboard`, and which lists (`LISTS`) also have rows in `reference`."""

    label: str
    indexes: Sequence[str] = ()
    references: str = ""
    reference_key: bool = False
    fillfactor: int = 100


def gin(columns: str, fastupdate: str = "on") -> str:
    return f"USING gin ({columns}) WITH (fastupdate = {fastupdate})"


ALL = tuple(INDEXES.values())
CHOSEN = (*ALL, gin("charts", "off"))
LAYOUTS = [
    Layout("bare: primary key (service_id, name)"),
    Layout("indexes by id, name, domain, project", ALL),
    *[Layout(f"  the same without {name}", tuple(set(ALL) - {INDEXES[name]})) for name in INDEXES],
    Layout("  the same with (updated_at, id)", (*ALL, BY_TIME)),
    Layout("arrays: + GIN on charts, owners, tags", (*ALL, gin("charts"), gin("owners"), gin("tags"))),
    Layout("  the same, fastupdate off", (*ALL, *(gin(name, "off") for name in LISTS.values()))),
    Layout("  the same in one GIN of three columns", (*ALL, gin("charts, owners, tags"))),
    Layout("  GIN on charts alone", (*ALL, gin("charts"))),
    Layout("  GIN on charts alone, fastupdate off", CHOSEN),
    Layout("rows: + reference for owners, tags", ALL, "ot"),
    Layout("  the same for charts too", ALL, "otc"),
    Layout("  the same with a primary key of its own", ALL, "otc", reference_key=True),
    Layout("chosen: rows for owners, tags; GIN on charts", CHOSEN, "ot"),
]
SQLITE_LAYOUTS = [
    Layout("bare: primary key (service_id, name)"),
    Layout("indexes by id, name, domain, project", ALL),
    Layout("  the same with (updated_at, id)", (*ALL, BY_TIME)),
    Layout("rows: + reference for owners, tags", ALL, "ot"),
    Layout("chosen: rows for owners, tags, charts", ALL, "otc"),
]
UPDATED = [
    Layout(f"{name}, fillfactor {fill}", indexes, references, fillfactor=fill)
    for name, indexes, references in (
        ("chosen", CHOSEN, "ot"),
        ("chosen with (updated_at, id)", (*CHOSEN, BY_TIME), "ot"),
        ("arrays, 3 GIN", LAYOUTS[7].indexes, ""),
    )
    for fill in (100, 75, 50)
]


def postgresql_tables(layout: Layout) -> Iterator[str]:
    columns = ", ".join(f"{name} {type_}" for name, type_ in COLUMNS.items())
    yield "DROP TABLE IF EXISTS dashboard, dashboard_history, reference"
    yield (
        f"CREATE TABLE dashboard ({columns}, PRIMARY KEY (service_id, name)) WITH (fillfactor = {layout.fillfactor})"
    )
    yield f"CREATE TABLE dashboard_history ({columns}, PRIMARY KEY (service_id, id, version))"
    if layout.references:
        key = ", PRIMARY KEY (service_id, name, target_id)" if layout.reference_key else ""
        yield f'CREATE TABLE reference (service_id uuid, target_id uuid, deleted bool, name text COLLATE "C"{key})'


def postgresql_indexes(layout: Layout) -> Iterator[str]:
    for index in layout.indexes:
        yield f"CREATE INDEX ON dashboard {index}"
    if layout.references:
        yield f"CREATE INDEX ON reference {REFERENCE}"


def postgresql_references(layout: Layout, condition: str) -> str:
    lists = " || ".join(LISTS[letter] for letter in layout.references)
    return (
        "INSERT INTO reference (service_id, target_id, deleted, name) SELECT d.service_id, t.id, d.deleted, d.name"
        f" FROM dashboard d CROSS JOIN LATERAL (SELECT DISTINCT unnest({lists}) AS id) t WHERE {condition}"
    )


def sqlite_tables(layout: Layout) -> Iterator[str]:
    columns = ", ".join(COLUMNS)
    yield f"CREATE TABLE dashboard ({columns}, PRIMARY KEY (service_id, name))"
    yield f"CREATE TABLE dashboard_history ({columns}, PRIMARY KEY (service_id, id, version))"
    if layout.references:
        yield f"CREATE TABLE reference (service_id, target_id, deleted, name, PRIMARY KEY {REFERENCE}) WITHOUT ROWID"
    for number, index in enumerate(layout.indexes):
        yield f"CREATE INDEX index_{number} ON dashboard {index}"


def sqlite_references(layout: Layout, condition: str) -> str:
    # "[a,b]" and "[c]" become "[a,b,c]"; no list is empty here.
    lists = "||','||".join(f"substr({LISTS[letter]}, 2, length({LISTS[letter]}) - 2)" for letter in layout.references)
    return (
        "INSERT OR IGNORE INTO reference (service_id, target_id, deleted, name)"
        f" SELECT d.service_id, t.value, d.deleted, d.name FROM dashboard d, json_each('[' || {lists} || ']') t"
        f" WHERE {condition}"
    )
