from datetime import datetime
from typing import Optional

from pydantic import Field

from pilothouse.json_types import JsonObject

from .base_model import BaseModel
from .enums import (
    BatchingMode,
    ConditionStatus,
    ConditionType,
    DeploymentPhase,
    ErrorCode,
    RolloutState,
    RowIndependenceVerdict,
    VersionState,
)


class Deployment(BaseModel):
    id: str
    name: str
    project: "DeploymentProject"
    endpoint: str
    generation: int
    observed_generation: int = Field(alias="observedGeneration")
    phase: DeploymentPhase
    scaled_replicas: Optional[int] = Field(alias="scaledReplicas")
    conditions: list["DeploymentConditions"]
    spec: "DeploymentSpec"
    targets: list["DeploymentTargets"]
    created_at: datetime = Field(alias="createdAt")
    updated_at: datetime = Field(alias="updatedAt")


class DeploymentProject(BaseModel):
    name: str


class DeploymentConditions(BaseModel):
    type_: ConditionType = Field(alias="type")
    status: ConditionStatus
    reason: str
    message: str


class DeploymentSpec(BaseModel):
    replicas: int
    timeout_ms: int = Field(alias="timeoutMs")
    max_concurrency: int = Field(alias="maxConcurrency")
    max_queue: int = Field(alias="maxQueue")
    batching: BatchingMode
    max_batch_size: int = Field(alias="maxBatchSize")
    max_delay_ms: float = Field(alias="maxDelayMs")
    sticky_header: Optional[str] = Field(alias="stickyHeader")
    threads: int
    memory_limit_bytes: Optional[str] = Field(alias="memoryLimitBytes")


class DeploymentTargets(BaseModel):
    weight: int
    shadow_percent: float = Field(alias="shadowPercent")
    version: "DeploymentTargetsVersion"


class DeploymentTargetsVersion(BaseModel):
    id: str
    number: int
    model: "DeploymentTargetsVersionModel"
    row_independence: Optional["DeploymentTargetsVersionRowIndependence"] = Field(
        alias="rowIndependence"
    )


class DeploymentTargetsVersionModel(BaseModel):
    name: str


class DeploymentTargetsVersionRowIndependence(BaseModel):
    verdict: RowIndependenceVerdict
    reason: str


class Refusal(BaseModel):
    code: ErrorCode
    message: str
    field: list[str]


class Rollout(BaseModel):
    id: str
    state: RolloutState
    reason: Optional[str]
    started_at: datetime = Field(alias="startedAt")
    finished_at: Optional[datetime] = Field(alias="finishedAt")
    duration_ms: Optional[float] = Field(alias="durationMs")
    steps: list["RolloutSteps"]


class RolloutSteps(BaseModel):
    at: datetime
    name: str
    message: str


class Change(BaseModel):
    deployment: Optional["ChangeDeployment"]
    rollout: Optional["ChangeRollout"]
    events_after: Optional[str] = Field(alias="eventsAfter")
    user_errors: list["ChangeUserErrors"] = Field(alias="userErrors")


class ChangeDeployment(Deployment):
    pass


class ChangeRollout(Rollout):
    pass


class ChangeUserErrors(Refusal):
    pass


class DeploymentEvent(BaseModel):
    cursor: str
    at: datetime
    actor: str
    type_: str = Field(alias="type")
    message: str
    phase: DeploymentPhase
    generation: int
    payload: JsonObject


class Model(BaseModel):
    id: str
    name: str
    description: str
    generation: int
    created_at: datetime = Field(alias="createdAt")


class Tensor(BaseModel):
    name: str
    datatype: str
    shape: Optional[list[int]]
    optional: bool


class Version(BaseModel):
    id: str
    number: int
    model: "VersionModel"
    state: VersionState
    reason: Optional[str]
    log_tail: Optional[str] = Field(alias="logTail")
    description: str
    format: str
    runtime: str
    digest: str
    signature: Optional["VersionSignature"]
    runtime_options: JsonObject = Field(alias="runtimeOptions")
    backend: Optional["VersionBackend"]
    row_independence: Optional["VersionRowIndependence"] = Field(
        alias="rowIndependence"
    )
    lineage: "VersionLineage"
    load_ms: Optional[float] = Field(alias="loadMs")
    memory_bytes: Optional[str] = Field(alias="memoryBytes")
    created_at: datetime = Field(alias="createdAt")
    validated_at: Optional[datetime] = Field(alias="validatedAt")


class VersionModel(BaseModel):
    id: str
    name: str
    project: "VersionModelProject"


class VersionModelProject(BaseModel):
    name: str


class VersionSignature(BaseModel):
    inputs: list["VersionSignatureInputs"]
    outputs: list["VersionSignatureOutputs"]


class VersionSignatureInputs(Tensor):
    pass


class VersionSignatureOutputs(Tensor):
    pass


class VersionBackend(BaseModel):
    name: str
    library: Optional[str]


class VersionRowIndependence(BaseModel):
    verdict: RowIndependenceVerdict
    reason: str


class VersionLineage(BaseModel):
    dataset: Optional["VersionLineageDataset"]
    hyperparameters: Optional[JsonObject]
    metrics: Optional[JsonObject]
    libraries: Optional[JsonObject]
    source: Optional["VersionLineageSource"]


class VersionLineageDataset(BaseModel):
    name: str
    uri: Optional[str]
    digest: Optional[str]
    rows: Optional[float]


class VersionLineageSource(BaseModel):
    uri: str
    revision: Optional[str]


Deployment.model_rebuild()
Refusal.model_rebuild()
Rollout.model_rebuild()
Change.model_rebuild()
DeploymentEvent.model_rebuild()
Model.model_rebuild()
Tensor.model_rebuild()
Version.model_rebuild()
