"""Which server is found, and which token goes to it."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

import pilothouse as ph
from pilothouse.connection import Connection, find_connection

HOME = Connection("http://127.0.0.1:1", "http://127.0.0.1:2", "of-home")
CONTEXT = Connection("https://far.example", "https://gateway.example", "of-context")


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("URL", "TOKEN", "GATEWAY_URL"):
        monkeypatch.delenv(f"PILOTHOUSE_{name}", raising=False)
    monkeypatch.setenv("PILOTHOUSE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


def write_home(machine: Path) -> None:
    (machine / "home" / "run").mkdir(parents=True)
    endpoints = {"control": HOME.url, "http": HOME.gateway_url, "grpc": "127.0.0.1:3", "pid": 1}
    (machine / "home" / "run" / "endpoints.json").write_text(json.dumps(endpoints))
    (machine / "home" / "admin-token").write_text("of-home\n")


def write_context(machine: Path) -> None:
    (machine / "config" / "pilothouse").mkdir(parents=True)
    context = {"name": "far", "url": CONTEXT.url, "token": CONTEXT.token, "gatewayUrl": CONTEXT.gateway_url}
    contexts = {"current": "far", "contexts": [{"name": "other", "url": "http://other", "token": "no"}, context]}
    (machine / "config" / "pilothouse" / "contexts.json").write_text(json.dumps(contexts))


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [
        ({}, {}, CONTEXT),
        ({"url": HOME.url}, {}, HOME),
        ({"url": CONTEXT.url + "/", "token": "mine"}, {}, Connection(CONTEXT.url, CONTEXT.gateway_url, "mine")),
        ({}, {"URL": HOME.url}, HOME),
        ({}, {"URL": HOME.url, "TOKEN": "variable"}, Connection(HOME.url, HOME.gateway_url, "variable")),
        ({}, {"URL": "near:4000", "TOKEN": "variable"}, Connection("http://near:4000", "http://near:8000", "variable")),
        ({"url": HOME.url}, {"URL": "http://near", "TOKEN": "of-near"}, HOME),
        ({"gateway_url": "http://g/"}, {}, Connection(CONTEXT.url, "http://g", "of-context")),
        ({}, {"GATEWAY_URL": "http://g"}, Connection(CONTEXT.url, "http://g", "of-context")),
    ],
)
def test_the_first_that_names_a_server_is_taken(
    machine: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: Mapping[str, str],
    environment: Mapping[str, str],
    expected: Connection,
) -> None:
    write_home(machine)
    write_context(machine)
    for name, value in environment.items():
        monkeypatch.setenv(f"PILOTHOUSE_{name}", value)
    assert find_connection(**arguments) == expected


def test_the_home_of_this_machine_comes_last(machine: Path) -> None:
    write_home(machine)
    assert find_connection() == HOME


def test_a_token_is_never_sent_to_another_server(machine: Path) -> None:
    write_home(machine)
    with pytest.raises(ph.UnauthenticatedError, match="there is no token for http://stranger\nGive `token=`"):
        find_connection("http://stranger")


def test_no_server() -> None:
    with pytest.raises(ph.UnavailableError, match="no server is known.*start one with `pilothouse up`"):
        find_connection()


def test_what_is_no_address() -> None:
    with pytest.raises(ph.InvalidError, match='"ftp://x" is not an address'):
        find_connection("ftp://x", "token")
