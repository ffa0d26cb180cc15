from typing import Optional

from .base_model import BaseModel
from .fragments import Version


class GetVersion(BaseModel):
    version: Optional["GetVersionVersion"]


GetVersionVersion = Version
GetVersion.model_rebuild()
