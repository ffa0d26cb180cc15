"""What each object shows of itself."""

from collections.abc import Sequence
from typing import Optional, Protocol

from .generated.enums import ConditionStatus, ConditionType, VersionState
from .generated.fragments import Deployment, DeploymentEvent, Rollout, Version
from .printed import Description, describe, print_itself


class _TensorSpec(Protocol):
    name: str
    datatype: str
    shape: Optional[list[int]]


def _tensors(specs: Sequence[_TensorSpec]) -> str:
    return ", ".join(f"{spec.name} {spec.datatype}{spec.shape if spec.shape is not None else ''}" for spec in specs)


def _bytes(size: Optional[str]) -> str:
    return "" if size is None else f"{int(size) / 2**20:.0f} MiB"


def _rejection(version: Version) -> str:
    return "\n".join(filter(None, [version.reason, version.log_tail])) if version.state is VersionState.REJECTED else ""


@describe.register
def _version(version: Version) -> Description:
    lineage, signature = version.lineage, version.signature
    metrics = ", ".join(f"{name} {value:.6g}" for name, value in (lineage.metrics or {}).items())
    rows = lineage.dataset.rows if lineage.dataset else None
    dataset = "" if lineage.dataset is None else lineage.dataset.name + (f" ({rows:.0f} rows)" if rows is not None else "")
    source = "" if lineage.source is None else " ".join(filter(None, [lineage.source.uri, lineage.source.revision]))
    return Description(
        f"Version {version.model.name}:{version.number}  {version.state.value}",
        [
            ("why", _rejection(version) or (version.reason or "")),
            ("inputs", _tensors(signature.inputs) if signature else ""),
            ("outputs", _tensors(signature.outputs) if signature else ""),
            ("rows", version.row_independence.verdict.value.lower() if version.row_independence else ""),
            ("runtime", f"{version.runtime} ({version.format})"),
            ("memory", _bytes(version.memory_bytes)),
            ("metrics", metrics),
            ("trained on", dataset),
            ("made by", source),
        ],
    )


@describe.register
def _deployment(deployment: Deployment) -> Description:
    targets = [
        f"{each.version.model.name}:{each.version.number} "
        + (f"(shadow of {each.shadow_percent:g} %)" if each.shadow_percent > 0 else f"(weight {each.weight})")
        for each in deployment.targets
    ]
    available = next((each for each in deployment.conditions if each.type_ is ConditionType.Available), None)
    problems = [
        each.message
        for each in deployment.conditions
        if each.message and each.type_ is ConditionType.Degraded and each.status is ConditionStatus.TRUE
    ]
    return Description(
        f"Deployment {deployment.name}  {deployment.phase.value}",
        [
            ("endpoint", deployment.endpoint),
            ("targets", ", ".join(targets)),
            ("replicas", str(deployment.scaled_replicas or deployment.spec.replicas)),
            ("generation", str(deployment.generation)),
            ("available", "" if available is None else available.status.value.lower()),
            ("degraded", "\n".join(problems)),
        ],
    )


@describe.register
def _rollout(rollout: Rollout) -> Description:
    took = "" if rollout.duration_ms is None else f"{rollout.duration_ms / 1000:.1f} s"
    steps = "\n".join(f"{step.at:%H:%M:%S}  {step.message}" for step in rollout.steps)
    return Description(f"Rollout  {rollout.state.value}", [("why", rollout.reason or ""), ("took", took), ("steps", steps)])


@describe.register
def _event(event: DeploymentEvent) -> Description:
    return Description(f"{event.at:%H:%M:%S}  {event.phase.value:<8}  {event.message}", [])


for model in (Version, Deployment, Rollout, DeploymentEvent):
    print_itself(model)
