from typing import Optional

from .base_model import BaseModel
from .fragments import Model


class GetModel(BaseModel):
    model: Optional["GetModelModel"]


GetModelModel = Model
GetModel.model_rebuild()
