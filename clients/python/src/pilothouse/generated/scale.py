from .base_model import BaseModel
from .fragments import Change


class Scale(BaseModel):
    scale: "ScaleScale"


ScaleScale = Change
Scale.model_rebuild()
