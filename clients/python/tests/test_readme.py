"""Runs the examples of README.md and compares what they print."""

import contextlib
import io
import re
from pathlib import Path


def test_the_tour_prints_what_the_readme_says(root: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", (root / "README.md").read_text(encoding="utf-8"), re.S)
    assert len(blocks) == 4
    names: dict[str, object] = {"__name__": "readme"}
    for code, expected in blocks:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, "README.md", "exec"), names)
        assert printed.getvalue() == expected
