from typing import Optional

from pydantic import Field

from .base_model import BaseModel
from .fragments import Version


class ListVersions(BaseModel):
    versions: "ListVersionsVersions"


class ListVersionsVersions(BaseModel):
    nodes: list["ListVersionsVersionsNodes"]
    page_info: "ListVersionsVersionsPageInfo" = Field(alias="pageInfo")


ListVersionsVersionsNodes = Version


class ListVersionsVersionsPageInfo(BaseModel):
    has_next_page: bool = Field(alias="hasNextPage")
    end_cursor: Optional[str] = Field(alias="endCursor")


ListVersions.model_rebuild()
ListVersionsVersions.model_rebuild()
