"""Loading, reloading and refusing policies, and the text of a denial."""

import os
import shutil
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from dashboard_catalog.auth.policies import ActionDenied, Authorizer, PolicyError
from dashboard_catalog.auth.policy_files import DEFAULT_FOLDER
from dashboard_catalog.auth.policy_trial import find_crash
from dashboard_catalog.auth.principal import Action, Principal, Resource
from dashboard_catalog.error_codes import Code, Reason
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.metrics.declared import Metrics
from tests.metrics_reading import of_process

CONSUMER = Principal("carol", frozenset({"data_consumer"}), frozenset(), None, bot=False, expires_at=None)
DASHBOARD = Resource("dashboard", "looker.sales", service="looker")
PERMIT_VIEW = 'permit (principal, action == Action::"view", resource);'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "view.cedar").write_text(PERMIT_VIEW)
    return folder


def test_a_copy_of_the_default_policies_can_be_loaded(tmp_path: Path) -> None:
    shutil.copytree(DEFAULT_FOLDER, tmp_path / "mine")
    authorizer = Authorizer(tmp_path / "mine")
    assert authorizer.allows(CONSUMER, Action.VIEW, DASHBOARD)
    assert not authorizer.allows(CONSUMER, Action.CREATE, DASHBOARD)


def test_loading_leaves_an_audit_line(folder: Path) -> None:
    with capture_logs() as logs:
        Authorizer(folder)
    assert logs == [
        {"event": "policies_loaded", "log_level": "info", "folder": str(folder), "policies": 1},
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("permit (principal, action, resource)", "unexpected end of input"),
        ('permit (principal, action == Action::"fly", resource);', 'unrecognized action `Action::"fly"`'),
        ("@id('x')", "invalid token"),
        (
            '@id("mine") permit (principal, action, resource) when { resource.colour == "red" };',
            "mine: for policy `policy0`, attribute `colour`",
        ),
        (
            'permit (principal, action, resource) when { resource.service == BiService::"looker" };',
            "unable to guarantee safety of access to optional attribute `service`",
        ),
        ('permit (principal, action == Action::"create", resource is Entity);', "applicable action"),
        ("permit (principal == ?principal, action, resource);", "template"),
        ("", "contains no policy"),
        ("// permit (principal, action, resource);", "contains no policy"),
        ('permit (principal, action, resource == Asset::"looker.sales");', "can only name groups, not a single asset"),
        (
            'permit (principal, action, resource) when { resource in Entity::"Finance" };',
            "can only name groups, not a single asset or entity",
        ),
    ],
)
def test_an_invalid_policy_is_refused(folder: Path, text: str, problem: str) -> None:
    (folder / "bad.cedar").write_text(text)
    with pytest.raises(PolicyError) as caught:
        Authorizer(folder)
    assert str(folder / "bad.cedar") in str(caught.value)
    assert problem in str(caught.value)


@pytest.mark.parametrize("deep", ["(" * 20_000 + "true" + ")" * 20_000, f"{'[' * 20_000}{']' * 20_000} == []"])
def test_policies_that_would_end_the_process_are_refused(folder: Path, deep: str) -> None:
    authorizer = Authorizer(folder)
    (folder / "bad.cedar").write_text(f"permit (principal, action, resource) when {{ {deep} }};")
    with capture_logs() as logs:
        assert not authorizer.reload_if_changed()
    assert logs[0]["event"] == "policies_refused"
    assert "bad.cedar: is nested too deeply" in logs[0]["problem"]
    assert authorizer.allows(CONSUMER, Action.VIEW, DASHBOARD)
    with pytest.raises(PolicyError, match=r"bad\.cedar: is nested too deeply"):
        Authorizer(folder)


def test_a_trial_that_takes_too_long_counts_as_a_crash() -> None:
    assert find_crash({"a.cedar": PERMIT_VIEW}, seconds=0.001) == "a.cedar"
    assert find_crash({"a.cedar": PERMIT_VIEW, "b.cedar": "?"}) is None


def test_hidden_files_and_byte_order_marks_do_not_disturb(folder: Path) -> None:
    authorizer = Authorizer(folder)
    (folder / ".#view.cedar").symlink_to("me@host.1:2")
    (folder / "._view.cedar").write_bytes(b"\x00\x05\x16\x07")
    assert not authorizer.reload_if_changed()
    (folder / "more.cedar").write_text(f"\ufeff{PERMIT_VIEW}", "utf-8")
    assert authorizer.reload_if_changed()


def test_a_file_that_is_not_text_is_refused(folder: Path) -> None:
    (folder / "bad.cedar").write_bytes(b"\xff\xfe")
    with pytest.raises(PolicyError, match=r"bad\.cedar: is not UTF-8"):
        Authorizer(folder)


def test_a_file_that_cannot_be_read_is_refused(folder: Path) -> None:
    (folder / "bad.cedar").mkdir()
    with pytest.raises(PolicyError, match=r"bad\.cedar: cannot be read"):
        Authorizer(folder)


def test_a_folder_that_is_missing_or_empty_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="nowhere: is not a folder"):
        Authorizer(tmp_path / "nowhere")
    with pytest.raises(PolicyError, match=r"contains no \.cedar file"):
        Authorizer(tmp_path)


def test_a_changed_file_takes_effect_and_cached_answers_are_dropped(folder: Path) -> None:
    authorizer = Authorizer(folder)
    assert authorizer.allows(CONSUMER, Action.VIEW, DASHBOARD)
    assert not authorizer.reload_if_changed()
    (folder / "view.cedar").write_text(PERMIT_VIEW.replace("permit", "forbid"))
    assert authorizer.reload_if_changed()
    assert not authorizer.allows(CONSUMER, Action.VIEW, DASHBOARD)
    assert not authorizer.reload_if_changed()


def test_added_and_removed_files_take_effect(folder: Path) -> None:
    authorizer = Authorizer(folder)
    (folder / "stop.cedar").write_text("forbid (principal, action, resource);")
    assert authorizer.reload_if_changed()
    assert not authorizer.allows(CONSUMER, Action.VIEW, DASHBOARD)
    (folder / "stop.cedar").unlink()
    assert authorizer.reload_if_changed()
    assert authorizer.allows(CONSUMER, Action.VIEW, DASHBOARD)


def test_replacing_a_file_by_one_of_the_same_size_and_time_takes_effect(folder: Path) -> None:
    authorizer = Authorizer(folder)
    before = (folder / "view.cedar").stat()
    (folder / "new").write_text(PERMIT_VIEW.replace("permit", "forbid"))
    os.utime(folder / "new", ns=(before.st_atime_ns, before.st_mtime_ns))
    (folder / "new").replace(folder / "view.cedar")
    assert authorizer.reload_if_changed()


@pytest.mark.parametrize("bad", ["permit (", "", None])
def test_invalid_new_policies_leave_the_old_ones_and_are_logged_once(folder: Path, bad: str | None) -> None:
    authorizer = Authorizer(folder)
    if bad is None:
        shutil.rmtree(folder)
    else:
        (folder / "view.cedar").write_text(bad)
    with capture_logs() as logs:
        assert not authorizer.reload_if_changed()
        assert not authorizer.reload_if_changed()
    assert [(line["event"], line["log_level"]) for line in logs] == [("policies_refused", "error")]
    assert str(folder) in logs[0]["problem"]
    assert authorizer.allows(CONSUMER, Action.VIEW, DASHBOARD)


def test_valid_policies_after_invalid_ones_take_effect(folder: Path) -> None:
    metrics = Metrics()
    authorizer = Authorizer(folder, metrics)
    began = of_process(metrics).of("policy_loaded_timestamp_seconds")
    (folder / "view.cedar").write_text("permit (")
    assert not authorizer.reload_if_changed()
    assert of_process(metrics).of("policy_loads_total", outcome="refused") == 1
    assert of_process(metrics).of("policy_loaded_timestamp_seconds") == began
    (folder / "view.cedar").write_text("permit (principal, action, resource);")
    assert authorizer.reload_if_changed()
    assert of_process(metrics).of("policy_loads_total", outcome="loaded") == 2
    assert of_process(metrics).of("policy_loaded_timestamp_seconds") > began > 0
    assert authorizer.allows(CONSUMER, Action.DELETE, DASHBOARD)


def test_the_policies_in_the_package_are_not_reloaded() -> None:
    assert not Authorizer(None).reload_if_changed()


def test_check_allows_what_the_policies_permit() -> None:
    with capture_logs() as logs:
        Authorizer(None).check(CONSUMER, Action.VIEW, DASHBOARD)
    assert [line["event"] for line in logs] == ["policies_loaded"]


def test_a_denial_names_action_and_resource_and_its_handler_logs_it() -> None:
    authorizer = Authorizer(None)
    with capture_logs() as logs, pytest.raises(ActionDenied) as caught:
        authorizer.check(CONSUMER, Action.UPDATE, DASHBOARD)
    assert logs == []
    with capture_logs() as logs:
        caught.value.log("call-1", Metrics().auth)
    assert caught.value.reason is Reason.ACTION_DENIED
    assert caught.value.code is Code.PERMISSION_DENIED
    assert caught.value.message == "carol may not update dashboard looker.sales"
    assert caught.value.metadata == {"action": "update", "resource": "dashboard looker.sales"}
    assert logs == [
        {
            "event": "denied",
            "log_level": "warning",
            "call_id": "call-1",
            "subject": "carol",
            "action": "update",
            "resource_kind": "dashboard",
            "resource_name": "looker.sales",
            "policies": (),
        }
    ]


def test_only_the_log_names_the_policy_that_forbids() -> None:
    limited = Principal("carol", frozenset({"admin"}), frozenset(), frozenset({"tableau"}), False, None)
    authorizer = Authorizer(None)
    with pytest.raises(ActionDenied) as caught:
        authorizer.check(limited, Action.VIEW, DASHBOARD)
    with capture_logs() as logs:
        caught.value.log("call-1", Metrics().auth)
    assert logs[0]["policies"] == ("services-limit",)
    assert "services" not in caught.value.message


def test_a_denial_is_the_same_for_an_absent_thing() -> None:
    authorizer = Authorizer(None)
    stored = Resource("dashboard", "looker.sales", "looker", "Looker", frozenset({"team:A"}), "B", frozenset({"C.D"}))
    absent = Resource("dashboard", "looker.sales", service="looker")
    denials = []
    for resource in (stored, absent):
        with pytest.raises(CatalogError) as caught:
            authorizer.check(CONSUMER, Action.DELETE, resource)
        denials.append((caught.value.reason, caught.value.message, caught.value.metadata, caught.value.resource))
    assert denials[0] == denials[1]


def test_a_denial_can_name_the_request_instead_of_the_action() -> None:
    with pytest.raises(ActionDenied, match=r"^carol may not upsert dashboard looker.sales$") as caught:
        Authorizer(None).check(CONSUMER, Action.UPDATE, DASHBOARD, "upsert")
    assert caught.value.metadata["action"] == "upsert"
    with capture_logs() as logs:
        caught.value.log("call-1", Metrics().auth)
    assert logs[0]["action"] == "update"


def test_a_denial_about_a_thing_without_a_name_names_its_kind() -> None:
    with pytest.raises(CatalogError, match=r"^carol may not write user$"):
        Authorizer(None).check(CONSUMER, Action.WRITE, Resource("user"))
