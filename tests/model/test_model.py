"""Short runs of random sequences against the model; `make fuzz` runs many more."""

from pathlib import Path

from tests.model.machine import check
from tests.model.remote import remote
from tests.service.routing import watching_routes


def test_a_server_and_the_model_agree(database_url: str, tmp_path: Path) -> None:
    with remote(database_url, tmp_path) as server:
        check(server, sequences=6, steps=12, repeatable=True)


def test_a_server_on_a_cluster_and_the_model_agree(cluster_url: str, tmp_path: Path) -> None:
    with watching_routes() as watched, remote(cluster_url, tmp_path) as server:
        check(server, sequences=6, steps=12, repeatable=True)

    assert not watched.found, "\n".join(watched.found)
