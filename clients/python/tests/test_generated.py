"""The generated code is what the schema and the operations make."""

import shutil
import subprocess
import sys
from pathlib import Path


def test_generated_code_is_up_to_date(root: Path, tmp_path: Path) -> None:
    package = tmp_path / "clients" / "python"
    (tmp_path / "server").mkdir()
    shutil.copy(root.parent.parent / "server" / "schema.graphql", tmp_path / "server")
    shutil.copytree(root / "operations", package / "operations")
    shutil.copy(root / "pyproject.toml", package)
    # The generator sorts imports of modules that it finds here behind those of other packages.
    source = Path("src") / "pilothouse"
    shutil.copytree(root / source, package / source, ignore=shutil.ignore_patterns("generated"))
    subprocess.run([sys.executable, "-m", "ariadne_codegen"], cwd=package, check=True, capture_output=True)
    assert _texts(package) == _texts(root), "run ariadne-codegen in clients/python"


def _texts(package: Path) -> dict[str, str]:
    folder = package / "src" / "pilothouse" / "generated"
    return {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.py")}
