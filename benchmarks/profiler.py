"""Shows where the server spends its time: samples its stacks during a measurement, and sums them up by component.

py-spy samples the thread that holds the interpreter; what runs beside it (SQLite, threads of gRPC, the disk) does not
show. A sample counts for the innermost frame that belongs to a known component.
"""

import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

RATE = 400

# Patterns of "function (file:line)", the most specific first.
_COMPONENTS: Mapping[str, str] = {
    r"violations_of|protovalidate|contract/(quick|value)_checks?\.py": "validate",
    r"^digest_of ": "digest",
    r"^decode ": "parse",
    r"contract/bulk_\w+\.py|writing/unchanged\.py": "find unchanged",
    r"contract/(spec_reading|asset_specs)\.py|model/spec_parsing\.py|extension_rules\.py": "parse spec",
    r"_catalog/contract/": "messages",
    r"rpc/(outbox|bulk_\w+)\.py": "stream",
    r"rpc/": "edge",
    r"structlog|dashboard_catalog/logs\.py": "log",
    r"writing/(references?d?|property_values|owners)\.py|catalog/known/": "references",
    r"writing/merge\.py|model/(stewardship|labels)\.py": "merge",
    r"model/change\.py": "describe change",
    r"writing/working_set\.py": "working set",
    r"_catalog/catalog/(reading/views|answers)\.py": "views",
    r"model/(qualified_names|addresses|recurring)\.py": "names",
    r"writing/(asset_writes|permissions)\.py|model/etag\.py|catalog/authorization\.py": "authorize and apply",
    r"_catalog/catalog/bulk/": "session",
    r"_catalog/catalog/": "pipeline",
    r"/auth/": "auth",
    r"_catalog/store/column_types\.py|sqltypes\.py|uuid\.py|_py_util|processors|/json/": "types",
    r"_catalog/store/(\w*rows|columns|conversions|records?\w*|asset\w*|charts|entities)\.py": "rows and records",
    r"_catalog/store/sqlite_(blocks|driver|thread)\.py": "SQLite",
    r"_catalog/store/": "store",
    r"asyncpg/": "asyncpg",
    r"sqlalchemy/": "SQLAlchemy",
    r"/grpc/": "gRPC",
    r"asyncio/|uvloop|processes\.py|_run_process": "loop and gRPC core",
}


class Profiler:
    """Writes profiles into a folder: raw stacks, and one table per measurement."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def watch(self, pid: int, name: str, items: int) -> Iterator[None]:
        """Samples a process while the block runs, and prints the time per item."""
        file = self._folder / f"{re.sub('[^A-Za-z]+', '-', name)}.raw"
        program = Path(sys.executable).with_name("py-spy")
        options = ["--pid", str(pid), "--gil", "--rate", str(RATE), "--format", "raw", "--output", str(file)]
        with (self._folder / "py-spy.log").open("ab") as log:
            sampling = subprocess.Popen([program, "record", *options], stdout=log, stderr=log)
            time.sleep(1)
            try:
                yield
            finally:
                sampling.send_signal(signal.SIGINT)
                sampling.wait()
        print(name, _by_component(file, items), sep="\n")


def _by_component(file: Path, items: int) -> str:
    """Returns the time per item of each component, as text, from a raw file of stacks."""
    counts: Counter[str] = Counter()
    for line in file.read_text().splitlines():
        stack, _, samples = line.rpartition(" ")
        counts[_component(stack)] += int(samples)
    taken = {component: count / RATE / items * 1e6 for component, count in counts.most_common()}
    return "\n".join(f"  {microseconds:7.1f}  {component}" for component, microseconds in taken.items())


def _component(stack: str) -> str:
    for frame in reversed(stack.split(";")):
        for pattern, component in _COMPONENTS.items():
            if re.search(pattern, frame):
                return component
    return "other"
