from typing import Any, Optional

from pydantic import Field

from pilothouse.json_types import JsonObject

from .base_model import BaseModel
from .enums import BatchingMode


class CreateModelInput(BaseModel):
    """Creates a model."""

    description: str = ""
    "Text for people, at most 10,000 characters."
    idempotency_key: Optional[str] = Field(alias="idempotencyKey", default=None)
    "A repeated call with the same key returns the same answer and creates nothing."
    name: str
    '1 to 63 characters of A-Z, a-z, 0-9, ".", "_" and "-". It begins and ends with a letter or digit. Case matters: `ResNet50` and `resnet50` are two names.'
    project: str = "default"
    "The project's name."


class CreateVersionInput(BaseModel):
    """Creates a version of a model."""

    description: str = ""
    "Text for people, at most 10,000 characters."
    files: list["VersionFileInput"]
    "Its files, 1 to 1,000. The runtime gets a folder with exactly these files."
    format: Optional[str] = None
    "Format of the files. Detected from their names and contents if left out."
    idempotency_key: Optional[str] = Field(alias="idempotencyKey", default=None)
    "A repeated call with the same key returns the same answer and creates nothing."
    lineage: Optional["LineageInput"] = None
    "How it was made: data, hyperparameters, metrics, code."
    model: str
    "The model's name."
    parent: Optional[int] = None
    "Number of the version that it was made from. The previous version if left out."
    project: str = "default"
    "The project's name."
    runtime_options: Optional[JsonObject] = Field(alias="runtimeOptions", default=None)
    "Options for the runtime that loads it, by name; at most 64 KiB. The runtime says which it takes. They never change."
    sample: Optional[list["SampleTensorInput"]] = None
    "A request that the model can answer, one tensor for each input. Validation and readiness probes send it. If left out, requests of several sizes are made from the signature; a model that answers none of them is REJECTED and needs a sample."
    signature: Optional["SignatureInput"] = None
    "What it takes and gives, for files that do not say it themselves. A model that contradicts it is REJECTED."


class DatasetInput(BaseModel):
    """The data that a version was trained on."""

    digest: Optional[str] = None
    "Digest of the data that was used."
    name: str
    "Its name."
    rows: Optional[float] = None
    "Number of its rows, a whole number."
    uri: Optional[str] = None
    "Its location, as a URI."


class DeleteDeploymentInput(BaseModel):
    """Deletes a deployment: its route is removed, and its replicas drain and stop."""

    deployment: "DeploymentRefInput"
    "Which deployment."
    expected_generation: Optional[int] = Field(alias="expectedGeneration", default=None)
    "The generation that the caller read. Any other current generation gives CONFLICT."
    idempotency_key: Optional[str] = Field(alias="idempotencyKey", default=None)
    "A repeated call with the same key returns the same answer and does nothing."
    reason: str = ""
    "Reason for the change, stored with the audit entry."


class DeployInput(BaseModel):
    """Creates a deployment, or changes its spec. A field that is left out keeps its value; a new deployment gets the default."""

    batching: Optional[BatchingMode] = None
    "Whether waiting requests are merged into one inference. Default AUTO."
    expected_generation: Optional[int] = Field(alias="expectedGeneration", default=None)
    'The generation that the caller read, or 0 for "does not exist". Any other current generation gives CONFLICT.'
    idempotency_key: Optional[str] = Field(alias="idempotencyKey", default=None)
    "A repeated call with the same key returns the same answer and does nothing."
    max_batch_size: Optional[int] = Field(alias="maxBatchSize", default=None)
    "Most rows of one merged inference, 1 to 4096. 1 merges nothing. Default 64."
    max_concurrency: Optional[int] = Field(alias="maxConcurrency", default=None)
    "Inferences that one replica works on at a time. Each gateway process sends a replica this many before others wait. Default 2."
    max_delay_ms: Optional[float] = Field(alias="maxDelayMs", default=None)
    "How long a request may wait for others to be merged with, 0 to 1000. A request that finds a free replica never waits. 0 merges only requests that wait anyway. Default 2."
    max_queue: Optional[int] = Field(alias="maxQueue", default=None)
    "Requests that may wait in each gateway process. Default 1000."
    memory_limit_bytes: Optional[str] = Field(alias="memoryLimitBytes", default=None)
    "Memory that a replica may use in addition to its idle runtime, as a 64-bit integer. Default: no limit."
    name: str
    'The deployment\'s name: 1 to 63 characters of A-Z, a-z, 0-9, ".", "_" and "-". It begins and ends with a letter or digit. Case matters: `ResNet50` and `resnet50` are two names. In the project `default` it must not begin with the name of a project and a dot: `vision.digits` is the deployment `digits` of the project `vision`.'
    project: str = "default"
    "The project's name."
    reason: str = ""
    "Reason for the change, stored with the revision."
    replicas: Optional[int] = None
    "Replicas of each target, 1 to 64. Default 1."
    sticky_header: Optional[str] = Field(alias="stickyHeader", default=None)
    "Name of a request header, such as `x-user-id`. Requests with the same value go to the same version. Null, the default: every request is routed by itself."
    targets: Optional[list["TargetInput"]] = None
    "The versions that get the traffic: at most 10, each with a different version number. Required for a new deployment."
    threads: Optional[int] = None
    "Threads of one replica. Default 1."
    timeout_ms: Optional[int] = Field(alias="timeoutMs", default=None)
    "How long a request may take from its arrival. Default 30000."


class DeploymentRefInput(BaseModel):
    """Names a deployment by `id`, or by `project` and `name`."""

    id: Optional[str] = None
    "The deployment's id."
    name: Optional[str] = None
    "The deployment's name."
    project: str = "default"
    "The project's name."


class LineageInput(BaseModel):
    """How a version was made. Pilothouse stores it and does not interpret it."""

    dataset: Optional["DatasetInput"] = None
    "The training data."
    hyperparameters: Optional[JsonObject] = None
    "Hyperparameters of the training, by name, at most 64 KiB."
    libraries: Optional[JsonObject] = None
    "Versions of the libraries used in the training, by library name, at most 64 KiB."
    metrics: Optional[JsonObject] = None
    "Metrics of the trained model, such as its accuracy: numbers by name."
    source: Optional["SourceInput"] = None
    "The training code."


class RollbackInput(BaseModel):
    """Restores the spec of an earlier revision, as a new revision."""

    deployment: "DeploymentRefInput"
    "Which deployment."
    expected_generation: Optional[int] = Field(alias="expectedGeneration", default=None)
    "The generation that the caller read. Any other current generation gives CONFLICT."
    idempotency_key: Optional[str] = Field(alias="idempotencyKey", default=None)
    "A repeated call with the same key returns the same answer and does nothing."
    reason: str = ""
    "Reason for the change, stored with the revision."
    to_revision: Optional[int] = Field(alias="toRevision", default=None)
    "Number of the revision to restore. If left out: the newest one that served before the current one."


class SampleTensorInput(BaseModel):
    """One tensor of a sample request."""

    data: Any
    "The elements, flat or nested, row by row. 64-bit integers beyond 2^53, NaN and Infinity are strings."
    datatype: str
    "Datatype by its Open Inference Protocol name: BOOL, INT8 to INT64, UINT8 to UINT64, FP16, FP32, FP64 or BYTES."
    name: str
    "Name of the input."
    shape: list[int]
    "Dimensions, each 0 or more."


class ScaleInput(BaseModel):
    """Changes the number of replicas."""

    deployment: "DeploymentRefInput"
    "Which deployment."
    expected_generation: Optional[int] = Field(alias="expectedGeneration", default=None)
    "The generation that the caller read. Any other current generation gives CONFLICT."
    idempotency_key: Optional[str] = Field(alias="idempotencyKey", default=None)
    "A repeated call with the same key returns the same answer and does nothing."
    reason: str = ""
    "Reason for the change, stored with the revision."
    replicas: int
    "Replicas of each target, 1 to 64."


class SignatureInput(BaseModel):
    """What a model takes and gives, as its author says."""

    inputs: list["TensorSpecInput"]
    "What it takes, in order."
    outputs: list["TensorSpecInput"]
    "What it gives, in order."


class SourceInput(BaseModel):
    """Training code of a version."""

    revision: Optional[str] = None
    "Revision of the training code, such as a commit."
    uri: str
    "Location of the training code, as a URI."


class TargetInput(BaseModel):
    """A version that gets a share of the traffic, or a copy of it. Name it by `versionId`, or by `model` and `version` or `alias` in the deployment's project."""

    alias: Optional[str] = None
    "An alias of the model, in place of `version`: the version that it names now."
    model: Optional[str] = None
    "The model's name."
    shadow_percent: float = Field(alias="shadowPercent", default=0)
    "Makes the target a shadow: it gets a copy of this percentage of the requests, 0 to 100, and callers do not get its answers. A shadow has weight 0."
    version: Optional[int] = None
    "The version's number. The newest READY version if left out."
    version_id: Optional[str] = Field(alias="versionId", default=None)
    "The version's id."
    weight: Optional[int] = None
    "Its share of the traffic, relative to the sum of the weights, 0 to 10000. Default 100, and 0 for a shadow."


class TensorSpecInput(BaseModel):
    """What the author of a model says of one input or output."""

    datatype: str
    "Datatype by its Open Inference Protocol name: BOOL, INT8 to INT64, UINT8 to UINT64, FP16, FP32, FP64 or BYTES."
    name: str
    "Its name in requests and answers."
    optional: bool = False
    "Of an input: whether a request may leave it out."
    shape: Optional[list[int]] = None
    "Dimensions; -1 may be any size. Left out: any number of dimensions."


class VersionFileInput(BaseModel):
    """A file of a version. Upload its bytes first, with `PUT /artifacts/<digest>`."""

    digest: str
    "SHA-256 of the bytes, 64 lower-case hexadecimal digits."
    path: str
    'Path in the folder of the version, relative, with forward slashes, without "." and "..".'


CreateVersionInput.model_rebuild()
DeleteDeploymentInput.model_rebuild()
DeployInput.model_rebuild()
LineageInput.model_rebuild()
RollbackInput.model_rebuild()
ScaleInput.model_rebuild()
SignatureInput.model_rebuild()
