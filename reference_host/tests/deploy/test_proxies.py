"""The examples for nginx and Caddy, each in front of the reference host on the loopback address."""

from __future__ import annotations

import os
import re
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import httpx
import pytest

from reference_host.tests.api.seeded_account import prepare
from reference_host.tests.app_fixture import ACCOUNT, NAMES, running
from reference_host.tests.deploy.deploy_files import DEPLOY, require_program
from smaply_metrics_core.host import Role
from tests.http_clients import PLAIN_HTTP
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from smaply_metrics_qualtrics_sandbox import SandboxServer

ROOT: Final = "/metrics"
HOST: Final = "www.example.com"
"""The host of the examples that has the app below a path."""
SECONDS: Final = 180.0
NGINX: Final = """\
daemon off;
pid {folder}/pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


def nginx_command(folder: Path, port: int, app: str) -> list[str]:
    """Write the example with other addresses and without TLS; return the command."""
    site = (DEPLOY / "nginx" / "smaply-metrics.conf").read_text(encoding="utf-8")
    site = site.replace("listen 443 ssl;", f"listen 127.0.0.1:{port};")
    site = re.sub(r" *ssl_certificate.*\n", "", site).replace("127.0.0.1:8000", app)
    include = DEPLOY / "nginx" / "smaply-metrics-proxy.conf"
    site = site.replace("/etc/nginx/smaply-metrics-proxy.conf", str(include))
    (folder / "site.conf").write_text(site, encoding="utf-8")
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder), encoding="utf-8")
    nginx = require_program("nginx", "Debian's nginx-light")
    command = [nginx, "-p", str(folder), "-c", str(folder / "nginx.conf")]
    subprocess.run([*command, "-t"], check=True, capture_output=True)
    return command


def caddy_command(folder: Path, port: int, app: str) -> list[str]:
    """Write the example with other addresses and without TLS; return the command."""
    site = (DEPLOY / "caddy" / "Caddyfile").read_text(encoding="utf-8")
    site = site.replace("127.0.0.1:8000", app)
    site = re.sub(r"^(\w+\.example\.com) {", rf"http://\1:{port} {{", site, flags=re.MULTILINE)
    config = folder / "Caddyfile"
    config.write_text("{\n\tadmin off\n}\n" + site, encoding="utf-8")
    caddy = require_program("caddy", "Debian's caddy")
    given = ["--config", str(config), "--adapter", "caddyfile"]
    subprocess.run([caddy, "validate", *given], check=True, capture_output=True)
    return [caddy, "run", *given]


@contextmanager
def proxy(command: Sequence[str], port: int, folder: Path) -> Iterator[httpx.Client]:
    """Run a proxy; yield a client that requests the host of the example through it."""
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, env={**os.environ, "HOME": str(folder)}
    )
    client = httpx.Client(
        base_url=f"http://127.0.0.1:{port}",
        headers={"host": f"{HOST}:{port}", "origin": f"http://{HOST}:{port}"},
        verify=PLAIN_HTTP,
        timeout=SECONDS,
    )
    try:
        until = time.monotonic() + SECONDS
        while True:
            assert process.poll() is None, "the proxy ended"
            try:
                client.get("/")
                break
            except httpx.ConnectError:
                assert time.monotonic() < until, "the proxy did not start"
        yield client
    finally:
        client.close()
        process.terminate()
        process.communicate()


@pytest.mark.deep(reason="starts a proxy")
@pytest.mark.parametrize("make_command", [nginx_command, caddy_command])
def test_a_proxy_shows_the_app_below_a_path(
    make_command: Callable[[Path, int, str], list[str]], tmp_path: Path, sandbox: SandboxServer
) -> None:
    """Signing in, pages, files, the API and event streams work behind the example of each proxy."""
    port = free_port()
    with running(tmp_path / "home", sandbox, root_path=ROOT) as world:
        prepared = prepare(world, ACCOUNT)
        token = world.app_state.people.invite(ACCOUNT, NAMES[Role.ADMIN], Role.ADMIN)
        app = world.url.removeprefix("http://").removesuffix(ROOT)
        command = make_command(tmp_path, port, app)
        with proxy(command, port, tmp_path) as client:
            bare = client.get(ROOT)
            assert (bare.status_code, bare.headers["location"]) == (308, f"{ROOT}/")
            signed_in = client.post(f"{ROOT}/sign-in/{token}?next=/maps/{prepared.map}")
            assert signed_in.status_code == 303, signed_in.text
            page = client.get(signed_in.headers["location"])
            assert page.status_code == 200
            assert "Buying online" in page.text
            assert re.fullmatch(r"[0-9a-f-]{32,36}", page.headers["x-request-id"])
            (sheet,) = re.findall(r'href="([^"]*/map\.css)"', page.text)
            assert client.get(sheet).status_code == 200
            assert client.get(f"{ROOT}/api/session").json()["account"] == ACCOUNT
            assert "Buying online" not in client.get(f"/maps/{prepared.map}").text
            with client.stream("GET", f"{ROOT}/maps/{prepared.map}/events") as stream:
                assert next(stream.iter_lines()).startswith(("event:", ":", "id:", "retry:"))
