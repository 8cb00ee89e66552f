"""`make run` serves, loads the sample, prints commands to paste, shows calls, and stops on request."""

import re
import signal
import subprocess
from pathlib import Path

from tests.docs.conftest import Start, until_it_serves
from tests.patience import PATIENCE

ELSEWHERE = {
    "DASHBOARD_CATALOG_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
    "DASHBOARD_CATALOG_DATA_DIR": "/nowhere",
}


def commands_in(printed: str) -> list[str]:
    """Returns the commands to paste; they are set apart and indented."""
    return [block.strip() for block in printed.split("\n\n") if block.startswith("  ")]


def pasted(command: str, environment: dict[str, str]) -> str:
    return subprocess.run(["bash", "-c", command], check=True, capture_output=True, text=True, env=environment).stdout


def test_the_printed_commands_work_when_pasted_and_every_call_is_printed_on_a_line(
    run_sample: Start, tmp_path: Path, port: int, environment: dict[str, str]
) -> None:
    process = run_sample(**ELSEWHERE)
    change_folder, listing, grpcurl, curl = commands_in(until_it_serves(process))
    assert tmp_path.joinpath(".data/address").read_text() == f"127.0.0.1:{port}\n"
    assert "superset.sales_overview" in pasted(f"{change_folder}\n{listing}", environment)
    assert '"displayName": "Sales overview"' in pasted(f"{change_folder}\n{grpcurl}", environment)
    assert '"displayName":"Sales overview"' in pasted(f"{change_folder}\n{curl}", environment)
    subprocess.run(["bash", "-c", f"{change_folder}\n{listing} --token a.b.c"], check=False, env=environment)
    process.send_signal(signal.SIGINT)
    shown, complaints = process.communicate(timeout=PATIENCE)
    assert _without_hint(complaints) == ""
    lines = shown.splitlines()
    good, bad = [line for line in lines if "ListDashboards" in line]
    assert [line for line in lines if "  GET dashboards/name/{fqn} OK " in line]
    assert re.fullmatch(r"\d\d:\d\d:\d\d  ListDashboards    OK +\d+ ms  admin", good)
    assert re.fullmatch(r"\d\d:\d\d:\d\d  ListDashboards    UNAUTHENTICATED +\d+ ms  nobody  TOKEN_MALFORMED", bad)


def test_ctrl_c_stops_it_cleanly_and_the_next_run_finds_the_data(run_sample: Start, port: int, http_port: int) -> None:
    for outcomes in (["28", "0", "0", "0", "0", "0"], ["0", "0", "28", "0", "0", "0"]):
        process = run_sample()
        printed = until_it_serves(process).splitlines()
        assert outcomes in [line.split() for line in printed]
        _check_that_another_run_is_refused(run_sample(), "PORT", port)
        _check_that_another_run_is_refused(run_sample("--port", "1"), "HTTP_PORT", http_port)
        process.send_signal(signal.SIGINT)
        _, complaints = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0
        assert _without_hint(complaints) == ""


def _check_that_another_run_is_refused(another: subprocess.Popen[str], name: str, port: int) -> None:
    _, complaint = another.communicate(timeout=PATIENCE)
    assert another.returncode == 1
    assert complaint == f"Port {port} is in use. Choose another: make run {name}={port + 1}\n"


def test_an_error_at_the_start_is_printed(run_sample: Start, tmp_path: Path) -> None:
    tmp_path.joinpath(".data").write_text("a file where the folder should be")
    process = run_sample()
    _, complaint = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2
    assert complaint.splitlines()[-1].startswith("Error: ")
    assert "Traceback" not in complaint


def _without_hint(complaints: str) -> str:
    """Returns what was printed on standard error, without how to undo the first load."""
    return "".join(line for line in complaints.splitlines(True) if not line.startswith("Undo this load with: "))
