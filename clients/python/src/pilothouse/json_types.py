"""Types of JSON values."""

from typing import Any

JsonObject = dict[str, Any]
