from pydantic import Field

from .base_model import BaseModel
from .fragments import Change


class DeleteDeployment(BaseModel):
    delete_deployment: "DeleteDeploymentDeleteDeployment" = Field(
        alias="deleteDeployment"
    )


DeleteDeploymentDeleteDeployment = Change
DeleteDeployment.model_rebuild()
