"""Runs the examples of the READMEs and compares what they print."""

import contextlib
import io
import re
from pathlib import Path

import pytest

BLOCK = re.compile(r"```python\n(.*?)```\n\n```text\n(.*?)```", re.S)


def _run(text: str, blocks: int) -> None:
    """`…` in the output stands for what differs from run to run, alone on a line for any number of lines."""
    found = BLOCK.findall(text)
    assert len(found) == blocks
    names: dict[str, object] = {"__name__": "readme"}
    for code, expected in found:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, "README.md", "exec"), names)
        if not re.fullmatch("".join(map(_pattern, expected.splitlines(True))), printed.getvalue()):
            assert printed.getvalue() == expected


def _pattern(line: str) -> str:
    return "(?:.*\n)*?" if line.strip() == "…" else ".+?".join(map(re.escape, line.split("…")))


def test_the_tour_of_the_package_prints_what_the_readme_says(root: Path) -> None:
    _run((root / "README.md").read_text(encoding="utf-8"), 4)


def test_the_tour_of_the_repository_prints_what_the_readme_says(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = root.parent.parent
    monkeypatch.chdir(repository)
    section = (repository / "README.md").read_text(encoding="utf-8").split("\n### From Python\n")[1].split("\n### ")[0]
    _run(section, 1)
