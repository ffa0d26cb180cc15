"""One line on a terminal or in a notebook that says how far a long call is."""

import sys
from types import TracebackType
from typing import Optional

_MAX_WIDTH = 100


class ProgressLine:
    """Shows the newest text only. Prints nothing outside a terminal or notebook, unless it was asked for."""

    def __init__(self, shown: Optional[bool]) -> None:
        self._live = sys.stderr.isatty() or "ipykernel" in sys.modules
        self._shown = self._live if shown is None else shown
        self._last = ""

    def __enter__(self) -> "ProgressLine":
        return self

    def show(self, text: str) -> None:
        line = text.splitlines()[0][:_MAX_WIDTH] if text else ""
        if not self._shown or line == self._last:
            return
        sys.stderr.write(f"\r{line:<{len(self._last)}}" if self._live else f"{line}\n")
        sys.stderr.flush()
        self._last = line

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        if self._shown and self._live and self._last:
            sys.stderr.write("\n")
