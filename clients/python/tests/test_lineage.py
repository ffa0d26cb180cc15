"""What is read from the process that pushes."""

import subprocess
import sys
from pathlib import Path

import pytest

from pilothouse.lineage import source_of_process, without_secret


def git(folder: Path, *words: str) -> str:
    name = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    return subprocess.run(["git", "-C", str(folder), *name, *words], check=True, capture_output=True, text=True).stdout.strip()


def test_remote_commit_and_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "jobs" / "train.py"
    script.parent.mkdir()
    script.write_text("")
    monkeypatch.setattr(sys.modules["__main__"], "__file__", str(script))
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    git(tmp_path, "remote", "add", "origin", "https://me:secret@git.example/team/churn.git")
    commit = git(tmp_path, "rev-parse", "HEAD")
    source = source_of_process()
    assert source is not None
    assert (source.uri, source.revision) == ("https://git.example/team/churn.git#jobs/train.py", commit)
    script.write_text("changed")
    changed = source_of_process()
    assert changed is not None and changed.revision == f"{commit}-dirty"


def test_an_address_without_a_secret_stays() -> None:
    assert without_secret("git@git.example:team/churn.git") == "git@git.example:team/churn.git"
