"""docker-compose.yml: true to the specification, hardened, and in step with the code.

The schema is a copy of the Compose Specification's own (`data/README.md`).
"""

from __future__ import annotations

import ast
import copy
import json
import re
import tomllib
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.deployment import compose as c
from workflows import messages

SECRET = re.compile(r"PASSWORD|PWD|SECRET|TOKEN|KEYS$")
OURS = pytest.mark.parametrize("name", sorted(c.our_services()))
EACH = pytest.mark.parametrize("name", sorted(c.services()))


def schema() -> Draft202012Validator:
    return Draft202012Validator(json.loads((c.DATA / "compose-spec.json").read_text()))


def test_file_follows_the_specification() -> None:
    errors = [f"{e.json_path}: {e.message}" for e in schema().iter_errors(c.compose())]
    assert not errors


def test_the_specification_can_refuse() -> None:
    wrong = copy.deepcopy(c.compose())
    wrong["services"]["api"]["comand"] = ["python"]
    assert list(schema().iter_errors(wrong))


@EACH
def test_image_is_named_by_version(name: str) -> None:
    image = c.VARIABLE.sub(lambda match: match[3], c.services()[name]["image"])
    tag = image.rpartition(":")[2]
    assert re.match(r"\d+\.\d+", tag), f"{name}: {image} is not named by a version"


@OURS
def test_our_image_has_our_version(name: str) -> None:
    version = tomllib.loads((c.ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f":-{version}}}" in c.services()[name]["image"]
    assert c.example()["HANDOVER_VERSION"] == version


def test_no_secret_has_a_default() -> None:
    given = [
        name for name, kind, text in c.variables() if SECRET.search(name) and kind == "-" and text
    ]
    assert not given
    for name, service in c.services().items():
        for setting, value in (service.get("environment") or {}).items():
            if SECRET.search(setting) and not setting.endswith("_PASS_ACCESS_TOKEN"):
                assert c.VARIABLE.fullmatch(str(value)), f"{name}: {setting} is written down"


def test_example_holds_no_secret() -> None:
    assert not [name for name, value in c.example().items() if SECRET.search(name) and value]


def test_encryption_is_demanded() -> None:
    demanded = {name for name, kind, _ in c.variables() if kind == "?"}
    assert {"HANDOVER_CODEC_KEYS", "HANDOVER_CODEC_KEY_ID"} <= demanded


@EACH
def test_service_comes_back_by_itself(name: str) -> None:
    service = c.services()[name]
    assert service["restart"].startswith(("unless-stopped", "on-failure:"))
    assert c.runs_once(service) or "healthcheck" in service, f"{name} has no health check"


@EACH
def test_service_cannot_gain_rights(name: str) -> None:
    service = c.services()[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["pids_limit"] > 0


@OURS
def test_our_service_cannot_write(name: str) -> None:
    service = c.services()[name]
    assert service["read_only"] is True
    assert all("noexec" in mount for mount in service["tmpfs"])
    assert "user" not in service, "the image's user is the one that has no rights"


@EACH
def test_ports_are_for_this_host_alone(name: str) -> None:
    for port in c.services()[name].get("ports", []):
        assert str(port).startswith("127.0.0.1:"), f"{name}: {port} is open to the network"


@EACH
def test_waits_for_what_can_happen(name: str) -> None:
    for other, wait in (c.services()[name].get("depends_on") or {}).items():
        needed = c.services()[other]
        if wait["condition"] == "service_healthy":
            assert "healthcheck" in needed
        else:
            assert wait["condition"] == "service_completed_successfully"
            assert c.runs_once(needed)


def test_two_workers() -> None:
    assert c.services()["worker"]["deploy"]["replicas"] == 2


def test_simulator_is_for_the_demo_alone() -> None:
    named = {n for n, s in c.our_services().items() if "simulator" in " ".join(c.words(s))}
    assert named == {"simulator"}
    assert c.services()["simulator"]["profiles"] == ["demo"]


def defines(module: str, name: str) -> bool:
    tree = ast.parse((c.ROOT / (module.replace(".", "/") + ".py")).read_text())
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return any(isinstance(node, kinds) and node.name == name for node in tree.body)


@OURS
def test_command_exists(name: str) -> None:
    command = c.words(c.services()[name])
    if command[0] == "uvicorn":
        module, _, factory = next(word for word in command if ":" in word).partition(":")
        assert defines(module, factory), f"{name}: no {factory}() in {module}"
    elif command[1] == "-m":
        assert (c.ROOT / command[2] / "__main__.py").is_file(), f"{name}: no module {command[2]}"
    else:
        assert (c.ROOT / command[1]).is_file(), f"{name}: no file {command[1]}"


def environment() -> dict[str, set[str]]:
    return {name: set(s.get("environment") or {}) for name, s in c.our_services().items()}


@OURS
def test_every_setting_is_read_by_the_code(name: str) -> None:
    given = {n for n in environment()[name] if not n.startswith(c.TEMPORAL_READS)}
    unread = given - c.settings_of_code()
    assert not unread, f"{name}: nothing reads {sorted(unread)}"


def test_every_variable_is_explained() -> None:
    unexplained = {name for name, _, _ in c.variables()} - c.example().keys()
    assert not unexplained, f".env.example lacks {sorted(unexplained)}"


def test_example_names_what_exists() -> None:
    known = c.settings_of_code() | c.COMPOSE_READS
    odd = {n for n in c.example() if n not in known and not n.startswith(c.TEMPORAL_READS)}
    assert not odd, f".env.example names what nothing reads: {sorted(odd)}"


def test_example_is_complete() -> None:
    ours = {name for name in c.settings_of_code() if not name.startswith(c.TEMPORAL_READS)}
    missing = ours - c.example().keys()
    assert not missing, f".env.example lacks {sorted(missing)}"


def test_an_empty_setting_counts_as_not_set() -> None:
    wrong = [
        f"{file.relative_to(c.ROOT)}:{settings.lineno}: {settings.name}"
        for file, settings in c.settings_classes()
        if c.model_config(settings).get("env_ignore_empty") is not True
    ]
    assert not wrong, f"say env_ignore_empty=True, as .env.example promises: {wrong}"


def container_ports(service: dict[str, Any]) -> set[str]:
    return {str(port).rpartition(":")[2] for port in service.get("ports", [])}


def test_the_api_listens_where_it_is_expected() -> None:
    assert "--port=8000" in c.words(c.services()["api"])
    assert container_ports(c.services()["api"]) == {"8000"}


def test_a13_operation_pages_are_not_on_the_port_that_is_published() -> None:
    api = c.services()["api"]
    port = api["environment"]["HANDOVER_OPERATION_ADDRESS"].rpartition(":")[2]
    assert port not in container_ports(api)
    assert f":{port}/readyz" in str(api["healthcheck"])


def test_the_worker_shows_its_metrics_where_it_is_asked() -> None:
    address = c.services()["worker"]["environment"]["HANDOVER_METRICS_ADDRESS"]
    port = address.rpartition(":")[2]
    assert f":{port}/metrics" in str(c.services()["worker"]["healthcheck"])


def test_the_simulators_port_is_its_default() -> None:
    service = c.services()["simulator"]
    command = c.words(service)
    port = command[command.index("--port") + 1]
    assert container_ports(service) == {port}
    assert f":{port}/" in str(service["healthcheck"])
    assert int(port) in c.numbers_of_code("simulator")


@pytest.mark.parametrize(
    ("part", "path"),
    [("api", "/readyz"), ("api", "/codec"), ("simulator", "/phones")],
)
def test_addresses_asked_exist(part: str, path: str) -> None:
    assert any(path in text for text in c.texts_of_code(part)), f"{part} serves no {path}"


def setup_script() -> str:
    return "".join(c.words(c.services()["temporal-namespace"]))


def test_search_attributes_are_those_of_the_code() -> None:
    ours = {value for name, value in vars(messages).items() if name.startswith("SEARCH_")}
    assert ours == set(re.findall(r"\bHandover[A-Z]\w+", setup_script()))


def test_closed_workflows_outlive_idempotency_keys() -> None:
    hours = re.search(r"--retention (\d+)h", setup_script())
    assert hours
    assert int(hours[1]) * 3600 >= messages.KEY_LIFE_SECONDS
