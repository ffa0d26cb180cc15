"""Pilothouse: register, deploy and call machine-learning models."""

from . import descriptions as descriptions
from .async_client import AsyncClient
from .changes import AsyncChange, Change
from .client import Client, connect
from .deployments import DeployOptions
from .errors import (
    AlreadyExistsError,
    ConflictError,
    CursorExpiredError,
    DeadlineExceededError,
    FailedPreconditionError,
    ForbiddenError,
    InternalError,
    InvalidError,
    LimitExceededError,
    NotFoundError,
    PilothouseError,
    UnauthenticatedError,
    UnavailableError,
    UnconfirmedError,
    UserError,
)
from .generated.enums import BatchingMode, DeploymentPhase, VersionState
from .generated.fragments import Deployment, DeploymentEvent, Rollout, Version
from .generated.input_types import TargetInput
from .lineage import Dataset

__all__ = [
    "AlreadyExistsError",
    "AsyncChange",
    "AsyncClient",
    "BatchingMode",
    "Change",
    "Client",
    "ConflictError",
    "CursorExpiredError",
    "Dataset",
    "DeadlineExceededError",
    "DeployOptions",
    "Deployment",
    "DeploymentEvent",
    "DeploymentPhase",
    "FailedPreconditionError",
    "ForbiddenError",
    "InternalError",
    "InvalidError",
    "LimitExceededError",
    "NotFoundError",
    "PilothouseError",
    "Rollout",
    "TargetInput",
    "UnauthenticatedError",
    "UnavailableError",
    "UnconfirmedError",
    "UserError",
    "Version",
    "VersionState",
    "connect",
]
