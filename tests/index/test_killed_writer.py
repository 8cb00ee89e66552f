"""A writer may be killed at any moment: the index is as it was committed last."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from dashboard_catalog.index.integrity import damage
from dashboard_catalog.index.writer import Writer
from tests.index.writing import SEQUENCE, names_in

# Adds one document per commit, and removes it again from time to time, until it is killed.
WRITE = """
import sys
from pathlib import Path
from dashboard_catalog.index.fields import Position, key_of
from dashboard_catalog.index.writer import Writer
from tests.index.writing import SEQUENCE, document
writer = Writer(Path(sys.argv[1]))
at = max((position.number for position in writer.positions().values()), default=0)
while True:
    writer.remove([key_of("chart", document(at).id)])
    writer.add([document(at)])
    at += 1
    writer.commit({SEQUENCE: Position(at, 0)})
    print(at, flush=True)
"""


@pytest.mark.parametrize("delays", [(0.0, 0.004, 0.011)])
def test_a_killed_writer_leaves_its_last_commit(tmp_path: Path, delays: tuple[float, ...]) -> None:
    told = 0
    for delay in delays:
        process = subprocess.Popen([sys.executable, "-c", WRITE, tmp_path], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for _ in range(3):
            told = int(process.stdout.readline())
        time.sleep(delay)
        process.kill()
        process.communicate()
        assert damage(tmp_path) is None
        writer = Writer(tmp_path)
        reached = writer.positions()[SEQUENCE].number
        writer.close()
        # Commits that were not reported may have happened.
        assert reached >= told
        assert names_in(tmp_path) == {f"chart {number}" for number in range(reached)}
