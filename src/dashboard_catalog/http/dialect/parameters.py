"""The parameters of paths and queries that several resources have."""

from collections.abc import Mapping
from typing import Annotated, Literal

from fastapi import Query

from dashboardcatalog.v1 import asset_pb2

Fields = Annotated[str, Query(description="What to return beside the rest, separated by commas; `*` for everything.")]
Include = Annotated[Literal["non-deleted", "deleted", "all"], Query(description="Whether deleted ones count.")]
Limit = Annotated[int, Query(ge=0, le=1_000_000, description="Results on a page: at most 1,000, and 0 for none.")]
After = Annotated[str, Query(description="`paging.after` of the previous page.")]
Before = Annotated[str, Query(description="`paging.before` of the next page.")]
HardDelete = Annotated[bool, Query(alias="hardDelete", description="Whether to remove it for good.")]
Recursive = Annotated[
    bool, Query(description="Whether to delete what is in it, too. The catalog refuses this where something is.")
]

DELETED: Mapping[str, "asset_pb2.Deleted.ValueType"] = {
    "non-deleted": asset_pb2.DELETED_EXCLUDE,
    "deleted": asset_pb2.DELETED_ONLY,
    "all": asset_pb2.DELETED_INCLUDE,
}
"""The contract's values of `Include`."""


def wanted(fields: str, optional: frozenset[str]) -> frozenset[str]:
    """Returns those of the optional fields that a caller asks for. Fields that the catalog does not keep are ignored.

    Args:
        fields: As sent in `Fields`.
        optional: What the resource answers only if it is asked for.
    """
    names = {name.strip() for name in fields.split(",")}
    return optional if "*" in names else optional & names
