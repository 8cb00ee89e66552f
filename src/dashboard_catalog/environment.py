"""Names that all commands share, and the data folder.

`settings` has every setting of a server. Most commands are clients and need only what is here, which loads fast.
"""

import os
from pathlib import Path

import platformdirs

APPLICATION = "dashboard-catalog"
ENVIRONMENT = "DASHBOARD_CATALOG_"
DEFAULT_ADDRESS = "127.0.0.1:50051"
ADMIN_TOKEN_FILE = "admin.token"


def environment_name(field: str) -> str:
    """Returns the environment variable of a setting: `DASHBOARD_CATALOG_TLS_CERT` for `tls_cert`."""
    return ENVIRONMENT + field.upper()


def given_data_dir() -> Path | None:
    """Returns the data folder that the environment names; None if it names none."""
    given = os.environ.get(environment_name("data_dir"))
    return absolute(Path(given)) if given else None


def default_data_dir() -> Path:
    """Returns the data folder of a user who has not named one; it begins with `~` if the home folder is unknown."""
    try:
        return platformdirs.user_data_path(APPLICATION, appauthor=False)
    except RuntimeError:
        return Path("~/.local/share") / APPLICATION


def absolute(path: Path) -> Path:
    """Returns the path as an absolute one, with `~` replaced.

    Raises:
        ValueError: If the home folder is unknown, or the path is not UTF-8.
    """
    try:
        str(path).encode()
        return path.expanduser().absolute()
    except UnicodeEncodeError as error:
        raise ValueError("is not valid UTF-8") from error
    except RuntimeError as error:
        raise ValueError(f"{path}: the home folder is unknown; name a folder without ~") from error
