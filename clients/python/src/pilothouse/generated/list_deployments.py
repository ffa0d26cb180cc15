from typing import Optional

from pydantic import Field

from .base_model import BaseModel
from .fragments import Deployment


class ListDeployments(BaseModel):
    deployments: "ListDeploymentsDeployments"


class ListDeploymentsDeployments(BaseModel):
    nodes: list["ListDeploymentsDeploymentsNodes"]
    page_info: "ListDeploymentsDeploymentsPageInfo" = Field(alias="pageInfo")


ListDeploymentsDeploymentsNodes = Deployment


class ListDeploymentsDeploymentsPageInfo(BaseModel):
    has_next_page: bool = Field(alias="hasNextPage")
    end_cursor: Optional[str] = Field(alias="endCursor")


ListDeployments.model_rebuild()
ListDeploymentsDeployments.model_rebuild()
