from typing import Annotated, Literal, Optional, Union

from pydantic import Field

from .base_model import BaseModel
from .fragments import (  # noqa: F401
    Deployment,
    DeploymentConditions,
    DeploymentProject,
    DeploymentSpec,
    DeploymentTargets,
)


class GetDeploymentById(BaseModel):
    node: Optional[
        Annotated[
            Union["GetDeploymentByIdNodeNode", "GetDeploymentByIdNodeDeployment"],
            Field(discriminator="typename__"),
        ]
    ]


class GetDeploymentByIdNodeNode(BaseModel):
    typename__: Literal[
        "Alert",
        "AlertRule",
        "Alias",
        "Artifact",
        "Model",
        "Monitor",
        "MonitorRun",
        "Node",
        "Project",
        "Replica",
        "Revision",
        "Rollout",
        "ScalingDecision",
        "ScalingPolicy",
        "Token",
        "Version",
    ] = Field(alias="__typename")


class GetDeploymentByIdNodeDeployment(Deployment):
    typename__: Literal["Deployment"] = Field(alias="__typename")


GetDeploymentById.model_rebuild()
