"""All settings, in one frozen object. A flag wins over an environment variable, which wins over the default.

The fields are the only list of settings: the CLI creates the options of `serve` from `Settings.model_fields`.
`environment` makes the name of a setting's variable, and `cli/settings_options.py` makes its flag. This module must not
know the parts of the program that it configures.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import ip_address
from itertools import combinations
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from dashboard_catalog.database_url import normal_url, parsed, shown_url
from dashboard_catalog.environment import (
    DEFAULT_ADDRESS,
    ENVIRONMENT,
    absolute,
    default_data_dir,
    environment_name,
)

_HOST_AND_PORT = re.compile(r"(?:(?P<name>(?![0-9]+$)[^\s:/\[\]]+)|\[(?P<ipv6>[^\s\[\]]+)\])(?::(?P<port>[0-9]{1,5}))?")
_DEFAULT_PORT = DEFAULT_ADDRESS.rpartition(":")[2]
_DEFAULT_HTTP_PORT = "8585"
_DEFAULT_METRICS_PORT = "9464"
# Only one process may write to a SQLite file.
_ONE_PROCESS = "WORKERS: SQLite supports one server process only; use WORKERS=1, or PostgreSQL (DATABASE_URL)"


class SettingsError(ValueError):
    """Settings are invalid. The message names each of them and says what is expected."""


@dataclass(frozen=True, slots=True)
class Address:
    """The address at which a server listens.

    Attributes:
        host: Name or IP address, without brackets. Empty for a Unix socket.
        port: Port number; 0 for a free port that the system chooses.
        path: Path of a Unix socket. Empty for a network address.
    """

    host: str
    port: int
    path: str = ""

    @classmethod
    def parse(cls, text: str, default_port: str = _DEFAULT_PORT) -> Self:
        """Parses `HOST:PORT`, `[IPV6]:PORT` or `unix:PATH`.

        Args:
            text: An address.
            default_port: The port of an address that has none.

        Raises:
            ValueError: If `text` is none of these.
        """
        if text.startswith("unix:"):
            return cls("", 0, text.removeprefix("unix:").removeprefix("//"))
        found = _HOST_AND_PORT.fullmatch(text.strip())
        port = int(found["port"] or default_port) if found else -1
        if not found or not 0 <= port <= 65_535:
            raise ValueError(f"must be HOST:PORT, [IPV6]:PORT or unix:PATH, such as {DEFAULT_ADDRESS}")
        return cls(found["name"] or found["ipv6"], port)

    @property
    def is_loopback(self) -> bool:
        """Whether only programs on this machine can connect to it."""
        if self.path or self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    def with_port(self, port: int) -> Self:
        """Returns the same address with another port."""
        return type(self)(self.host, port, self.path)

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Settings(BaseSettings):
    """The settings of the server and of the commands that use its data."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT,
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        # Values may contain passwords, and validation errors are printed.
        hide_input_in_errors=True,
        validate_default=True,
    )

    address: str = Field(
        DEFAULT_ADDRESS,
        description="Address to listen on: HOST:PORT, [IPV6]:PORT or unix:PATH. Port 0 lets the system choose. "
        "Without TLS, only loopback is allowed, unless --insecure is given.",
    )
    http_address: str = Field(
        "",
        description="Address of the HTTP door, which serves OpenMetadata's API: HOST:PORT or [IPV6]:PORT. Off by "
        "default. The rules for --address apply.",
    )
    http_openmetadata_version: str = Field(
        "2.0.7",
        pattern=r"^[0-9]+(\.[0-9]+){1,3}$",
        description="Version of OpenMetadata that the HTTP door answers. Its first two numbers must be those of the "
        "clients.",
    )
    metrics_address: str = Field(
        "",
        description="Address at which Prometheus reads metrics without a token: HOST:PORT or [IPV6]:PORT. Off by "
        "default. Only loopback is allowed, unless --insecure is given.",
    )
    data_dir: Path = Field(
        default_factory=default_data_dir,
        description="Folder for the signing key, the admin token and the SQLite database.",
    )
    # Before the URL, which contains it.
    pgbouncer: bool = Field(
        False, description="Connect through PgBouncer in transaction mode, so use nothing that outlives a transaction."
    )
    database_url: str = Field(
        "",
        repr=False,
        description="sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE, also with several hosts (HOST,HOST) "
        "or with ?host=/SOCKET/FOLDER. By default, the SQLite file catalog.db in the data folder.",
    )
    workers: int = Field(
        1,
        ge=1,
        le=256,
        description="Number of server processes that share the address. More than one needs PostgreSQL.",
    )
    max_concurrent_calls: int = Field(
        1_000,
        ge=1,
        le=100_000,
        description="Maximum number of concurrent calls per process. Further calls fail with RESOURCE_EXHAUSTED.",
    )
    tls_cert: Path | None = Field(
        None, description="PEM file with the certificate chain. Read again when it changes. Needs --tls-key."
    )
    tls_key: Path | None = Field(None, description="PEM file with the private key of the certificate.")
    insecure: bool = Field(
        False,
        description="Allow listening beyond loopback without TLS, and for metrics without a token: for a trusted "
        "network, or behind a trusted proxy.",
    )
    jwks: str | None = Field(
        None,
        description="File or https URL with the keys of an external token issuer, such as an identity provider. "
        "Needs --issuer and --audience.",
    )
    issuer: str | None = Field(None, description="Required value of the claim `iss` in tokens of the external issuer.")
    audience: str | None = Field(
        None,
        description="Required value of the claim `aud` in tokens of the external issuer. If the claim is a list, it "
        "must contain this value.",
    )
    subject_claim: str = Field(
        "sub",
        min_length=1,
        description="Claim that names the caller. Like all names of claims here, it may be a dotted path.",
    )
    roles_claim: str = Field("roles", min_length=1, description="Claim that lists the caller's roles.")
    teams_claim: str = Field("teams", min_length=1, description="Claim that lists the caller's teams.")
    services_claim: str = Field(
        "services", min_length=1, description="Claim that lists the BI services that the token is limited to."
    )
    bot_claim: str = Field(
        "bot", min_length=1, description="Claim that says whether the caller's writes are ingestion."
    )
    policy_dir: Path | None = Field(
        None, description="Folder of Cedar policies that replace the default ones. Read again when it changes."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Lowest level to log: debug, info (one line per call), warning or error."
    )
    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="console for people, json for programs. auto means console on a terminal, otherwise json."
    )

    @classmethod
    def load(cls, given: Mapping[str, Any] | None = None, name_of: Callable[[str], str] = environment_name) -> Self:
        """Returns the settings.

        Args:
            given: Values by field name, which win over environment variables.
            name_of: Returns what the user calls a field, for errors.

        Raises:
            SettingsError: If settings are invalid, with one line per problem.
        """
        try:
            return cls(**(given or {}))
        except ValidationError as error:
            problems = "\n".join(map(_problem, error.errors()))
            raise SettingsError(_FIELD.sub(lambda name: name_of(name[0].lower()), problems)) from None

    @field_validator("address")
    @classmethod
    def _check_address(cls, text: str) -> str:
        return str(Address.parse(text))

    @field_validator("http_address", "metrics_address")
    @classmethod
    def _check_optional_address(cls, text: str, info: ValidationInfo) -> str:
        port = _DEFAULT_METRICS_PORT if info.field_name == "metrics_address" else _DEFAULT_HTTP_PORT
        if text.startswith("unix:"):
            raise ValueError(f"must be HOST:PORT or [IPV6]:PORT, such as 127.0.0.1:{port}")
        return str(Address.parse(text, port)) if text else ""

    @field_validator("data_dir")
    @classmethod
    def _resolve_folder(cls, folder: Path) -> Path:
        return absolute(folder)

    @field_validator("database_url")
    @classmethod
    def _normalise_url(cls, text: str, info: ValidationInfo) -> str:
        if not text:
            if "data_dir" not in info.data:
                # Its own problem is reported.
                return text
            url = parsed("sqlite://").set(database=str(info.data["data_dir"] / "catalog.db"))
            text = url.render_as_string()
        return normal_url(text, pgbouncer=bool(info.data.get("pgbouncer")))

    @field_validator("jwks")
    @classmethod
    def _check_jwks(cls, text: str | None) -> str | None:
        if text and "://" in text and not text.startswith(("https://", "http://")):
            raise ValueError("must be a file or an https URL")
        return text

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if problems := [*self._contradictions(), *self._shared_addresses()]:
            raise ValueError("; ".join(problems))
        return self

    def _contradictions(self) -> list[str]:
        checks = {
            "TLS_CERT and TLS_KEY must be given together": (self.tls_cert is None) != (self.tls_key is None),
            "JWKS needs ISSUER and AUDIENCE": bool(self.jwks) and not (self.issuer and self.audience),
            "ISSUER and AUDIENCE need JWKS": bool(self.issuer or self.audience) and not self.jwks,
            _ONE_PROCESS: self.workers > 1 and self.uses_sqlite,
            "WORKERS: several processes cannot share a Unix socket": self.workers > 1 and bool(self.listen.path),
            f"ADDRESS: {self.address} is open to other machines without TLS: set TLS_CERT and TLS_KEY, "
            "or allow it with INSECURE": not (self.listen.is_loopback or self.tls_cert or self.insecure),
            f"HTTP_ADDRESS: {self.http_address} is open to other machines without TLS: set TLS_CERT and TLS_KEY, or "
            "allow it with INSECURE": bool(
                self.http_listen and not (self.http_listen.is_loopback or self.tls_cert or self.insecure)
            ),
            f"METRICS_ADDRESS: {self.metrics_address} is open to other machines, and needs no token: use an address of "
            "loopback, or allow it with INSECURE": bool(
                self.metrics_listen and not (self.metrics_listen.is_loopback or self.insecure)
            ),
        }
        return [text for text, broken in checks.items() if broken]

    def _shared_addresses(self) -> Iterator[str]:
        addresses = {"ADDRESS": self.listen, "HTTP_ADDRESS": self.http_listen, "METRICS_ADDRESS": self.metrics_listen}
        for (one, address), (other, same) in combinations(addresses.items(), 2):
            if address is not None and address.port and address == same:
                yield f"{one} and {other} are both {address}: use another port for one of them"

    @property
    def listen(self) -> Address:
        """The parsed address."""
        return Address.parse(self.address)

    @property
    def http_listen(self) -> Address | None:
        """The parsed address of the HTTP door, if there is one."""
        return Address.parse(self.http_address) if self.http_address else None

    @property
    def metrics_listen(self) -> Address | None:
        """The parsed address for metrics, if there is one."""
        return Address.parse(self.metrics_address) if self.metrics_address else None

    @property
    def uses_sqlite(self) -> bool:
        """Whether the database is a SQLite file."""
        return self.database_url.startswith("sqlite")

    @property
    def search_index_dir(self) -> Path:
        """The folder of the search index: of this database, since others may share the data folder."""
        return self.data_dir / "search" / sha256(self.shown_database_url.encode()).hexdigest()[:16]

    @property
    def shown_database_url(self) -> str:
        """The URL of the database as people write it, without its password and driver: for logs and errors."""
        return shown_url(self.database_url)


# A problem calls a setting by the name of its field, in capitals.
_FIELD = re.compile(rf"\b(?:{'|'.join(map(str.upper, Settings.model_fields))})\b")


def _problem(error: Any) -> str:
    names = ", ".join(str(part).upper() for part in error["loc"])
    text = str(error["msg"]).removeprefix("Value error, ")
    return f"{names}: {text}" if names else text
