from dashboard_catalog.catalog.indexing.pace import PATIENCE_SECONDS, Pace

LOOK = 0.2


def test_the_indexer_stands_back_while_a_load_runs_but_not_forever() -> None:
    pace = Pace()
    worked = [pace.may_work(round(look * LOOK * 5_000), look * LOOK) for look in range(200)]
    # The first chunks may be all that there is.
    began, back = worked.index(False), worked.index(False) + round(PATIENCE_SECONDS / LOOK)
    assert 1 <= began <= 3
    assert not any(worked[began:back])
    assert all(worked[back + 1 :])


def test_the_indexer_works_as_soon_as_a_load_has_ended() -> None:
    pace = Pace()
    for look in range(50):
        pace.may_work(look * 1_000, look * LOOK)
    assert not pace.may_work(50_000, 10.0)
    assert pace.may_work(50_000, 13.5)


def test_few_changes_are_indexed_at_once() -> None:
    pace = Pace()
    assert pace.may_work(0, 0.0)
    assert pace.may_work(1_000, LOOK)
    pace = Pace()
    assert all(pace.may_work(look * 60, look * LOOK) for look in range(100))


def test_the_slower_indexing_is_the_fewer_changes_are_a_load() -> None:
    for cost, works in ((0.000_05, True), (0.001, False)):
        pace = Pace()
        for _ in range(50):
            pace.note(100, 100 * cost)
            pace.note(1, 0.1)
        assert [pace.may_work(look * 150, look * LOOK) for look in range(60)][-1] is works
