"""Finds data folders: of this user, and of a server on this machine."""

from pathlib import Path

from dashboard_catalog.cli.endings import CommandError
from dashboard_catalog.environment import default_data_dir, environment_name, given_data_dir
from dashboard_catalog.running import data_dir_of


def local_data_dir() -> Path:
    """Returns the data folder of this user: the one that the environment names, or the default.

    Raises:
        CommandError: If the environment names none that can be used.
    """
    return _given() or default_data_dir()


def data_dir_of_server(address: str) -> Path:
    """Returns the data folder of a server on this machine, or the user's if none is known there.

    Raises:
        CommandError: If the environment names none that can be used.
    """
    return _given() or data_dir_of(address) or default_data_dir()


def _given() -> Path | None:
    try:
        return given_data_dir()
    except ValueError as error:
        raise CommandError(f"{environment_name('data_dir')}: {error}") from error
