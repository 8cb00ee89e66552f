"""What figures depend on: the interpreter and how it was built, the databases, the machine, and the commit."""

import os
import platform
import sqlite3
import subprocess
import sysconfig
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from tests.postgres import PostgresServer


def conditions(postgres: PostgresServer | None) -> Mapping[str, str]:
    """Returns the conditions by name."""
    return {
        "Python": f"{platform.python_version()} ({platform.python_compiler()}, {build(sysconfig.get_config_vars())})",
        **({"PostgreSQL": _postgresql(postgres)} if postgres else {}),
        "SQLite": sqlite3.sqlite_version,
        "machine": f"{len(os.sched_getaffinity(0))} cores, {_processor()}",
        "commit": _commit(),
        "started": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "load at the start": _load(),
    }


def build(variables: Mapping[str, object]) -> str:
    """Returns how an interpreter was optimized when it was built, from the variables of its sysconfig.

    A build may use other means than these options. Those of Debian do, and say nothing.
    """
    options = str(variables.get("CONFIG_ARGS", ""))
    flags = " ".join(str(variables.get(name, "")) for name in ("PY_CFLAGS", "PY_CORE_CFLAGS", "PY_CORE_LDFLAGS"))
    has_pgo = "--enable-optimizations" in options or "-fprofile-use" in flags
    has_lto = ("--with-lto" in options and "--with-lto=no" not in options) or "-flto" in flags
    return f"{'with' if has_pgo else 'without'} PGO, {'with' if has_lto else 'without'} LTO"


def _load() -> str:
    """Returns how many processes wanted to run in the last minute."""
    load, cores = os.getloadavg()[0], len(os.sched_getaffinity(0))
    return f"{load:.1f}{' (too busy to measure rates)' if load > cores / 2 else ''}"


def _postgresql(postgres: PostgresServer) -> str:
    version = _output(str(postgres.programs / "postgres"), "--version")
    return version.removeprefix("postgres (PostgreSQL) ")


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _commit() -> str:
    try:
        commit = _output("git", "rev-parse", "--short", "HEAD")
        changed = _output("git", "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{commit} with changes" if changed else commit


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
