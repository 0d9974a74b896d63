"""An engine that answers, but fails: each request of it is this test's own."""

import http.server
import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.core.errors import InputError, SandboxError
from harness.sandbox.docker import DockerSandbox
from harness.sandbox.engine import HOST_LABEL, connect, find_image, host_key, remove_leftovers
from harness.sandbox.identity import LABEL, PREFIX, owner

Answers = dict[str, tuple[int, object]]
VERSION = {"ApiVersion": "1.41", "Version": "20.10", "Components": [{"Name": "Engine"}]}


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Answers], None]]:
    """Return what starts an engine with the answers to each path; others are not found."""
    servers: list[socketserver.ThreadingUnixStreamServer] = []
    address = tmp_path / "engine.sock"
    monkeypatch.setenv("DOCKER_HOST", f"unix://{address}")

    def start(answers: Answers) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.rpartition("/")[2].partition("?")[0]
                status, body = answers.get(name, (404, {"message": "no such thing"}))
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_POST(self) -> None:
                self.do_GET()

            def do_DELETE(self) -> None:
                self.close_connection = True  # gone, with no answer

            def address_string(self) -> str:
                return "a test"

            def log_message(self, *words: object) -> None:
                """Say nothing."""

        server = socketserver.ThreadingUnixStreamServer(str(address), Handler)
        server.daemon_threads = True
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_an_engine_that_does_not_say_what_it_is_does_not_work(
    engine: Callable[[Answers], None],
) -> None:
    engine({"version": (200, VERSION), "info": (500, {"message": "the store is broken"})})
    answer = DockerSandbox().availability()
    assert not answer.works
    assert "the store is broken" in answer.reason
    assert answer.remedy


@pytest.mark.parametrize(
    "info",
    [
        b"<html>proxy</html>",
        b"",
        b"\xff\xfe",
        [],
        None,
        "fine",
        {"CgroupVersion": "banana"},
        {"CgroupVersion": [2]},
        {"CgroupVersion": {}},
    ],
)
def test_an_engine_that_answers_nonsense_does_not_work(
    engine: Callable[[Answers], None], info: object
) -> None:
    engine({"version": (200, VERSION), "info": (200, info)})
    answer = DockerSandbox().availability()
    assert not answer.works
    assert answer.reason
    assert answer.remedy


@pytest.mark.parametrize(
    "version",
    [
        b"<html>proxy</html>",
        [],
        {"ApiVersion": "banana"},
        {"ApiVersion": 7},
        {"ApiVersion": "0.1"},
        {"ApiVersion": "1.41", "Components": ["x"]},
        {"ApiVersion": "1.41", "Components": {"a": 1}},
    ],
)
def test_what_is_no_engine_does_not_work(
    engine: Callable[[Answers], None], version: object
) -> None:
    engine({"version": (200, version), "info": (200, {})})
    answer = DockerSandbox().availability()
    assert not answer.works
    assert answer.remedy


@pytest.mark.parametrize(
    "address", ["http://[::1", "tcp://localhost:99999", "banana", "tcp://", "ssh://nobody@nowhere"]
)
def test_an_address_that_is_none_does_not_work(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("DOCKER_HOST", address)
    answer = DockerSandbox().availability()
    assert not answer.works
    assert "DOCKER_HOST" in answer.remedy


def test_certificates_that_are_not_there_do_not_work(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:2376")
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(tmp_path / "none"))
    answer = DockerSandbox().availability()
    assert not answer.works
    assert "DOCKER_HOST" in answer.remedy


def test_an_engine_that_fails_is_not_taken_for_one_without_the_image(
    engine: Callable[[Answers], None],
) -> None:
    engine({"version": (200, VERSION), "json": (500, {"message": "the store is broken"})})
    client = connect()
    with pytest.raises(SandboxError, match="the store is broken"):
        find_image(client, "python:3")
    client.close()


def test_an_image_that_cannot_be_had_says_why_the_registry_refused(
    engine: Callable[[Answers], None],
) -> None:
    engine({"version": (200, VERSION), "create": (500, {"message": "no such host"})})
    client = connect()
    with pytest.raises(InputError, match=r'"python:3" is not on this engine .*no such host'):
        find_image(client, "python:3")
    client.close()


def test_no_engine_has_left_anything(engine: Callable[[Answers], None]) -> None:
    engine({"version": (200, VERSION), "info": (500, {"message": "the store is broken"})})
    sandbox = DockerSandbox()
    sandbox.sweep()  # groups are swept with no engine too: a killed harness may have left some here
    assert sandbox.sweep() == ()


def test_an_engine_that_goes_away_removes_nothing(engine: Callable[[Answers], None]) -> None:
    mine = owner()
    name = f"{PREFIX}{mine.namespace}-{mine.pid}-{mine.started_ticks + 1}-1"
    left = {"Id": "1", "Labels": {LABEL: name, HOST_LABEL: host_key()}}
    engine({"version": (200, VERSION), "json": (200, [left])})
    client = connect()
    assert remove_leftovers(client) == ()
    client.close()
