"""Runs the examples as they stand."""

import re
import runpy
from pathlib import Path

import pytest


def test_scikit_learn(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = root / "examples" / "scikit_learn.py"
    variables = runpy.run_path(str(path))
    variables["client"].close()
    assert capsys.readouterr().out == "equal within 1e-5: True\n"
    assert variables["served"].shape == (500, 2)
    assert variables["difference"] <= 1e-5
    cell = re.split(r"^# %% .*\n", path.read_text(encoding="utf-8"), flags=re.M)[2]
    assert cell.index(".fit(") < cell.index(".infer(")
    assert len([line for line in cell.splitlines() if line.strip()]) < 15
