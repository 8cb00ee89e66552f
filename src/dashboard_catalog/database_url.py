"""The URL of a database: the forms that people write, the one that the store opens, and the one that is shown.

The URL that the store opens says everything about how, also what the setting `PGBOUNCER` says. So nothing that opens a
connection can forget it.
"""

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

PGBOUNCER = "pgbouncer"
"""The parameter of a URL that leads to PostgreSQL through PgBouncer in transaction mode; its value is `true`."""

# The drivers that the store is written for.
_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+asyncpg",
    "postgres": "postgresql+asyncpg",
}
_ESCAPES = "in the user name and the password, write @ as %40, : as %3A and / as %2F"
# SQLAlchemy does not understand several hosts in this place, where libpq has them.
_HOSTS = re.compile(r"(?P<before>\w+(?:\+\w+)?://(?:[^@]*@)?)(?P<hosts>[^@/?]*,[^@/?]*)(?P<after>[/?][^@]*)?")
# The folder of a socket, a name or an IPv4 address, or an IPv6 address, which needs no brackets if no port follows.
_HOST_AND_PORT = re.compile(
    r"(?P<host>/.*?|[^\s:\[\]/]+|\[[0-9a-fA-F:.]+\])(?::(?P<port>[0-9]{1,5}))?|(?P<ipv6>[0-9a-fA-F.]*:[0-9a-fA-F.]*:[0-9a-fA-F:.]*)"
)
_DEFAULT_PORT, _MAX_PORT = "5432", 65_535
_ATTRIBUTES = "target_session_attrs"
# A catalog cannot run on a server that takes no writes.
_WRITABLE = "read-write"
_ALLOWED_ATTRIBUTES = ("any", "primary", _WRITABLE)
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
# Others that psql knows would reach the driver, which raises TypeError. `ssl` is what the driver calls `sslmode`.
_PARAMETERS = ("host", "port", "user", "password", "passfile", "sslmode", _ATTRIBUTES, PGBOUNCER)
_SEVERAL_TIMES = frozenset({"host", "port"})
# The driver takes these from the environment alone.
_FROM_ENVIRONMENT = frozenset({"sslrootcert", "sslcert", "sslkey", "sslcrl"})


def normal_url(text: str, *, pgbouncer: bool) -> str:
    """Returns the URL that the store opens.

    Args:
        text: What the user wrote, or what this function has returned.
        pgbouncer: Whether PgBouncer is in front of PostgreSQL.

    Raises:
        ValueError: If it is none, or not of a database that the store can open.
    """
    url = parsed(_with_hosts_as_parameter(text))
    if not text.startswith("sqlite") and "@" in f"{url.host}{url.database}":
        # The rest of a password with an @ would count as the host, which is shown.
        raise ValueError(f"has more than one @; {_ESCAPES}")
    driver = _DRIVERS.get(url.get_backend_name())
    if driver is None or url.drivername not in {url.get_backend_name(), driver}:
        raise ValueError(f"{url.drivername} is not supported: must start with sqlite:/// or postgresql://")
    if driver.startswith("sqlite"):
        if url.database in {None, "", ":memory:"}:
            raise ValueError("SQLite needs a file: sqlite:///FILE")
    else:
        url = _with_parameters_of_driver(url, pgbouncer=pgbouncer)
    return url.set(drivername=driver).render_as_string(hide_password=False)


def shown_url(url: str) -> str:
    """Returns the URL as people write it, without its password and driver: for logs and errors."""
    shown = parsed(url).difference_update_query(["password", PGBOUNCER])
    text = shown.set(drivername=shown.get_backend_name()).render_as_string(hide_password=True)
    before, mark, parameters = text.partition("?")
    return before + mark + parameters.replace("%2C", ",")


def parsed(url: str) -> "URL":
    """Returns the parsed URL of a database.

    Raises:
        ValueError: If it is none.
    """
    # Imported here, since it is slow to load, and the help of a command does not need it.
    from sqlalchemy.engine import make_url  # noqa: PLC0415
    from sqlalchemy.exc import ArgumentError  # noqa: PLC0415

    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        # Not chained, because the original message may contain a password.
        raise ValueError(f"must be sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE; {_ESCAPES}") from None


def _with_hosts_as_parameter(text: str) -> str:
    """Returns `postgresql://A:1,B:2/db` as `postgresql:///db?host=A:1,B:2`, and any other text as it is."""
    found = None if text.startswith("sqlite") else _HOSTS.fullmatch(text)
    if found is None:
        return text
    path, _, parameters = (found["after"] or "/").partition("?")
    return f"{found['before']}{path}?host={found['hosts']}" + (f"&{parameters}" if parameters else "")


def _with_parameters_of_driver(url: "URL", *, pgbouncer: bool) -> "URL":
    if "sslmode" in url.query:
        # psql and other drivers use this name.
        url = url.difference_update_query(["sslmode"]).update_query_dict({"ssl": url.query["sslmode"]})
    _check_parameters(url)
    if url.query.get(PGBOUNCER, "true") != "true":
        raise ValueError(f"{PGBOUNCER} must be true, or left out")
    if pgbouncer:
        url = url.update_query_dict({PGBOUNCER: "true"})
    hosts = list(_hosts(url.query))
    if len(hosts) > 1:
        names, ports = zip(*hosts, strict=True)
        url = url.update_query_dict({_ATTRIBUTES: _WRITABLE, **url.query})
        url = url.update_query_dict({"host": ",".join(names), "port": ",".join(ports)})
    if (wanted := url.query.get(_ATTRIBUTES, _WRITABLE)) not in _ALLOWED_ATTRIBUTES:
        allowed = " or ".join(_ALLOWED_ATTRIBUTES)
        raise ValueError(f"{_ATTRIBUTES} must be {allowed}, not {wanted}, because the catalog writes")
    return url


def _check_parameters(url: "URL") -> None:
    for name, value in url.query.items():
        if name not in {*_PARAMETERS, "ssl"}:
            if "@" in f"{value}":
                raise ValueError(f"has an @ after its ?; {_ESCAPES}")
            instead = f"set {f'PG{name}'.upper()}" if name in _FROM_ENVIRONMENT else f"use {', '.join(_PARAMETERS)}"
            raise ValueError(f"the parameter {name} is not supported; {instead}")
        if not isinstance(value, str) and name not in _SEVERAL_TIMES:
            raise ValueError(f"has the parameter {name} more than once")
    if (mode := url.query.get("ssl", "disable")) not in _SSL_MODES:
        raise ValueError(f"sslmode must be {', '.join(_SSL_MODES)}, not {mode}")
    found = (_HOST_AND_PORT.fullmatch(text) for text in _values(url.query.get("host", ())))
    for port in (url.port, *_values(url.query.get("port", ())), *(one["port"] for one in found if one)):
        if port is not None and not (str(port).isdecimal() and 0 < int(port) <= _MAX_PORT):
            raise ValueError(f"the port {port} must be a number from 1 to {_MAX_PORT}")


def _hosts(query: Mapping[str, str | tuple[str, ...]]) -> Iterator[tuple[str, str]]:
    """Yields each host of the parameters `host` and `port`, with its port.

    Both may be given several times, or have several values with commas between them.

    Raises:
        ValueError: If there are several hosts, and one is none, or there are ports for others.
    """
    hosts, ports = _values(query.get("host", ())), _values(query.get("port", ()))
    if len(hosts) > 1 and len(ports) not in {0, 1, len(hosts)}:
        raise ValueError(f"has {len(hosts)} hosts, but {len(ports)} ports")
    for place, text in enumerate(hosts):
        found = _HOST_AND_PORT.fullmatch(text)
        if found is None and len(hosts) > 1:
            # It may be a password that was not escaped.
            raise ValueError(f"host {place + 1} must be HOST, HOST:PORT, [IPV6]:PORT or the folder of a socket")
        if found is not None:
            port = found["port"] or (ports[place % len(ports)] if ports else _DEFAULT_PORT)
            yield found["ipv6"] or found["host"].strip("[]"), port


def _values(given: str | tuple[str, ...]) -> list[str]:
    return [value for text in ([given] if isinstance(given, str) else given) for value in text.split(",")]
