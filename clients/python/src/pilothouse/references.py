"""What names a version in a call: the version itself, its number, `model:number`, `model@alias`, or `model`."""

import re
from collections.abc import Sequence
from typing import Any, Optional, Union

from .errors import InvalidError
from .generated.fragments import Version
from .generated.input_types import TargetInput

VersionRef = Union[Version, int, str]


def targets_of(deployment: str, version: Union[VersionRef, Sequence[TargetInput], None]) -> Optional[list[TargetInput]]:
    """The targets of a deployment. A number is a version of the model that has the deployment's name."""
    if version is None:
        return None
    if isinstance(version, Version):
        return [TargetInput(versionId=version.id)]
    if isinstance(version, int):
        return [TargetInput(model=deployment, version=version)]
    if isinstance(version, str):
        return [parse_ref(version)]
    return list(version)


def parse_ref(ref: str) -> TargetInput:
    """`model:3`, `model@champion`, or `model`, which is its newest READY version."""
    found = re.fullmatch(r"([^:@]+)(?::(\d+)|@([^:@]+))?", ref)
    if found is None:
        raise InvalidError(
            f'"{ref}" does not name a version; give model:number, model@alias, or model for its newest READY version'
        )
    model, number, alias = found.groups()
    return TargetInput(model=model, **given(version=number and int(number), alias=alias))


def given(**values: Any) -> dict[str, Any]:
    """The values that were given: what is None is left out of an input."""
    return {name: value for name, value in values.items() if value is not None}
