from typing import Optional

from .base_model import BaseModel
from .fragments import Deployment


class GetDeployment(BaseModel):
    deployment: Optional["GetDeploymentDeployment"]


GetDeploymentDeployment = Deployment
GetDeployment.model_rebuild()
