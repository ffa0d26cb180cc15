"""What a format makes of a version's files."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from .tensors import Arrays, Signature


class LoadError(Exception):
    """The version is at fault: it is REJECTED with this message."""


@dataclass(frozen=True)
class Artifact:
    folder: Path
    files: list[str]
    options: dict[str, Any]
    threads: int
    """What the version's author declared, or None."""
    declared: Optional[Signature]
    """The version's sample request, or None."""
    sample: Optional[Arrays]

    def only(self, *endings: str) -> Path:
        """The one file with such a name."""
        found = [file for file in self.files if file.endswith(endings)]
        if len(found) > 1:
            named = [file for file in found if Path(file).stem == "model"]
            found = named if len(named) == 1 else found
        if len(found) != 1:
            what = f"several files ({', '.join(found)}); call the one to load model{endings[0]}" if found else f"no {' or '.join(endings)} file"
            raise LoadError(f"the version has {what}")
        return self.folder / found[0]


@dataclass(frozen=True)
class Model:
    signature: Signature
    """Name and version of the library behind it."""
    library: str
    """Takes all inputs and the names of the wanted outputs, and gives those."""
    infer: Callable[[Arrays, list[str]], Arrays]
