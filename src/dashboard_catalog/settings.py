"""Everything that can be set, in one frozen object: from flags, else from the environment, else a default.

The fields are the one list of settings: the CLI makes the options of `serve` from `Settings.model_fields`,
and `environment_name` and `flag_name` say what each is called. Knows no part of the program that it sets up.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal, Self

import platformdirs
from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

ENVIRONMENT = "DASHBOARD_CATALOG_"
APPLICATION = "dashboard-catalog"

# Each with the driver that the store is written for.
_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+asyncpg",
    "postgres": "postgresql+asyncpg",
}
# Only one process may write to a SQLite file.
_ONE_PROCESS = "WORKERS: SQLite is for one server process; use WORKERS=1, or PostgreSQL by DATABASE_URL"


class SettingsError(ValueError):
    """Settings that cannot be used; the text names each and says what would be right."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens.

    Attributes:
        host: Name or IP address, without brackets; empty for a Unix socket.
        port: 0 lets the system choose.
        path: Of a Unix socket; empty otherwise.
    """

    host: str
    port: int
    path: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads `HOST:PORT`, `[IPV6]:PORT` or `unix:PATH`.

        Raises:
            ValueError: If it is none of these.
        """
        if text.startswith("unix:"):
            return cls("", 0, text.removeprefix("unix:").removeprefix("//"))
        host, _, port = text.rpartition(":")
        bracketed = host.startswith("[") and host.endswith("]")
        if not host or (":" in host and not bracketed) or not port.isdecimal() or int(port) > 65_535:
            raise ValueError("must be HOST:PORT, [IPV6]:PORT or unix:PATH, such as 127.0.0.1:50051")
        return cls(host.strip("[]"), int(port))

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches it."""
        if self.path or self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    def with_port(self, port: int) -> Self:
        """Returns the same address with the port that the system chose."""
        return type(self)(self.host, port, self.path)

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Settings(BaseSettings):
    """All settings of the server and of the commands that work on its data."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT,
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        # Values may hold passwords, and validation errors are printed.
        hide_input_in_errors=True,
        validate_default=True,
    )

    address: str = Field(
        "127.0.0.1:50051",
        description="Where to listen: HOST:PORT, [IPV6]:PORT or unix:PATH; port 0 lets the system choose. "
        "Without TLS only loopback, unless --insecure is given.",
    )
    data_dir: Path = Field(
        default_factory=lambda: platformdirs.user_data_path(APPLICATION, appauthor=False),
        description="Folder of the signing key, the admin token and the SQLite database.",
    )
    database_url: str = Field(
        "",
        repr=False,
        description="sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE, also with "
        "?host=/SOCKET/FOLDER. By default the SQLite file catalog.db in the data folder.",
    )
    pgbouncer: bool = Field(
        False, description="A PgBouncer in transaction mode stands before PostgreSQL: prepare nothing."
    )
    workers: int = Field(
        1,
        ge=1,
        le=256,
        description="Server processes that share the address. More than one needs PostgreSQL.",
    )
    max_concurrent_calls: int = Field(
        1_000,
        ge=1,
        le=100_000,
        description="Calls at once that a process serves; more are RESOURCE_EXHAUSTED.",
    )
    tls_cert: Path | None = Field(
        None, description="PEM file of the certificate chain. Read again when it changes. Needs --tls-key."
    )
    tls_key: Path | None = Field(None, description="PEM file of the certificate's private key.")
    insecure: bool = Field(
        False,
        description="Listen without TLS beyond loopback: for a network, or a proxy, that can be trusted.",
    )
    jwks: str | None = Field(
        None,
        description="File or https URL of the keys of an issuer of tokens, beside the catalog's own. "
        "Needs --issuer and --audience.",
    )
    issuer: str | None = Field(None, description="What the claim `iss` of its tokens must be.")
    audience: str | None = Field(None, description="What the claim `aud` of its tokens must be or hold.")
    subject_claim: str = Field("sub", min_length=1, description="Claim that names the caller; a path has dots.")
    roles_claim: str = Field("roles", min_length=1, description="Claim that holds the caller's roles.")
    teams_claim: str = Field("teams", min_length=1, description="Claim that holds the caller's teams.")
    services_claim: str = Field(
        "services", min_length=1, description="Claim that holds the BI services that the token is limited to."
    )
    bot_claim: str = Field(
        "bot", min_length=1, description="Claim that says whether the caller's writes are ingestion."
    )
    policy_dir: Path | None = Field(
        None, description="Folder of Cedar policies in place of the default ones. Read again when it changes."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="What is logged: debug, info (a line for each call), warning or error."
    )
    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="console for people, json for programs; auto is console on a terminal, else json."
    )

    @classmethod
    def load(cls, given: Mapping[str, Any] | None = None) -> Self:
        """Returns the settings; what is `given` by field name wins over the environment.

        Raises:
            SettingsError: With every problem, a line each.
        """
        try:
            return cls(**(given or {}))
        except ValidationError as error:
            raise SettingsError("\n".join(map(_problem, error.errors()))) from None

    @field_validator("address")
    @classmethod
    def _check_address(cls, text: str) -> str:
        return str(Address.parse(text))

    @field_validator("data_dir")
    @classmethod
    def _resolve_folder(cls, folder: Path) -> Path:
        return folder.expanduser().absolute()

    @field_validator("database_url")
    @classmethod
    def _normalise_url(cls, text: str, info: ValidationInfo) -> str:
        if not text and "data_dir" in info.data:
            text = URL.create("sqlite", database=str(info.data["data_dir"] / "catalog.db")).render_as_string()
        return _normal_database_url(text)

    @field_validator("jwks")
    @classmethod
    def _check_jwks(cls, text: str | None) -> str | None:
        if text and "://" in text and not text.startswith(("https://", "http://")):
            raise ValueError("must be a file or an https URL")
        return text

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        problems = list(self._contradictions())
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _contradictions(self) -> list[str]:
        checks = {
            "TLS_CERT and TLS_KEY must be given together": (self.tls_cert is None) != (self.tls_key is None),
            "JWKS needs ISSUER and AUDIENCE": bool(self.jwks) and not (self.issuer and self.audience),
            "ISSUER and AUDIENCE need JWKS": bool(self.issuer or self.audience) and not self.jwks,
            _ONE_PROCESS: self.workers > 1 and self.uses_sqlite,
            "WORKERS: several cannot share a Unix socket": self.workers > 1 and bool(self.listen.path),
            f"ADDRESS: {self.address} is open to other machines without TLS: give TLS_CERT and TLS_KEY, "
            "or accept it with INSECURE": not (self.listen.is_loopback or self.tls_cert or self.insecure),
        }
        return [text for text, broken in checks.items() if broken]

    @property
    def listen(self) -> Address:
        """The address, in parts."""
        return Address.parse(self.address)

    @property
    def uses_sqlite(self) -> bool:
        """Whether the database is a SQLite file."""
        return self.database_url.startswith("sqlite")

    @property
    def shown_database_url(self) -> str:
        """The database's URL without its password, for logs."""
        url = make_url(self.database_url).difference_update_query(["password"])
        return url.render_as_string(hide_password=True)

    @property
    def admin_token_file(self) -> Path:
        """Where the server leaves its administrator's token."""
        return self.data_dir / "admin.token"


def environment_name(field: str) -> str:
    """Returns the environment variable of a setting: `DASHBOARD_CATALOG_TLS_CERT` for `tls_cert`."""
    return ENVIRONMENT + field.upper()


def flag_name(field: str) -> str:
    """Returns the flag of a setting: `--tls-cert` for `tls_cert`."""
    return "--" + field.replace("_", "-")


def _normal_database_url(text: str) -> str:
    try:
        url = make_url(text)
    except ArgumentError:
        # Not chained: the text may hold a password.
        raise ValueError("must be sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE") from None
    driver = _DRIVERS.get(url.get_backend_name())
    if driver is None or url.drivername not in {url.get_backend_name(), driver}:
        raise ValueError(f"{url.drivername} is not supported: must begin with sqlite:/// or postgresql://")
    if driver.startswith("sqlite") and url.database in {None, "", ":memory:"}:
        raise ValueError("SQLite needs a file: sqlite:///FILE")
    if "sslmode" in url.query:
        # What psql and other drivers call it.
        url = url.difference_update_query(["sslmode"]).update_query_dict({"ssl": url.query["sslmode"]})
    return url.set(drivername=driver).render_as_string(hide_password=False)


def _problem(error: Any) -> str:
    names = ", ".join(str(part).upper() for part in error["loc"])
    text = str(error["msg"]).removeprefix("Value error, ")
    return f"{names}: {text}" if names else text
