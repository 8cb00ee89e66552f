"""The options of a bulk stream, checked once."""

import hashlib
from functools import partial
from uuid import UUID, uuid4

from dashboard_catalog.catalog.bulk.request import SessionRequest
from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.commands import MISSING, Writer
from dashboard_catalog.catalog.model.kinds import ASSET_KINDS
from dashboard_catalog.contract import masks
from dashboard_catalog.contract.asset_specs import digest_start
from dashboard_catalog.contract.bulk_creation import creating_writes
from dashboard_catalog.contract.caller import Caller
from dashboard_catalog.contract.kinds import WRITTEN
from dashboard_catalog.contract.limits import MAX_FAILURES
from dashboard_catalog.contract.validation import violations_of
from dashboard_catalog.error_codes import ViolationReason
from dashboard_catalog.errors import Violation, invalid
from dashboardcatalog.v1 import bulk_pb2

DEFAULT_MAX_DELETED_PERCENT = 50
"""The share of a kind that a sweep may delete, unless its options say otherwise."""


class BulkOptions:
    """How the items of a stream are written, and which results are returned.

    Args:
        sent: The options as sent, without any check.

    Raises:
        CatalogError: INVALID_ARGUMENT if the options are not valid.
    """

    def __init__(self, sent: bulk_pb2.BulkUpsertOptions, caller: Caller) -> None:
        if violations := _violations(sent):
            raise invalid(violations)
        fields = masks.written_fields(sent.update_mask, list(WRITTEN.values()), "options.update_mask")
        self.masks = dict(zip(WRITTEN, fields, strict=True))
        self.session_id = UUID(sent.session_id) if sent.session_id else uuid4()
        self.sweeps = sent.HasField("sweep")
        self.validate_only = sent.validate_only
        self.preserves = sent.preserve
        # A copy, since a part of a message keeps the whole one in memory.
        self._sent = bulk_pb2.BulkUpsertOptions()
        self._sent.CopyFrom(sent)
        self.all_results = sent.result_view == bulk_pb2.RESULT_VIEW_ALL
        self.max_failures = sent.max_failures if sent.HasField("max_failures") else MAX_FAILURES
        # Everything that comes through a stream is ingestion.
        self.writer = Writer(caller.principal, True, caller.id, sent.override_metadata, self.session_id, sent.preserve)
        is_patient = sent.missing_references in (bulk_pb2.MISSING_REFERENCES_DROP, bulk_pb2.MISSING_REFERENCES_CREATE)
        self.drops = MISSING if is_patient else frozenset()
        self.digest_starts = {kind: digest_start(self.masks[kind], self.writer) for kind in ASSET_KINDS}

    def session_request(self) -> SessionRequest:
        """Returns what these options say about the session."""
        service = names.segment(self._sent.service) if self._sent.service else None
        creates = self._sent.missing_references == bulk_pb2.MISSING_REFERENCES_CREATE
        return SessionRequest(
            id=self.session_id,
            writer=self.writer,
            service=service,
            options=self._digest(),
            max_deleted_percent=self._max_deleted_percent() if self.sweeps else None,
            creates_of=partial(creating_writes, self.writer, service) if creates else None,
            is_new=not self._sent.session_id,
        )

    def _digest(self) -> bytes:
        """Returns the digest of everything that a client must repeat when it resumes the session.

        The BI services that its token is limited to are part of it.
        """
        repeated = bulk_pb2.BulkUpsertOptions()
        repeated.CopyFrom(self._sent)
        repeated.ClearField("session_id")
        digest = hashlib.blake2b(repeated.SerializeToString(deterministic=True), digest_size=16)
        # The failures that a session keeps are for those who may view what they name.
        if (services := self.writer.principal.services) is not None:
            digest.update(repr(sorted(services)).encode())
        return digest.digest()

    def _max_deleted_percent(self) -> int:
        sweep = self._sent.sweep
        return sweep.max_deleted_percent if sweep.HasField("max_deleted_percent") else DEFAULT_MAX_DELETED_PERCENT


def _violations(sent: bulk_pb2.BulkUpsertOptions) -> list[Violation]:
    violations = violations_of(sent, "options")
    if sent.service:
        try:
            names.segment(sent.service)
        except names.NameSyntaxError as error:
            violations.append(Violation("options.service", ViolationReason.INVALID_FORMAT, str(error)))
    if sent.HasField("sweep") and not sent.service:
        text = "is required with a sweep: the BI service that is swept"
        violations.append(Violation("options.service", ViolationReason.REQUIRED, text))
    for field in ("sweep", "update_mask"):
        if sent.preserve and sent.HasField(field):
            text = "cannot be combined with preserve"
            violations.append(Violation(f"options.{field}", ViolationReason.INVALID_VALUE, text))
    return violations
