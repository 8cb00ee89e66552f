"""The arguments of a run, which takes minutes, are refused before it begins."""

from pathlib import Path

import pytest

from benchmarks.__main__ import parse
from benchmarks.run import summarize


def test_files_that_cannot_be_used_are_refused_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "table.md").write_text("| echo | 7,514 |")
    wrong: list[tuple[str, object]] = [("--rounds", 0), ("--rounds", "many")]
    wrong += [("--baseline", tmp_path / name) for name in ("missing.json", "table.md", ".")]
    wrong += [("--output", tmp_path / name) for name in (".", "missing/run.json")]
    for option, value in wrong:
        with pytest.raises(SystemExit):
            parse([option, str(value)])
        assert f"argument {option}: {value} " in capsys.readouterr().err.replace(f"{value}:", f"{value} ")


def test_an_earlier_run_is_read_and_a_file_for_this_one_may_exist(tmp_path: Path) -> None:
    earlier = summarize({"Python": "3.11"}, [])
    earlier.save(tmp_path / "run.json")
    arguments = parse(["--baseline", str(tmp_path / "run.json"), "--output", str(tmp_path / "run.json")])
    assert arguments.baseline == earlier
    assert arguments.output == tmp_path / "run.json"
