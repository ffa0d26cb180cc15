"""Finds the server: arguments, the environment, the context of the command line, the home of this machine."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional
from urllib.parse import urlsplit

from .errors import InvalidError, UnauthenticatedError, UnavailableError


@dataclass(frozen=True)
class Connection:
    """Where the server is and the token for it."""

    url: str
    gateway_url: str
    token: str


@dataclass(frozen=True)
class _Known:
    """A server that a file of this machine names."""

    url: str
    token: Optional[str]
    gateway_url: Optional[str]


def find_connection(url: Optional[str] = None, token: Optional[str] = None, gateway_url: Optional[str] = None) -> Connection:
    """Finds the server, by the same rules as the command line.

    The first of these that names one is taken: the arguments, PILOTHOUSE_URL, the context that `pilothouse login` saved, the
    server that runs in PILOTHOUSE_HOME. A token is sent to the server that it was given or saved with, and to no other.
    """
    variable = os.environ.get("PILOTHOUSE_URL")
    known = [each for each in (_from_context(), _from_home()) if each is not None]
    named = url or variable or (known[0].url if known else None)
    if named is None:
        raise UnavailableError(
            "no server is known: neither `url=`, PILOTHOUSE_URL nor a saved context names one, "
            f"and none runs in {_home()}; start one with `pilothouse up`"
        )
    address = _checked(named)
    same = [each for each in known if _origin(each.url) == _origin(address)]
    of_environment = variable is None or _origin(_checked(variable)) == _origin(address)
    tokens = [token, os.environ.get("PILOTHOUSE_TOKEN") if of_environment else None, *(each.token for each in same)]
    secret = next(filter(None, tokens), None)
    if secret is None:
        raise UnauthenticatedError(f"there is no token for {address}")
    gateways = [gateway_url, os.environ.get("PILOTHOUSE_GATEWAY_URL"), *(each.gateway_url for each in same)]
    return Connection(address, _checked(next(filter(None, gateways), None) or _usual_gateway(address)), secret)


def _checked(url: str) -> str:
    address = url if "://" in url else f"http://{url}"
    if urlsplit(address).scheme not in ("http", "https") or not urlsplit(address).hostname:
        raise InvalidError(f'"{url}" is not an address; give one such as http://127.0.0.1:4000')
    return address.rstrip("/")


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def _usual_gateway(url: str) -> str:
    parts = urlsplit(url)
    host = parts.hostname or "127.0.0.1"
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:8000"


def _home() -> Path:
    return Path(os.environ.get("PILOTHOUSE_HOME") or ".pilothouse").resolve()


def _from_home() -> Optional[_Known]:
    home = _home()
    endpoints = _read_json(home / "run" / "endpoints.json")
    if "control" not in endpoints:
        return None
    return _Known(_checked(endpoints["control"]), _read_text(home / "admin-token"), endpoints.get("http"))


def _from_context() -> Optional[_Known]:
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    saved = _read_json(config / "pilothouse" / "contexts.json")
    for context in saved.get("contexts") or []:
        if context.get("name") == saved.get("current"):
            return _Known(_checked(context["url"]), context.get("token"), context.get("gatewayUrl"))
    return None


def _read_text(path: Path) -> Optional[str]:
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None


def _read_json(path: Path) -> dict[str, Any]:
    text = _read_text(path)
    if text is None:
        return {}
    try:
        content = json.loads(text)
    except ValueError as error:
        raise InvalidError(f"{path} is not JSON: {error}") from error
    return content if isinstance(content, dict) else {}
