"""The service behind a connection pooler in transaction mode: it works without prepared statements."""

import asyncio
from pathlib import Path

import pytest

from tests.service.servers import running


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_everything_works_with_the_setting_for_pgbouncer(database_url: str, tmp_path: Path) -> None:
    async with running(database_url, tmp_path / "data", pgbouncer=True) as (_, service):
        admin = service.caller("admin", "admin")
        await admin.add_small_catalog()
        spec = {
            "service": "superset",
            "charts": ["superset.c1"],
            "owners": [{"type": "user", "name": "ann"}],
            "tags": [{"tagFQN": "PII.Email"}],
            "extension": {"costCentre": "X"},
        }
        await asyncio.gather(*[admin.create_dashboard(dashboard={"name": f"d{n}", **spec}) for n in range(50)])
        bulk = await admin.bulk([{"dashboard": {"name": f"d{n}", **spec, "project": "P"}} for n in range(100)])
        found = await admin.list_dashboards(
            owner="user:ann", tag="PII", project="P", name_prefix="d", include_total=True
        )
        await admin.delete_dashboard(fully_qualified_name="superset.d1")
        restored = await admin.restore_dashboard(fully_qualified_name="superset.d1")

    assert bulk.counts == {"created": 50, "updated": 50}
    assert (found["total"], len(found["dashboards"])) == ("100", 50)
    assert restored["dashboard"]["version"] == 0.4
