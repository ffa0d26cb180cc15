"""Versions of libraries that are written in a model's file, compared with those that are installed."""

import sys

from .check import installed
from .model import Artifact, LoadError


def check_versions(artifact: Artifact, recorded: dict[str, str]) -> None:
    """Major and minor must be the same. Beside a requirements.txt, its author has chosen the versions."""
    if "requirements.txt" in artifact.files:
        return
    for package, written in sorted(recorded.items()):
        have = installed(package)
        if have is None or have.split(".")[:2] != written.split(".")[:2]:
            there = "it is not installed" if have is None else f"{have} is installed"
            raise LoadError(
                f"the file was written with {package} {written}, and {there} for {sys.executable}; "
                f'add a requirements.txt with "{package}=={written}" beside the model'
            )


def needs(package: str, module: str) -> None:
    """Imports a library. Raises LoadError that says how to get it."""
    try:
        __import__(module)
    except ImportError as error:
        raise LoadError(
            f'{package} cannot be imported by {sys.executable} ({error}); add a requirements.txt with "{package}" beside the model, '
            "or set PILOTHOUSE_PYTHON to an interpreter that has it"
        ) from error
