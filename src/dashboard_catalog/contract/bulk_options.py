"""The options of a bulk stream, checked once."""

import hashlib
from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

from dashboard_catalog.catalog.bulk.request import SessionRequest
from dashboard_catalog.catalog.model import names
from dashboard_catalog.catalog.model.commands import Writer
from dashboard_catalog.catalog.model.kinds import ASSET_KINDS
from dashboard_catalog.contract import masks
from dashboard_catalog.contract.asset_requests import digest_start
from dashboard_catalog.contract.validation import rules_of, violations_of
from dashboard_catalog.errors import Violation, ViolationReason, invalid
from dashboard_catalog.rpc.edge.call import current_call
from dashboardcatalog.v1 import bulk_pb2, chart_pb2, dashboard_pb2, entity_pb2

MAX_FAILURES = rules_of(bulk_pb2.BulkUpsertOptions.DESCRIPTOR.fields_by_name["max_failures"]).int32.lte
"""Of a stream, by default too."""

_MASKED: Mapping[str, Any] = {
    "dashboard": dashboard_pb2.DashboardSpec.DESCRIPTOR,
    "chart": chart_pb2.ChartSpec.DESCRIPTOR,
    **{field.name: field.message_type for field in entity_pb2.Entity.DESCRIPTOR.fields},
}
_MAX_DELETED_PERCENT = 50


class BulkOptions:
    """How the items of a stream are written and answered.

    Args:
        sent: As sent, with nothing checked.

    Raises:
        CatalogError: INVALID_ARGUMENT for what does not fit.
    """

    def __init__(self, sent: bulk_pb2.BulkUpsertOptions) -> None:
        violations = violations_of(sent, "options")
        if sent.service:
            try:
                names.segment(sent.service)
            except names.NameSyntaxError as error:
                violations.append(Violation("options.service", ViolationReason.INVALID_FORMAT, str(error)))
        if sent.HasField("sweep") and not sent.service:
            text = "is required with a sweep: the BI service that is swept"
            violations.append(Violation("options.service", ViolationReason.REQUIRED, text))
        if violations:
            raise invalid(violations)
        fields = masks.written_fields(sent.update_mask, list(_MASKED.values()), "options.update_mask")
        self.masks = dict(zip(_MASKED, fields, strict=True))
        self.session_id = UUID(sent.session_id) if sent.session_id else uuid4()
        self.sweeps = sent.HasField("sweep")
        self.validate_only = sent.validate_only
        self._sent = sent
        self.all_results = sent.result_view == bulk_pb2.RESULT_VIEW_ALL
        self.max_failures = sent.max_failures if sent.HasField("max_failures") else MAX_FAILURES
        # Everything that comes through a stream is ingestion.
        call = current_call()
        self.writer = Writer(call.principal, True, call.id, sent.override_metadata, self.session_id)
        self.digest_starts = {kind: digest_start(self.masks[kind], self.writer) for kind in ASSET_KINDS}

    def session_request(self) -> SessionRequest:
        """Returns what these options say of the session."""
        told = bulk_pb2.BulkUpsertOptions()
        told.CopyFrom(self._sent)
        told.ClearField("session_id")
        percent = self._sent.sweep.max_deleted_percent if self._sent.sweep.HasField("max_deleted_percent") else None
        return SessionRequest(
            id=self.session_id,
            writer=self.writer,
            service=names.segment(self._sent.service) if self._sent.service else None,
            options=hashlib.blake2b(told.SerializeToString(deterministic=True), digest_size=16).digest(),
            max_deleted_percent=(_MAX_DELETED_PERCENT if percent is None else percent) if self.sweeps else None,
        )
