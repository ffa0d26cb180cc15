from typing import Any, Optional

from pydantic import Field

from pilothouse.json_types import JsonObject

from .base_model import BaseModel
from .enums import BatchingMode


class CreateModelInput(BaseModel):
    """Creates a model."""

    description: str = ""
    "For people, at most 10,000 characters."
    idempotency_key: Optional[str] = Field(alias="idempotencyKey", default=None)
    "A repetition with the same key answers the same and makes nothing."
    name: str
    '1 to 63 of A-Z, a-z, 0-9, ".", "_" and "-"; it begins and ends with a letter or digit. Case counts: `ResNet50` and `resnet50` are two names.'
    project: str = "default"
    "The project's name."


class CreateVersionInput(BaseModel):
    """Creates a version of a model."""

    description: str = ""
    "For people, at most 10,000 characters."
    files: list["VersionFileInput"]
    "Its files, 1 to 1,000. A runtime finds exactly these beside one another."
    format: Optional[str] = None
    "What kind of files they are; told from their names and contents where it is left out."
    idempotency_key: Optional[str] = Field(alias="idempotencyKey", default=None)
    "A repetition with the same key answers the same and makes nothing."
    lineage: Optional["LineageInput"] = None
    "Where it comes from."
    model: str
    "The model's name."
    parent: Optional[int] = None
    "Number of the version that it was made from; the one before, where it is left out."
    project: str = "default"
    "The project's name."
    runtime_options: Optional[JsonObject] = Field(alias="runtimeOptions", default=None)
    "Options for the runtime that loads it, by name; at most 64 KiB. The runtime says which it takes. They never change."
    sample: Optional[list["SampleTensorInput"]] = None
    "A request that it can answer, one tensor for each input: validation and readiness probes send it. Where it is left out, requests of several sizes are made from the signature; a model that answers none of them is REJECTED and needs a sample."
    signature: Optional["SignatureInput"] = None
    "What it takes and gives, for files that do not say it themselves. A model that contradicts it is REJECTED."


class DatasetInput(BaseModel):
    """What a version was trained on."""

    digest: Optional[str] = None
    "Digest of the data that was used."
    name: str
    "Its name."
    rows: Optional[float] = None
    "How many rows it has; a whole number."
    uri: Optional[str] = None
    "Where it is."


class DeleteDeploymentInput(BaseModel):
    """Deletes a deployment: its route is withdrawn, its replicas drain and stop."""

    deployment: "DeploymentRefInput"
    "Which deployment."
    expected_generation: Optional[int] = Field(alias="expectedGeneration", default=None)
    "The generation that the caller read. Another one is a CONFLICT."
    idempotency_key: Optional[str] = Field(alias="idempotencyKey", default=None)
    "A repetition with the same key answers the same and does nothing."
    reason: str = ""
    "Why, for the audit."


class DeployInput(BaseModel):
    """Creates a deployment, or changes its spec. What is left out keeps its value, or takes its default at creation."""

    batching: Optional[BatchingMode] = None
    "Whether waiting requests are merged into one inference. Default AUTO."
    expected_generation: Optional[int] = Field(alias="expectedGeneration", default=None)
    'The generation that the caller read; 0 for "does not exist". Another one is a CONFLICT.'
    idempotency_key: Optional[str] = Field(alias="idempotencyKey", default=None)
    "A repetition with the same key answers the same and does nothing."
    max_batch_size: Optional[int] = Field(alias="maxBatchSize", default=None)
    "Rows of one merged inference, 1 to 4096; 1 merges nothing. Default 64."
    max_concurrency: Optional[int] = Field(alias="maxConcurrency", default=None)
    "Inferences one replica works on at a time; each gateway process sends it so many before others wait. Default 2."
    max_delay_ms: Optional[float] = Field(alias="maxDelayMs", default=None)
    "How long a request may be held back for others to be merged with, 0 to 1000; never one that is alone while a replica is free. 0 merges only what waits anyway. Default 2."
    max_queue: Optional[int] = Field(alias="maxQueue", default=None)
    "Requests that may wait in each gateway process. Default 1000."
    memory_limit_bytes: Optional[str] = Field(alias="memoryLimitBytes", default=None)
    "Memory a replica may use on top of what its runtime needs idle, as a 64-bit integer. Default: no limit of its own."
    name: str
    'The deployment\'s name: 1 to 63 of A-Z, a-z, 0-9, ".", "_" and "-"; it begins and ends with a letter or digit. Case counts: `ResNet50` and `resnet50` are two names. In the project `default` it must not begin with the name of a project and a dot: `vision.digits` is the deployment `digits` of the project `vision`.'
    project: str = "default"
    "The project's name."
    reason: str = ""
    "Why, for the revision."
    replicas: Optional[int] = None
    "Replicas of each target, 1 to 64. Default 1."
    sticky_header: Optional[str] = Field(alias="stickyHeader", default=None)
    "A header of yours whose value keeps its callers on one version, such as `x-user-id`; null routes every request on its own, which is the default."
    targets: Optional[list["TargetInput"]] = None
    "Where the traffic goes, at most 10, no two with one version number. Needed at creation."
    threads: Optional[int] = None
    "Threads of one replica. Default 1."
    timeout_ms: Optional[int] = Field(alias="timeoutMs", default=None)
    "How long a request may take from its arrival. Default 30000."


class DeploymentRefInput(BaseModel):
    """Names a deployment: by `id`, or by `project` and `name`."""

    id: Optional[str] = None
    "The deployment's id."
    name: Optional[str] = None
    "The deployment's name."
    project: str = "default"
    "The project's name."


class LineageInput(BaseModel):
    """Where a version comes from. It is kept, never interpreted."""

    dataset: Optional["DatasetInput"] = None
    "What it was trained on."
    hyperparameters: Optional[JsonObject] = None
    "What it was trained with, by name; at most 64 KiB."
    libraries: Optional[JsonObject] = None
    "Versions of the libraries that made it, as texts by name; at most 64 KiB."
    metrics: Optional[JsonObject] = None
    "How good it was found to be: numbers by name."
    source: Optional["SourceInput"] = None
    "What made it."


class RollbackInput(BaseModel):
    """Takes an earlier revision's spec back, as a new revision."""

    deployment: "DeploymentRefInput"
    "Which deployment."
    expected_generation: Optional[int] = Field(alias="expectedGeneration", default=None)
    "The generation that the caller read. Another one is a CONFLICT."
    idempotency_key: Optional[str] = Field(alias="idempotencyKey", default=None)
    "A repetition with the same key answers the same and does nothing."
    reason: str = ""
    "Why, for the revision."
    to_revision: Optional[int] = Field(alias="toRevision", default=None)
    "Number of the revision; the newest that served before the present one, where it is left out."


class SampleTensorInput(BaseModel):
    """One tensor of a sample request."""

    data: Any
    "A list of the elements, flat or nested, row by row. 64-bit integers beyond 2^53 are strings, and so are NaN and Infinity."
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
    "The generation that the caller read. Another one is a CONFLICT."
    idempotency_key: Optional[str] = Field(alias="idempotencyKey", default=None)
    "A repetition with the same key answers the same and does nothing."
    reason: str = ""
    "Why, for the revision."
    replicas: int
    "Replicas of each target, 1 to 64."


class SignatureInput(BaseModel):
    """What a model takes and gives, as its author says."""

    inputs: list["TensorSpecInput"]
    "What it takes, in order."
    outputs: list["TensorSpecInput"]
    "What it gives, in order."


class SourceInput(BaseModel):
    """What made a version."""

    revision: Optional[str] = None
    "Which revision of it."
    uri: str
    "The training code."


class TargetInput(BaseModel):
    """One version that gets a share of the traffic, or a copy of it: by `versionId`, or by `model` and `version` or `alias` in the deployment's project."""

    alias: Optional[str] = None
    "An alias of the model, in place of `version`: the version that it names now."
    model: Optional[str] = None
    "The model's name."
    shadow_percent: float = Field(alias="shadowPercent", default=0)
    "Makes it a shadow: it gets a copy of this percentage of the requests, 0 to 100, and no caller sees its answers. A shadow has weight 0."
    version: Optional[int] = None
    "The version's number; the newest READY one where it is left out."
    version_id: Optional[str] = Field(alias="versionId", default=None)
    "The version's id."
    weight: Optional[int] = None
    "Its share, relative to the sum of the weights, 0 to 10000. Default 100, and 0 for a shadow."


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
    """A file of a version, whose bytes were uploaded before with `PUT /artifacts/<digest>`."""

    digest: str
    "SHA-256 of the bytes, 64 lower-case hexadecimal digits."
    path: str
    'Where it lies in the folder of the version: relative, with forward slashes, without "." and "..".'


CreateVersionInput.model_rebuild()
DeleteDeploymentInput.model_rebuild()
DeployInput.model_rebuild()
LineageInput.model_rebuild()
RollbackInput.model_rebuild()
ScaleInput.model_rebuild()
SignatureInput.model_rebuild()
