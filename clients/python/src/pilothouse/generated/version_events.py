from datetime import datetime

from pydantic import Field

from .base_model import BaseModel


class VersionEvents(BaseModel):
    version_events: "VersionEventsVersionEvents" = Field(alias="versionEvents")


class VersionEventsVersionEvents(BaseModel):
    cursor: str
    type_: str = Field(alias="type")
    message: str
    at: datetime


VersionEvents.model_rebuild()
