"""Callers who may view the dashboards of a BI service, but not its charts."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
import tantivy

from dashboard_catalog.auth.policies import ActionDenied, Authorizer
from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.catalog.model.kinds import KINDS
from dashboard_catalog.catalog.reading.search.matching import Conditions, Matcher
from dashboard_catalog.catalog.reading.search.query import parse
from dashboard_catalog.catalog.reading.search.viewing import Viewing
from dashboard_catalog.index import queries
from dashboard_catalog.index.fields import SCHEMA, Document, values_of
from dashboard_catalog.index.hits import Window, by_name
from dashboard_catalog.store.records import EntityRecord

POLICIES = """
@id("dashboards") permit (principal in Role::"reader", action == Action::"view", resource is Asset)
when { resource.kind == "dashboard" || (resource has service && resource.service == BiService::"looker") };
"""
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SUPERSET, LOOKER = UUID(int=1), UUID(int=2)


def viewing(tmp_path: Path, *roles: str, kinds: Sequence[str] = tuple(KINDS)) -> Viewing:
    """Returns what a caller with some roles may view under the policies of this module."""
    tmp_path.joinpath("mine.cedar").write_text(POLICIES)
    principal = Principal("rita", frozenset(roles), frozenset(), services=None, bot=False, expires_at=None)
    return Viewing.of(
        Authorizer(tmp_path), principal, kinds, [service(SUPERSET, "superset"), service(LOOKER, "looker")]
    )


def service(id_: UUID, name: str) -> EntityRecord:
    """Returns a BI service."""
    return EntityRecord(
        id=id_,
        kind="bi_service",
        name=name,
        fqn=name,
        attributes={"service_type": "Any"},
        change_number=1,
        updated_at=NOW,
        updated_by="ann",
        call_id="",
    )


def test_kinds_that_the_caller_may_not_view_are_left_out(tmp_path: Path) -> None:
    seen = viewing(tmp_path, "reader")
    assert seen.services == {"dashboard": frozenset({SUPERSET, LOOKER}), "chart": frozenset({LOOKER})}
    assert seen.shows("chart", LOOKER)
    assert not seen.shows("chart", SUPERSET)
    assert not seen.shows("user", None)
    with pytest.raises(ActionDenied):
        viewing(tmp_path, "reader", kinds=["user", "tag"])
    with pytest.raises(ActionDenied):
        viewing(tmp_path)


def test_charts_that_the_caller_may_not_view_find_no_dashboard(tmp_path: Path) -> None:
    index = tantivy.Index(SCHEMA)
    writer = index.writer(15_000_000, 1)
    for name, id_ in (("of superset", SUPERSET), ("of looker", LOOKER)):
        document = Document(kind="dashboard", id=id_, name=name, updated_at=NOW, service=id_, charts=["Churn"])
        writer.add_document(tantivy.Document.from_dict(values_of(document), SCHEMA))
    writer.commit()
    index.reload()
    seen = viewing(tmp_path, "reader", kinds=["dashboard"])
    matcher = Matcher(lambda _: [], seen.condition_of_charts())
    query = queries.all_of(
        [seen.condition() or queries.nothing(), matcher.matching(parse("churn"), Conditions()).found]
    )
    assert [hit.thing.name for hit in by_name(index.searcher(), query, Window(10)).hits] == ["of looker"]
