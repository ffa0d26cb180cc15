from typing import Optional

from pydantic import Field

from .base_model import BaseModel
from .fragments import Refusal, Version


class CreateVersion(BaseModel):
    create_version: "CreateVersionCreateVersion" = Field(alias="createVersion")


class CreateVersionCreateVersion(BaseModel):
    version: Optional["CreateVersionCreateVersionVersion"]
    user_errors: list["CreateVersionCreateVersionUserErrors"] = Field(
        alias="userErrors"
    )


CreateVersionCreateVersionVersion = Version
CreateVersionCreateVersionUserErrors = Refusal
CreateVersion.model_rebuild()
CreateVersionCreateVersion.model_rebuild()
