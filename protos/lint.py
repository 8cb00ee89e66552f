"""Holds the contract to `buf lint`, and to `buf breaking` against what main has.

buf gets images that protoc has made (`generate.py`), so it needs neither network nor registry. Only the
contract's own files are judged, by the rules of `buf.yaml` beside this file.
"""

import io
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from pathlib import Path

from generate import PROTOS, write_descriptor_set

ROOT = PROTOS.parent
PACKAGE = "dashboardcatalog"
# What others have already: the main of the remote when there is one, else the local one.
BASELINES = ("origin/main", "main")


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        image = Path(scratch, "contract.binpb")
        write_descriptor_set(PROTOS, image)
        failed = buf("lint", image)
        baseline = next((ref for ref in BASELINES if has_protos(ref)), None)
        if baseline is None:
            print("buf breaking: skipped, main has no contract yet")
        else:
            failed |= buf("breaking", image, f"--against={baseline_image(baseline, Path(scratch))}")
    sys.exit(failed)


def buf(command: str, image: Path, *options: str) -> int:
    """Runs one command of buf on the contract's own files in `image`; returns its exit status."""
    program = Path(sysconfig.get_path("scripts"), "buf")
    always = [f"--config={PROTOS / 'buf.yaml'}", f"--path={PACKAGE}"]
    return subprocess.run([program, command, image, *always, *options], check=False).returncode


def has_protos(ref: str) -> bool:
    """Whether `ref` exists and holds a contract."""
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-tree", "-r", "--name-only", ref, f"protos/{PACKAGE}/"], check=False, capture_output=True
    )
    return listed.returncode == 0 and b".proto" in listed.stdout


def baseline_image(ref: str, scratch: Path) -> Path:
    """Writes the image of the contract as it is at `ref`."""
    archive = subprocess.run(["git", "-C", ROOT, "archive", ref, "protos"], check=True, capture_output=True)
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(scratch, filter="data")
    image = scratch / "baseline.binpb"
    write_descriptor_set(scratch / "protos", image)
    return image


if __name__ == "__main__":
    main()
