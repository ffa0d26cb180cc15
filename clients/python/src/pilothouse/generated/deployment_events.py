from pydantic import Field

from .base_model import BaseModel
from .fragments import DeploymentEvent


class DeploymentEvents(BaseModel):
    deployment_events: "DeploymentEventsDeploymentEvents" = Field(
        alias="deploymentEvents"
    )


DeploymentEventsDeploymentEvents = DeploymentEvent
DeploymentEvents.model_rebuild()
