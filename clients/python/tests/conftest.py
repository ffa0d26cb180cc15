"""Tests run against a real server: `npm run test:python` starts one in an empty home and says where it is."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import pilothouse as ph

HOME = "PILOTHOUSE_HOME"


@pytest.fixture(scope="session", autouse=True)
def server() -> None:
    if HOME not in os.environ:
        pytest.exit("no server: run these tests with `npm run test:python`", returncode=2)


@pytest.fixture
def client() -> Iterator[ph.Client]:
    with ph.connect() as client:
        yield client


@pytest.fixture
def root() -> Path:
    """The folder of the package in the repository."""
    return Path(__file__).parent.parent
