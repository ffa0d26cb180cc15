"""Modules that `pilothouse generate python` writes: checked by mypy and at run time, and broken by another signature."""

import importlib.util
import os
import subprocess
import sys
import zlib
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from models import doubling, text_and_numbers

import pilothouse as ph

CALLER = """
import numpy as np

from models_of import doubled

rows = np.zeros((3, 2), np.float32)
answer = doubled(x=rows)
total: np.float32 = answer["y"].sum()
"""


@pytest.fixture
def cli(root: Path, tmp_path: Path) -> Any:
    program = root.parent.parent / "server" / "launch.mjs"

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["node", str(program), *words], cwd=tmp_path, capture_output=True, text=True)

    return run


def _mypy(folder: Path, caller: str) -> str:
    # mypy does not see a change of a file within a second that leaves its size: each text has a file of its own.
    name = f"caller_{zlib.crc32(caller.encode())}.py"
    (folder / name).write_text(caller)
    path = os.pathsep.join([str(folder), *[each for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each]])
    result = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir=mypy", name],
        cwd=folder,
        env={**os.environ, "MYPYPATH": path},
        capture_output=True,
        text=True,
    )
    return result.stdout


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_module_knows_its_model_until_the_signature_changes(client: ph.Client, cli: Any, tmp_path: Path) -> None:
    client.deploy("doubled", client.push("doubled", doubling()))
    path = tmp_path / "models_of.py"
    assert cli("generate", "python", "doubled", "-o", path.name).stdout == "wrote models_of.py\n"
    assert cli("generate", "python", "doubled", "-o", path.name, "--check").returncode == 0

    assert _mypy(tmp_path, CALLER) == "Success: no issues found in 1 source file\n"
    assert 'Unexpected keyword argument "z"' in _mypy(tmp_path, CALLER.replace("x=", "z="))
    assert 'Argument "x" to "doubled" has incompatible type' in _mypy(tmp_path, CALLER.replace("float32)", "float64)"))
    assert 'Argument "x" to "doubled" has incompatible type' in _mypy(tmp_path, CALLER.replace("(3, 2)", "6"))
    assert 'has no key "z"' in _mypy(tmp_path, CALLER.replace('"y"', '"z"'))

    doubled = _load(path).doubled
    np.testing.assert_array_equal(doubled(x=np.ones((3, 2), np.float32))["y"], np.full((3, 2), 2))
    np.testing.assert_array_equal(doubled(x=np.ones((1, 2), np.float32), client=client)["y"], [[2, 2]])
    with pytest.raises(ValueError, match=r"x has the shape \(3, 3\); give \(None, 2\), where None may be any size"):
        doubled(x=np.ones((3, 3), np.float32))
    with pytest.raises(TypeError, match="x is float64; give float32"):
        doubled(x=np.ones((3, 2)))

    client.deploy("doubled", client.push("doubled", text_and_numbers()))
    before = path.read_text()
    check = cli("generate", "python", "doubled", "-o", path.name, "--check")
    assert (check.returncode, check.stdout, path.read_text()) == (1, "", before)
    assert 'doubled: input "text" BYTES' in check.stderr and 'doubled: output "y" is gone' in check.stderr
    assert cli("generate", "python", "doubled", "-o", path.name).returncode == 0
    assert 'Unexpected keyword argument "x"' in _mypy(tmp_path, CALLER)
    answer = _load(path).doubled(text=np.array(["a"]), number=np.array([1]))
    assert answer["same_number"].tolist() == [1]
