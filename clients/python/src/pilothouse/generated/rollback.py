from .base_model import BaseModel
from .fragments import Change


class Rollback(BaseModel):
    rollback: "RollbackRollback"


RollbackRollback = Change
Rollback.model_rebuild()
