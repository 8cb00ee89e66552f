"""What `deploy/` says fits the program: settings, commands, ports, health, the signing key, the time to stop."""

import re
import shutil
import subprocess
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml
from typer.exceptions import TyperException

from dashboard_catalog.auth.signing_key import KEY_FILE
from dashboard_catalog.cli.app import COMMANDS
from dashboard_catalog.environment import ENVIRONMENT
from dashboard_catalog.server import DRAIN_SECONDS
from dashboard_catalog.settings import Settings
from tests.packaging.deployment import (
    COMMAND,
    DEPLOY,
    FILES,
    MANIFESTS,
    command_lines,
    compose,
    dockerfile,
    image_variables,
    last_stage,
    manifest,
    unit,
)
from tests.packaging.environments import ROOT

# Variables of the client commands.
OF_CLIENTS = {"TOKEN", "TOKEN_FILE", "TLS_CA"}
# See server.py: what else takes time while it stops.
STOP_SECONDS = DRAIN_SECONDS + 5
DATA_DIR = "/var/lib/dashboard-catalog"
PASSWORD = re.compile(r"\$\{POSTGRES_PASSWORD:\?[^}]*\}")


def settings_of(*environments: dict[str, str]) -> Settings:
    """Returns the settings that environment variables make."""
    variables = {name: value for each in environments for name, value in each.items()}
    return Settings.load(
        {
            name.removeprefix(ENVIRONMENT).lower(): PASSWORD.sub("x", value)
            for name, value in variables.items()
            if name.startswith(ENVIRONMENT)
        }
    )


def parse(arguments: list[str]) -> None:
    """Parses a command line, as the program does before it runs the command."""
    listed, rest = COMMANDS, list(arguments)
    name = COMMAND
    while listed.group:
        name = rest.pop(0)
        listed = listed.group[name]
    listed.load(name).make_context(name, rest)


def test_every_named_setting_exists() -> None:
    named = {name for path in FILES for name in re.findall(rf"{ENVIRONMENT}([A-Z_]+[A-Z])", path.read_text())}
    assert named - OF_CLIENTS <= set(map(str.upper, Settings.model_fields))
    assert {"ADDRESS", "DATA_DIR", "DATABASE_URL", "INSECURE"} <= named


@pytest.mark.parametrize("arguments", list(command_lines()), ids=" ".join)
def test_every_command_line_can_be_parsed(arguments: list[str]) -> None:
    parse(arguments)


@pytest.mark.parametrize("wrong", [["nothing"], ["db", "nothing"], ["serve", "--nothing"], ["serve", "--workers=x"]])
def test_a_command_line_that_is_wrong_is_found(wrong: list[str]) -> None:
    with pytest.raises((KeyError, TyperException)):
        parse(wrong)


def test_the_settings_of_every_deployment_are_valid_together() -> None:
    servers = [
        settings_of(image_variables(), compose()["catalog"]["environment"]),
        settings_of(image_variables(), manifest("ConfigMap")["data"]),
        settings_of(dict(value.split("=", 1) for value in unit()["Environment"])),
    ]
    assert [str(server.data_dir) for server in servers] == [DATA_DIR] * 3
    assert [server.listen.port for server in servers] == [50_051] * 3


@pytest.mark.parametrize("path", [*MANIFESTS, DEPLOY / "compose.yaml"], ids=lambda path: path.name)
def test_every_yaml_file_can_be_read(path: Path) -> None:
    assert all(isinstance(one, dict) for one in yaml.safe_load_all(path.read_text()))


def test_the_image_copies_what_exists_and_its_builder_gets_nothing_else() -> None:
    copied = [source for name, rest in dockerfile() if name == "COPY" for source in rest.split()[:-1]]
    assert [source for source in copied if not ROOT.joinpath(source).exists()] == []
    ignore = DEPLOY.joinpath("Dockerfile.dockerignore").read_text().splitlines()
    assert {line.removeprefix("!") for line in ignore if line.startswith("!")} == set(copied)
    needed = tomllib.loads(ROOT.joinpath("pyproject.toml").read_text())
    readme, packages = needed["project"]["readme"], needed["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert {readme, *(package.partition("/")[0] for package in packages)} <= set(copied)


def test_the_image_runs_as_another_user_than_root_on_one_base() -> None:
    steps = dict(last_stage())
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", steps["USER"])
    assert steps["VOLUME"] == DATA_DIR
    assert steps["STOPSIGNAL"] == "SIGTERM"
    bases = {rest.partition(" ")[0] for name, rest in dockerfile() if name == "FROM"}
    (base,) = bases
    assert fnmatch(base, "python:3.1[1-9]-slim-*")


def test_containers_of_the_compose_file_have_no_privileges() -> None:
    for service in compose().values():
        if service["image"] == COMMAND:
            assert service["read_only"] is True
            assert service["cap_drop"] == ["ALL"]
            assert service["security_opt"] == ["no-new-privileges:true"]
    assert all(port.startswith("127.0.0.1:") for port in compose()["catalog"]["ports"])
    assert f"data:{DATA_DIR}" in compose()["catalog"]["volumes"]


def test_no_file_holds_a_password() -> None:
    assert DEPLOY.joinpath(".env.example").read_text().endswith("\nPOSTGRES_PASSWORD=\n")
    urls = [url for path in FILES for url in re.findall(r"postgresql://\w+:(.+?)@", path.read_text())]
    assert [each for each in urls if each != "PASSWORD" and not PASSWORD.fullmatch(each)] == []


def test_every_deployment_waits_until_the_server_has_stopped() -> None:
    pod = manifest("Deployment")["spec"]["template"]["spec"]
    (server,) = pod["containers"]
    _, before = server["lifecycle"]["preStop"]["exec"]["command"]
    assert pod["terminationGracePeriodSeconds"] >= STOP_SECONDS + int(before)
    assert int(compose()["catalog"]["stop_grace_period"].removesuffix("s")) >= STOP_SECONDS
    assert int(unit()["TimeoutStopSec"][0]) >= STOP_SECONDS


def test_probes_of_kubernetes_ask_what_the_operations_page_says() -> None:
    (server,) = manifest("Deployment")["spec"]["template"]["spec"]["containers"]
    assert server["readinessProbe"]["grpc"] == {"port": 50_051}
    assert server["livenessProbe"]["tcpSocket"] == server["startupProbe"]["tcpSocket"] == {"port": "grpc"}
    assert {"name": "grpc", "containerPort": 50_051} in server["ports"]
    metrics = settings_of(manifest("ConfigMap")["data"]).metrics_address
    assert {"name": "metrics", "containerPort": int(str(metrics).rpartition(":")[2])} in server["ports"]
    for name in (COMMAND, f"{COMMAND}-servers"):
        (port,) = manifest("Service", name)["spec"]["ports"]
        assert (port["port"], port["targetPort"]) == (50_051, "grpc")


def test_all_pods_have_the_signing_key_of_the_secret_and_no_privileges() -> None:
    pod = manifest("Deployment")["spec"]["template"]["spec"]
    (copy,) = pod["initContainers"]
    assert copy["command"][-1] == f"{DATA_DIR}/{KEY_FILE}"
    assert KEY_FILE in manifest("Secret")["stringData"]
    user = int(dict(last_stage())["USER"].partition(":")[0])
    for spec in (pod, manifest("Job", f"{COMMAND}-db-upgrade")["spec"]["template"]["spec"]):
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] == user
        assert spec["enableServiceLinks"] is False
        for container in (*spec["containers"], *spec.get("initContainers", ())):
            assert container["image"] == COMMAND
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


def test_selectors_of_kubernetes_choose_the_servers_and_not_the_job() -> None:
    labels = manifest("Deployment")["spec"]["template"]["metadata"]["labels"]
    job = manifest("Job", f"{COMMAND}-db-upgrade")["spec"]["template"]["metadata"]["labels"]
    selectors = [
        manifest("Deployment")["spec"]["selector"]["matchLabels"],
        manifest("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        *(manifest("Service", name)["spec"]["selector"] for name in (COMMAND, f"{COMMAND}-servers")),
    ]
    assert all(selector.items() <= labels.items() for selector in selectors)
    assert not any(selector.items() <= job.items() for selector in selectors)
    policy = manifest("NetworkPolicy")["spec"]["podSelector"]["matchLabels"]
    assert policy.items() <= labels.items() & job.items()
    assert manifest("PodDisruptionBudget")["spec"]["maxUnavailable"] < manifest("Deployment")["spec"]["replicas"]


def test_the_kustomization_names_every_manifest_except_the_example() -> None:
    read = yaml.safe_load(DEPLOY.joinpath("kubernetes/kustomization.yaml").read_text())
    assert read["resources"] == [
        path.name for path in MANIFESTS if path.name not in {"kustomization.yaml", "secret.example.yaml"}
    ]


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")
def test_kubectl_builds_the_manifests_with_one_image() -> None:
    command = ["kubectl", "kustomize", str(DEPLOY / "kubernetes")]
    built = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert len(list(yaml.safe_load_all(built))) == len(re.findall("^kind: ", built, re.MULTILINE)) == 7
    assert set(re.findall("image: (.*)", built)) == {"registry.example.com/dashboard-catalog:your-tag"}


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_systemd_accepts_the_unit_and_finds_it_well_protected(tmp_path: Path) -> None:
    text = DEPLOY.joinpath("systemd/dashboard-catalog.service").read_text()
    copy = tmp_path / "dashboard-catalog.service"
    # It checks that the program exists.
    copy.write_text(text.replace("/opt/dashboard-catalog/bin/dashboard-catalog", "/bin/true"))
    for check in (["verify"], ["security", "--offline=yes", "--threshold=15"]):
        done = subprocess.run(["systemd-analyze", *check, copy], check=False, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
