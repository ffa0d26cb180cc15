from .base_model import BaseModel
from .fragments import Change


class Deploy(BaseModel):
    deploy: "DeployDeploy"


DeployDeploy = Change
Deploy.model_rebuild()
