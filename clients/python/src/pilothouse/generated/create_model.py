from typing import Optional

from pydantic import Field

from .base_model import BaseModel
from .fragments import Model, Refusal


class CreateModel(BaseModel):
    create_model: "CreateModelCreateModel" = Field(alias="createModel")


class CreateModelCreateModel(BaseModel):
    model: Optional["CreateModelCreateModelModel"]
    user_errors: list["CreateModelCreateModelUserErrors"] = Field(alias="userErrors")


CreateModelCreateModelModel = Model
CreateModelCreateModelUserErrors = Refusal
CreateModel.model_rebuild()
CreateModelCreateModel.model_rebuild()
