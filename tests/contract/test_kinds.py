"""The table of kinds agrees with the contract, and each kind has its messages."""

import pytest

from dashboard_catalog.auth import principal
from dashboard_catalog.catalog.model.kinds import ASSET_KINDS, ENTITY_KINDS
from dashboard_catalog.contract.kinds import (
    ASSET_MESSAGES,
    ENTITY_MESSAGES,
    ENTITY_OUTPUT,
    WRITTEN,
    entity_kind,
    kind_number,
)
from dashboardcatalog.v1 import bulk_pb2, entity_pb2


def test_every_number_in_the_contract_is_a_kind() -> None:
    numbers = {kind_number(name) for name in ("", *WRITTEN)}
    assert numbers == set(entity_pb2.Kind.values())


@pytest.mark.parametrize("name", ENTITY_KINDS)
def test_the_number_of_an_entity_kind_leads_back_to_it(name: str) -> None:
    assert entity_kind(kind_number(name)).name == name


def test_the_catalog_has_the_kinds_of_the_contract() -> None:
    assert set(ASSET_MESSAGES) == set(ASSET_KINDS) == principal.ASSET_KINDS
    assert set(ENTITY_MESSAGES) == set(ENTITY_KINDS)


@pytest.mark.parametrize("name", ASSET_KINDS)
def test_a_version_has_the_fields_of_its_spec(name: str) -> None:
    fields = {field.name for field in ASSET_MESSAGES[name].spec.DESCRIPTOR.fields}
    assert ASSET_KINDS[name].fields == fields - {"name", "service", "source_hash"}


def test_an_item_of_a_stream_can_have_any_kind() -> None:
    item = bulk_pb2.BulkUpsertItem.DESCRIPTOR.fields_by_name
    assert {*ASSET_MESSAGES, "entity"} == {field.name for field in bulk_pb2.BulkUpsertItem.DESCRIPTOR.oneofs[0].fields}
    for name, messages in ASSET_MESSAGES.items():
        assert item[name].message_type == messages.spec.DESCRIPTOR


@pytest.mark.parametrize("name", ENTITY_MESSAGES)
def test_every_entity_has_the_output_only_fields(name: str) -> None:
    assert set(ENTITY_OUTPUT) <= set(WRITTEN[name].fields_by_name)
