"""`make run`: serves, loads the sample, prints lines that work when pasted, and ends when it is told to."""

import signal
import subprocess
from pathlib import Path

from tests.docs.conftest import Start, until_it_serves

ELSEWHERE = {
    "DASHBOARD_CATALOG_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
    "DASHBOARD_CATALOG_DATA_DIR": "/nowhere",
}


def test_the_printed_lines_work_when_pasted_and_a_second_run_is_told_of_the_first(run_sample: Start, port: int) -> None:
    printed = until_it_serves(run_sample(**ELSEWHERE))
    grpcurl, listing = [line for line in printed.splitlines() if "/bin/" in line]
    assert '"displayName": "Sales overview"' in pasted(grpcurl)
    assert "superset.sales_overview" in pasted(listing)
    second = run_sample()
    _, complaint = second.communicate(timeout=60)
    assert second.returncode == 1
    assert complaint == f"Port {port} is in use. Choose another: make run PORT={port + 1}\n"


def test_ctrl_c_ends_it_cleanly_and_the_next_run_finds_the_data(run_sample: Start) -> None:
    for outcomes in (["28", "0", "0", "0", "0", "0"], ["0", "0", "28", "0", "0", "0"]):
        process = run_sample()
        printed = until_it_serves(process).splitlines()
        assert printed[1].split() == outcomes
        process.send_signal(signal.SIGINT)
        _, complaints = process.communicate(timeout=60)
        assert process.returncode == 0
        assert complaints == ""


def test_what_the_server_cannot_do_is_told_by_the_server(run_sample: Start, tmp_path: Path) -> None:
    tmp_path.joinpath(".data").write_text("a file where the folder should be")
    process = run_sample()
    _, complaint = process.communicate(timeout=60)
    assert process.returncode == 2
    assert complaint.splitlines()[-1].startswith("Error: ")
    assert "Traceback" not in complaint


def pasted(line: str) -> str:
    return subprocess.run(["bash", "-c", line], check=True, capture_output=True, text=True).stdout
