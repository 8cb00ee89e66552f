"""The sources of settings, and the errors for invalid ones."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy.engine import make_url

from dashboard_catalog.cli.settings_options import flag_name
from dashboard_catalog.environment import environment_name
from dashboard_catalog.settings import Address, Settings, SettingsError

# Fixed by the design, because scripts depend on them.
NAMES = {
    "ADDRESS",
    "DATABASE_URL",
    "DATA_DIR",
    "WORKERS",
    "TLS_CERT",
    "TLS_KEY",
    "INSECURE",
    "JWKS",
    "ISSUER",
    "AUDIENCE",
    "SUBJECT_CLAIM",
    "ROLES_CLAIM",
    "TEAMS_CLAIM",
    "SERVICES_CLAIM",
    "BOT_CLAIM",
    "POLICY_DIR",
    "LOG_LEVEL",
    "LOG_FORMAT",
}
POSTGRESQL = "postgresql://ada:s%40fe@db/catalog"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(environment_name(name), raising=False)


def test_every_setting_has_its_name_and_a_description() -> None:
    assert {name.upper() for name in Settings.model_fields} == NAMES | {
        "HTTP_ADDRESS",
        "HTTP_OPENMETADATA_VERSION",
        "METRICS_ADDRESS",
        "PGBOUNCER",
        "MAX_CONCURRENT_CALLS",
    }
    assert all(field.description for field in Settings.model_fields.values())
    assert (environment_name("tls_cert"), flag_name("tls_cert")) == ("DASHBOARD_CATALOG_TLS_CERT", "--tls-cert")


def test_the_defaults_are_a_sqlite_file_and_loopback() -> None:
    settings = Settings.load()
    assert (settings.address, settings.workers, settings.insecure) == ("127.0.0.1:50051", 1, False)
    assert settings.data_dir.name == "dashboard-catalog"
    assert settings.database_url == f"sqlite+aiosqlite:///{settings.data_dir}/catalog.db"
    assert settings.uses_sqlite


def test_options_override_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHBOARD_CATALOG_ADDRESS", "127.0.0.1:1")
    monkeypatch.setenv("DASHBOARD_CATALOG_LOG_LEVEL", "debug")
    monkeypatch.setenv("DASHBOARD_CATALOG_PGBOUNCER", "true")
    monkeypatch.setenv("DASHBOARD_CATALOG_JWKS", "")
    settings = Settings.load({"address": "127.0.0.1:2"})
    assert (settings.address, settings.log_level, settings.pgbouncer) == ("127.0.0.1:2", "debug", True)
    assert settings.jwks is None


def test_the_data_folder_contains_the_sqlite_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings.load({"data_dir": "here"})
    assert settings.database_url == f"sqlite+aiosqlite:///{tmp_path}/here/catalog.db"


def test_settings_are_immutable() -> None:
    with pytest.raises(ValidationError):
        Settings.load().address = "127.0.0.1:2"


@pytest.mark.parametrize(
    ("given", "understood"),
    [
        ("sqlite:///a.db", "sqlite+aiosqlite:///a.db"),
        ("sqlite:////tmp/a.db", "sqlite+aiosqlite:////tmp/a.db"),
        ("sqlite+aiosqlite:///a.db", "sqlite+aiosqlite:///a.db"),
        (POSTGRESQL, "postgresql+asyncpg://ada:s%40fe@db/catalog"),
        ("postgres://db/catalog", "postgresql+asyncpg://db/catalog"),
        ("postgresql+asyncpg://db/catalog", "postgresql+asyncpg://db/catalog"),
        ("postgresql://ada@/catalog?host=/run/pg", "postgresql+asyncpg://ada@/catalog?host=%2Frun%2Fpg"),
        ("postgresql://ada:s,e/c@db/catalog", "postgresql+asyncpg://ada:s%2Ce%2Fc@db/catalog"),
        ("postgresql://db/catalog?sslmode=require", "postgresql+asyncpg://db/catalog?ssl=require"),
    ],
)
def test_database_urls_are_parsed(given: str, understood: str) -> None:
    assert Settings.load({"database_url": given}).database_url == understood


TWO_HOSTS = "host=a%2Cb&port=5432%2C7&target_session_attrs=read-write"


@pytest.mark.parametrize(
    ("given", "understood"),
    [
        ("postgresql://ada:s%40,e@a,b:7/catalog", f"ada:s%40,e@/catalog?{TWO_HOSTS}"),
        ("postgres://a,b:7/catalog", f"/catalog?{TWO_HOSTS}"),
        ("postgresql://ada@/catalog?host=a:5432&host=b:7", f"ada@/catalog?{TWO_HOSTS}"),
        ("postgresql://ada@/catalog?host=a,b:7", f"ada@/catalog?{TWO_HOSTS}"),
        ("postgresql://ada@/catalog?host=a,b&port=5432,7", f"ada@/catalog?{TWO_HOSTS}"),
        (
            "postgresql://ada@[::1],[::2]:7/catalog?target_session_attrs=primary&sslmode=require",
            "ada@/catalog?host=%3A%3A1%2C%3A%3A2&port=5432%2C7&target_session_attrs=primary&ssl=require",
        ),
        (
            "postgresql:///catalog?host=/run/a,/run/b&port=6",
            "/catalog?host=%2Frun%2Fa%2C%2Frun%2Fb&port=6%2C6&target_session_attrs=read-write",
        ),
    ],
)
def test_several_hosts_are_understood_as_libpq_and_sqlalchemy_write_them(given: str, understood: str) -> None:
    url = Settings.load({"database_url": given}).database_url
    parsed, expected = make_url(url), make_url(f"postgresql+asyncpg://{understood}")
    assert (parsed.set(query={}), parsed.query) == (expected.set(query={}), expected.query)
    assert Settings.load({"database_url": url}).database_url == url


def test_several_hosts_are_shown_without_the_password() -> None:
    settings = Settings.load({"database_url": "postgresql://ada:s3cret@a,b:7/catalog", "pgbouncer": True})
    shown = "postgresql://ada:***@/catalog?host=a,b&port=5432,7&target_session_attrs=read-write"
    assert settings.shown_database_url == shown


def test_the_url_says_that_pgbouncer_is_in_between() -> None:
    through = Settings.load({"database_url": POSTGRESQL, "pgbouncer": True})
    direct = Settings.load({"database_url": POSTGRESQL})
    assert make_url(through.database_url).query == {"pgbouncer": "true"}
    assert make_url(direct.database_url).query == {}
    assert through.shown_database_url == direct.shown_database_url
    assert Settings.load({"pgbouncer": True}).uses_sqlite


def test_a_socket_folder_reaches_the_driver() -> None:
    url = make_url(Settings.load({"database_url": "postgresql://ada@/catalog?host=/run/pg"}).database_url)
    assert url.query["host"] == "/run/pg"


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"address": "50051"}, "ADDRESS: must be HOST:PORT"),
        ({"address": "::1:50051"}, "ADDRESS: must be HOST:PORT"),
        ({"address": "127.0.0.1:65536"}, "ADDRESS: must be HOST:PORT"),
        ({"address": "127.0.0.1:http"}, "ADDRESS: must be HOST:PORT"),
        ({"address": "0.0.0.0:50051"}, "ADDRESS: 0.0.0.0:50051 is open to other machines without TLS"),
        ({"address": "[::]:50051"}, "ADDRESS: [::]:50051 is open to other machines without TLS"),
        ({"address": "catalog.internal:50051"}, "or allow it with INSECURE"),
        ({"metrics_address": "unix:/a"}, "METRICS_ADDRESS: must be HOST:PORT"),
        (
            {"http_address": "localhost:8585", "metrics_address": "localhost:8585"},
            "HTTP_ADDRESS and METRICS_ADDRESS are both localhost:8585: use another port for one of them",
        ),
        ({"http_address": "127.0.0.1:50051"}, "ADDRESS and HTTP_ADDRESS are both 127.0.0.1:50051"),
        ({"metrics_address": "catalog"}, "METRICS_ADDRESS: catalog:9464 is open to other machines, and needs no token"),
        (
            {"metrics_address": "[::]:1", "tls_cert": "cert.pem", "tls_key": "key.pem"},
            "use an address of loopback, or allow it with INSECURE",
        ),
        ({"tls_cert": "cert.pem"}, "TLS_CERT and TLS_KEY must be given together"),
        ({"tls_key": "key.pem"}, "TLS_CERT and TLS_KEY must be given together"),
        ({"jwks": "keys.json", "issuer": "https://id"}, "JWKS needs ISSUER and AUDIENCE"),
        ({"issuer": "https://id"}, "ISSUER and AUDIENCE need JWKS"),
        ({"jwks": "ftp://id/keys", "issuer": "i", "audience": "a"}, "JWKS: must be a file or an https URL"),
        ({"workers": 2}, "WORKERS: SQLite supports one server process only"),
        ({"workers": 2, "database_url": POSTGRESQL, "address": "unix:/a"}, "cannot share a Unix socket"),
        ({"workers": 0}, "WORKERS: "),
        ({"workers": "many"}, "WORKERS: "),
        ({"log_level": "loud"}, "LOG_LEVEL: "),
        ({"log_format": "xml"}, "LOG_FORMAT: "),
        ({"database_url": "sqlite://"}, "DATABASE_URL: SQLite needs a file"),
        ({"database_url": "sqlite:///:memory:"}, "DATABASE_URL: SQLite needs a file"),
        ({"database_url": "mysql://ada:secret@db/x"}, "DATABASE_URL: mysql is not supported"),
        ({"database_url": "postgresql+psycopg2://ada:secret@db/x"}, "psycopg2 is not supported"),
        ({"database_url": "postgresql://ada:p@secret@db/x"}, "has more than one @; in the user name and the password"),
        ({"database_url": "postgresql://ada:p@s:secret@db/x"}, "write @ as %40"),
        ({"database_url": "postgresql://ada:p@s/secret@db/x"}, "write @ as %40"),
        ({"database_url": "postgresql://ada:p?a@secret@db/x"}, "write @ as %40"),
        ({"database_url": "postgresql://a,b:x/x"}, "host 2 must be HOST, HOST:PORT, [IPV6]:PORT"),
        ({"database_url": "postgresql://a,/x"}, "host 2 must be HOST"),
        ({"database_url": "postgresql://ada:secret,word"}, "host 1 must be HOST"),
        ({"database_url": "postgresql:///x?host=a,b,c&port=1,2"}, "has 3 hosts, but 2 ports"),
        (
            {"database_url": "postgresql://a,b/x?target_session_attrs=standby"},
            "must be any or primary or read-write, not",
        ),
        ({"database_url": "postgresql://a/x?pgbouncer=no"}, "pgbouncer must be true"),
        ({"database_url": "postgresql://a/x?pgbouncer=true&pgbouncer=true"}, "the parameter pgbouncer more than once"),
        ({"database_url": "postgresql://a/x?connect_timeout=5"}, "connect_timeout is not supported; use host, port"),
        ({"database_url": "postgresql://a,b/x?statement_cache_size=1"}, "statement_cache_size is not supported"),
        ({"database_url": "postgresql://a/x?sslrootcert=ca.pem"}, "sslrootcert is not supported; set PGSSLROOTCERT"),
        ({"database_url": "postgresql://ada:se@cret?secret=1@a/x"}, "has an @ after its ?"),
        ({"database_url": "postgresql://a/x?sslmode=on"}, "sslmode must be disable, allow, prefer, require"),
        ({"database_url": "postgresql://a:99999/x"}, "the port 99999 must be a number from 1 to 65535"),
        ({"database_url": "postgresql://a:1,b:65536/x"}, "the port 65536 must be"),
        ({"database_url": "postgresql:///x?host=a:0"}, "the port 0 must be"),
        ({"database_url": "postgresql:///x?host=a&port=pg"}, "the port pg must be"),
        ({"database_url": "ada:secret"}, "DATABASE_URL: must be sqlite:///FILE or postgresql://"),
        ({"colour": "blue"}, "COLOUR: "),
    ],
)
def test_invalid_settings_are_named(given: dict[str, Any], problem: str) -> None:
    with pytest.raises(SettingsError) as raised:
        Settings.load(given, str.upper)
    assert problem in str(raised.value)
    assert "secret" not in str(raised.value)
    with pytest.raises(ValidationError) as raw:
        Settings(**given)
    assert "secret" not in str(raw.value)


def test_all_problems_are_reported_together() -> None:
    with pytest.raises(SettingsError) as raised:
        Settings.load({"address": "x:y", "workers": "y"})
    names = ["DASHBOARD_CATALOG_ADDRESS", "DASHBOARD_CATALOG_WORKERS"]
    assert [line.split(":")[0] for line in str(raised.value).splitlines()] == names


def test_an_unknown_home_folder_is_the_only_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHBOARD_CATALOG_DATA_DIR", "~nobody-of-this-name/data")
    with pytest.raises(SettingsError, match=r"\ADASHBOARD_CATALOG_DATA_DIR: .*: the home folder is unknown; .*\Z"):
        Settings.load()


@pytest.mark.parametrize("address", ["0.0.0.0:50051", "[::]:50051", "catalog.internal:50051"])
@pytest.mark.parametrize("by", [{"insecure": True}, {"tls_cert": "c.pem", "tls_key": "k.pem"}])
def test_other_machines_can_connect_only_with_tls_or_explicit_permission(address: str, by: dict[str, Any]) -> None:
    assert Settings.load({"address": address, **by}).address == address


def test_passwords_are_not_shown() -> None:
    url = "postgresql://ada:s3cret@db/catalog?password=s3cret"
    settings = Settings.load({"database_url": url})
    assert "s3cret" in settings.database_url
    assert settings.shown_database_url == "postgresql://ada:***@db/catalog"
    assert "s3cret" not in f"{settings!r} {settings}"


@pytest.mark.parametrize(
    ("text", "host", "port", "is_loopback"),
    [
        ("127.0.0.1:0", "127.0.0.1", 0, True),
        ("127.9.9.9:1", "127.9.9.9", 1, True),
        ("localhost:1", "localhost", 1, True),
        ("[::1]:50051", "::1", 50_051, True),
        ("10.0.0.1:1", "10.0.0.1", 1, False),
        ("[2001:db8::1]:1", "2001:db8::1", 1, False),
        ("localhost.evil.example:1", "localhost.evil.example", 1, False),
    ],
)
def test_addresses_are_split_into_parts(text: str, host: str, port: int, is_loopback: bool) -> None:
    address = Address.parse(text)
    assert (address.host, address.port, address.is_loopback) == (host, port, is_loopback)
    assert str(address) == text
    assert str(address.with_port(7)) == text.rpartition(":")[0] + ":7"


@pytest.mark.parametrize(("text", "whole"), [("localhost", "localhost:50051"), ("[::1]", "[::1]:50051")])
def test_an_address_without_a_port_gets_the_default(text: str, whole: str) -> None:
    assert str(Address.parse(text)) == whole


def test_a_unix_socket_is_an_address() -> None:
    address = Address.parse("unix:/run/catalog.sock")
    assert (address.path, address.is_loopback) == ("/run/catalog.sock", True)
    assert str(address.with_port(7)) == "unix:/run/catalog.sock"


def test_a_data_folder_must_be_utf_8() -> None:
    with pytest.raises(SettingsError, match=r"\ADASHBOARD_CATALOG_DATA_DIR: is not valid UTF-8\Z"):
        Settings.load({"data_dir": Path("/d\udcff")})
