"""The commands of a scenario looked for in its image, before anything is run."""

from collections.abc import Collection, Iterable
from pathlib import Path

from harness.core.errors import InputError
from harness.core.problems import HOST_IMAGE
from harness.core.scenario import Scenario, Worker
from harness.sandbox.image_programs import missing_programs

_PYTHON = "python3"
_NODE = "node"


def check_image(
    scenario: Scenario, *, folder: Path, source: str, only: Collection[str] = ()
) -> None:
    """Check that a user's image holds the programs of the workers that are wanted.

    Raises:
        InputError: it does not; the message names the key in `source`.
        SandboxError: the engine fails.

    """
    image = scenario.sandbox.image
    if image == HOST_IMAGE:
        return
    words = {
        index: word
        for index, worker in enumerate(scenario.worker)
        if not only or worker.name in only
        for word in _to_find(worker, scenario.sandbox.mounts, folder)
    }
    search_path = scenario.sandbox.env.get("PATH")
    missing = missing_programs(image, dict.fromkeys(words.values()), search_path=search_path)
    for index, word in words.items():
        if word in missing:
            raise InputError(
                f'{source}: worker[{index}].command: "{word}" is no program in the image '
                f'"{image}"; write its path there, or name another image'
            )


def _to_find(worker: Worker, mounts: Iterable[str], folder: Path) -> Iterable[str]:
    """Yield the program of a worker, if it is the image's to hold."""
    word = worker.command_line()[0].replace("{python}", _PYTHON).replace("{node}", _NODE)
    if "{" in word or not word:
        return  # a setting of the worker's own
    if "/" not in word:
        yield word
        return
    path = folder / word
    shown = (folder, *(Path(mount.removesuffix(":rw")) for mount in mounts))
    # The scenario's folder and what is mounted have the same paths in the container.
    if not any(path.is_relative_to(place) for place in shown if place != Path("/")):
        yield str(path)
