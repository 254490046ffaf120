"""The image and what runs it: stages, users, read-only file systems, probes, commands."""

from __future__ import annotations

import re
import shlex
from typing import Any, Final

import pytest
import yaml

from reference_host.tests.deploy.deploy_files import DEPLOY
from smaply_metrics_core.host import Settings
from smaply_metrics_host.settings import VARIABLES

USER: Final = "10001"
HOME: Final = "/var/lib/smaply-metrics"
TAG: Final = re.compile(r"[a-z]+:[0-9][\w.-]*")
"""An image by its plain name, with a version."""
_BOTH: Final = {HOME, "/tmp"}  # noqa: S108  # Mount points in a container.
WRITABLE: Final = {"host": _BOTH, "worker": _BOTH | {"/run/worker"}}


def instructions() -> list[list[tuple[str, str]]]:
    """Return the instructions of the Dockerfile, by stage."""
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    stages: list[list[tuple[str, str]]] = []
    for line in filter(None, text.splitlines()):
        name, _, value = line.partition(" ")
        if name == "FROM":
            stages.append([])
        stages[-1].append((name, value.strip()))
    return stages


def values(stage: list[tuple[str, str]], name: str) -> list[str]:
    """Return the values of all instructions with this name."""
    return [value for each, value in stage if each == name]


def documents(name: str) -> list[dict[str, Any]]:
    """Return the documents of a YAML file."""
    return list(yaml.safe_load_all((DEPLOY / name).read_text(encoding="utf-8")))


def containers() -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """Return the pod and its container for each Kubernetes file."""
    found = {}
    for name in ("host", "worker"):
        pod = documents(f"kubernetes/{name}.yaml")[0]["spec"]["template"]["spec"]
        found[name] = (pod, pod["containers"][0])
    return found


def test_the_image_is_built_in_a_stage_that_it_does_not_contain() -> None:
    """Only the environment is copied; pip, sources and caches of the build stay behind."""
    build, image = instructions()
    bases = [values(stage, "FROM")[0] for stage in (build, image)]

    assert bases[0] == f"{bases[1]} AS build"
    assert TAG.fullmatch(bases[1])
    assert values(image, "COPY") == ["--from=build /opt/smaply-metrics /opt/smaply-metrics"]
    assert not any("pip install" in value for value in values(image, "RUN"))
    assert "--constraint versions.txt" in " ".join(values(build, "RUN"))


def test_the_image_does_not_run_as_root() -> None:
    """The user is numeric, so that Kubernetes can verify it, and set after all installation."""
    _, image = instructions()
    names = [name for name, _ in image]

    assert values(image, "USER") == [f"{USER}:{USER}"]
    assert names.index("USER") > max(at for at, name in enumerate(names) if name == "RUN")
    assert values(image, "VOLUME") == [HOME]
    assert f"SMAPLY_METRICS_HOME={HOME}" in values(image, "ENV")[0]
    assert "PYTHONDONTWRITEBYTECODE=1" in values(image, "ENV")[0]


def test_the_image_has_a_health_check_and_stops_on_sigterm() -> None:
    """The check requests ``/livez`` at the port that the command listens on."""
    _, image = instructions()
    (check,), (command,) = values(image, "HEALTHCHECK"), values(image, "CMD")

    assert "http://127.0.0.1:8000/livez" in check
    assert command.endswith('"--port", "8000"]')
    assert values(image, "EXPOSE") == ["8000"]
    assert values(image, "STOPSIGNAL") == ["SIGTERM"]


def test_the_copied_folders_exist_and_are_not_ignored() -> None:
    """The build context has everything that the Dockerfile copies."""
    build, _ = instructions()
    allowed = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    copied = [path for value in values(build, "COPY") for path in shlex.split(value)[:-1]]

    assert copied
    for path in copied:
        assert (DEPLOY.parent / path).exists(), path
        assert f"!{path}" in allowed, path


def test_services_of_compose_are_read_only_and_need_the_database() -> None:
    """Host and workers write only to volumes, and start when PostgreSQL answers."""
    (compose,) = documents("compose.yaml")
    for name in ("host", "worker"):
        service = compose["services"][name]
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"]
        mounted = {one.split(":")[1] for one in service["volumes"]}
        mounted |= {one.split(":")[0] for one in service["tmpfs"]}
        assert mounted == WRITABLE[name]
        assert service["depends_on"] == {"database": {"condition": "service_healthy"}}
        assert service["environment"]["SMAPLY_METRICS_REFRESH_EXECUTOR"] == "procrastinate"
        assert service["build"] == {"context": "..", "dockerfile": "deploy/Dockerfile"}
    assert compose["services"]["host"]["ports"] == ["127.0.0.1:8000:8000"]
    assert TAG.fullmatch(compose["services"]["database"]["image"])
    assert set(compose["volumes"]) == {"host", "database"}


@pytest.mark.parametrize("name", ["host", "worker"])
def test_pods_are_restricted_and_have_probes(name: str) -> None:
    """Pods run as the user of the image, on a read-only root file system."""
    pod, container = containers()[name]

    assert pod["securityContext"]["runAsNonRoot"]
    assert str(pod["securityContext"]["runAsUser"]) == USER
    assert container["securityContext"] == {
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {one["mountPath"] for one in container["volumeMounts"]} == WRITABLE[name]
    assert {one["name"] for one in container["volumeMounts"]} == {
        one["name"] for one in pod["volumes"]
    }
    assert {"startupProbe", "livenessProbe"} <= set(container)
    assert "limits" in container["resources"]


def test_probes_of_the_host_call_its_routes() -> None:
    """A pod that cannot serve requests gets none; only one that hangs is restarted."""
    _, container = containers()["host"]

    assert container["livenessProbe"]["httpGet"]["path"] == "/livez"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_the_files_name_only_variables_that_exist() -> None:
    """A misspelled variable in an example would be ignored."""
    known = {one.name for one in Settings.all_variables()} | VARIABLES
    texts = {path: path.read_text(encoding="utf-8") for path in DEPLOY.rglob("*") if path.is_file()}
    named = {
        (path.name, name)
        for path, text in texts.items()
        for name in re.findall(r"SMAPLY_METRICS_[A-Z_]+", text)
    }

    assert len(named) > 10
    assert {one for one in named if one[1] not in known} == set()


def test_the_sbom_is_of_what_the_image_contains() -> None:
    """`make sbom` installs the same distributions with the same extras as the Dockerfile."""
    pattern = re.compile(r"pip install --quiet --constraint \S+ (.*?)\n\t[^\t]", re.DOTALL)
    (made,) = pattern.findall((DEPLOY.parent / "Makefile").read_text(encoding="utf-8"))
    (built,) = [value for value in values(instructions()[0], "RUN") if "--constraint" in value]
    packages = built.partition("versions.txt ")[2].partition("&&")[0]

    assert shlex.split(made.replace("\\\n", " ")) == shlex.split(packages)
