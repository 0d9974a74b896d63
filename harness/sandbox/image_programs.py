"""Which programs an image holds: asked of the engine, without anything being run."""

import base64
import contextlib
import json
import posixpath
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from harness.sandbox.engine import connect, engine_errors, find_image, labels
from harness.sandbox.identity import new_name

if TYPE_CHECKING:
    from docker import APIClient

# What Docker gives an image that names no PATH.
_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_STAT: Final = "X-Docker-Container-Path-Stat"
_FOUND: Final = 200
_NOT_FOUND: Final = 404
# Go's bits of a mode, which the engine speaks in: https://pkg.go.dev/io/fs#FileMode
_FOLDER: Final = 1 << 31
_LINK: Final = 1 << 27
_EXECUTABLE: Final = 0o111


def missing_programs(
    image: str, words: Iterable[str], *, search_path: str | None = None
) -> tuple[str, ...]:
    """Return those first words of commands for which `image` holds no program.

    A word without a slash is looked for in the folders of `search_path`, or of the image's own
    PATH; one with a slash is a whole path. An engine that does not say is given the doubt.

    Raises:
        InputError: the image is neither here nor to be had.
        SandboxError: the engine fails.

    """
    client = connect()
    with contextlib.closing(client):
        tag, _ = find_image(client, image)
        with engine_errors(), _container(client, tag) as container:
            places = search_path or _path_of(client, tag)
            return tuple(word for word in words if not _is_there(client, container, word, places))


@contextlib.contextmanager
def _container(client: "APIClient", tag: str) -> Iterator[str]:
    """Hold a container of an image, never started: only in one can an engine look for files."""
    made = client.create_container(tag, entrypoint=["/"], labels=labels(new_name()))
    try:
        yield str(made["Id"])
    finally:
        client.remove_container(made["Id"], force=True, v=True)


def _path_of(client: "APIClient", tag: str) -> str:
    variables = (client.inspect_image(tag).get("Config") or {}).get("Env") or []
    return next((text[5:] for text in variables if text.startswith("PATH=")), "") or _PATH


def _is_there(client: "APIClient", container: str, word: str, search_path: str) -> bool:
    if "/" in word:
        return _is_program(client, container, word)
    places = [posixpath.join("/", folder, word) for folder in search_path.split(":")]
    return any(_is_program(client, container, place) for place in places)


def _is_program(client: "APIClient", container: str, path: str) -> bool:
    address = f"{client.base_url}/v{client.api_version}/containers/{container}/archive"
    answer = client.head(address, params={"path": path})
    if answer.status_code == _FOUND:
        return may_be_run(answer.headers.get(_STAT, ""))
    return bool(answer.status_code != _NOT_FOUND)


def may_be_run(stat: str) -> bool:
    """Whether what an engine says of a path, JSON in base64, is of a program or a link."""
    try:
        mode = int(json.loads(base64.b64decode(stat))["mode"])
    except (ValueError, KeyError, TypeError):
        return True  # it does not say
    return bool(mode & _LINK) or (not mode & _FOLDER and bool(mode & _EXECUTABLE))
