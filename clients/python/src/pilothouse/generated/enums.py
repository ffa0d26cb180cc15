from enum import Enum


class BatchingMode(str, Enum):
    AUTO = "AUTO"
    OFF = "OFF"
    ON = "ON"


class ConditionStatus(str, Enum):
    FALSE = "FALSE"
    TRUE = "TRUE"
    UNKNOWN = "UNKNOWN"


class ConditionType(str, Enum):
    Available = "Available"
    Degraded = "Degraded"
    Progressing = "Progressing"


class DeploymentPhase(str, Enum):
    DELETED = "DELETED"
    DELETING = "DELETING"
    FAILED = "FAILED"
    LOADING = "LOADING"
    PENDING = "PENDING"
    READY = "READY"
    STARTING = "STARTING"


class ErrorCode(str, Enum):
    ALREADY_EXISTS = "ALREADY_EXISTS"
    CONFLICT = "CONFLICT"
    CURSOR_EXPIRED = "CURSOR_EXPIRED"
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    FAILED_PRECONDITION = "FAILED_PRECONDITION"
    FORBIDDEN = "FORBIDDEN"
    INVALID = "INVALID"
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    NOT_FOUND = "NOT_FOUND"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    UNAVAILABLE = "UNAVAILABLE"
    UNCONFIRMED = "UNCONFIRMED"


class RolloutState(str, Enum):
    FAILED = "FAILED"
    PROGRESSING = "PROGRESSING"
    SUCCEEDED = "SUCCEEDED"
    SUPERSEDED = "SUPERSEDED"


class RowIndependenceVerdict(str, Enum):
    DEPENDENT = "DEPENDENT"
    FIXED = "FIXED"
    INDEPENDENT = "INDEPENDENT"
    ROUNDING = "ROUNDING"
    UNKNOWN = "UNKNOWN"


class VersionState(str, Enum):
    READY = "READY"
    REJECTED = "REJECTED"
    VALIDATING = "VALIDATING"
