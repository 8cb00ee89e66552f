"""Small JSON files for the tests of `ingest`."""

import json
from pathlib import Path
from typing import Any

SERVICE = {"biService": {"name": "s", "serviceType": "Looker"}}


def write_lines(path: Path, *values: Any) -> Path:
    path.write_text("".join(f"{value if isinstance(value, str) else json.dumps(value)}\n" for value in values))
    return path


def chart(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "service": "s", "chartType": "Line", **more}


def dashboard(name: str, *charts: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "service": "s", "charts": list(charts), **more}
