"""The options of a bulk stream, checked once."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from dashboard_catalog.catalog import names
from dashboard_catalog.catalog.commands import Writer
from dashboard_catalog.errors import CatalogError, Reason, Violation, ViolationReason, invalid
from dashboard_catalog.rpc import masks
from dashboard_catalog.rpc.call import current_call
from dashboard_catalog.rpc.validation import violations_of
from dashboards.v1 import bulk_pb2, chart_pb2, dashboard_pb2, entity_pb2

MAX_FAILURES = 10_000

_MASKED: Mapping[str, Any] = {
    "dashboard": dashboard_pb2.DashboardSpec.DESCRIPTOR,
    "chart": chart_pb2.ChartSpec.DESCRIPTOR,
    **{field.name: field.message_type for field in entity_pb2.Entity.DESCRIPTOR.fields},
}
_NOT_SERVED = ("session_id", "sweep")


class BulkOptions:
    """How the items of a stream are written and answered.

    Args:
        sent: As sent, with nothing checked.

    Raises:
        CatalogError: INVALID_ARGUMENT for what does not fit, UNIMPLEMENTED for an option that is not served.
    """

    def __init__(self, sent: bulk_pb2.BulkUpsertOptions) -> None:
        violations = violations_of(sent, "options")
        if sent.service:
            try:
                names.split(sent.service, 1)
            except names.NameSyntaxError as error:
                violations.append(Violation("options.service", ViolationReason.INVALID_FORMAT, str(error)))
        if violations:
            raise invalid(violations)
        for option in _NOT_SERVED:
            if option in {field.name for field, _ in sent.ListFields()}:
                raise CatalogError(
                    Reason.UNSUPPORTED_OPTION,
                    f"options.{option} is not served yet",
                    metadata={"option": f"options.{option}"},
                )
        fields = masks.written_fields(sent.update_mask, list(_MASKED.values()), "options.update_mask")
        self.masks = dict(zip(_MASKED, fields, strict=True))
        self.session_id = uuid4()
        self.validate_only = sent.validate_only
        self.all_results = sent.result_view == bulk_pb2.RESULT_VIEW_ALL
        self.max_failures = sent.max_failures if sent.HasField("max_failures") else MAX_FAILURES
        self.overrides = sent.override_metadata

    def writer(self) -> Writer:
        """Returns who writes the items of the stream: everything that comes through it is ingestion."""
        call = current_call()
        return Writer(
            principal=call.principal,
            ingests=True,
            call_id=call.id,
            overrides=self.overrides,
            session_id=self.session_id,
        )
