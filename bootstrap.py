"""Sets up `.venv` beside this file, with nothing but Python, and runs oomproof or its tests there.

python3 bootstrap.py run [ARGUMENTS]                    `oomproof run`; else the hero snapshots
python3 bootstrap.py test [--no-skips] [ARGUMENTS]      the tests; the arguments are pytest's
python3 bootstrap.py install [GROUP ...]                these dependency groups, and run nothing

It needs no pip, no root and no compiler, and leaves an externally managed Python alone. What is set
up already is used again. It exits with the code of what it ran; with 2 for wrong usage or a Python
that is too old; with 3 where the set-up failed.
"""

from __future__ import annotations

import sys

if sys.version_info < (3, 11):  # noqa: UP036  (nothing has checked it before this line)
    sys.stderr.write(
        "bootstrap.py: this is Python {}.{}, and oomproof needs 3.11 or later; "
        "install one and name it, such as: python3.11 bootstrap.py run\n".format(*sys.version_info)
    )
    raise SystemExit(2)

import base64
import configparser
import contextlib
import fcntl
import hashlib
import html.parser
import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import ssl
import subprocess
import tomllib
import urllib.error
import urllib.parse
import urllib.request
import venv
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

ROOT: Final = Path(__file__).resolve().parent
VENV: Final = ROOT / ".venv"
PYTHON: Final = VENV / "bin" / "python"
STATE: Final = VENV / "bootstrap.json"
LOCK: Final = ROOT / "requirements" / "versions.lock"
SCENARIO: Final = ROOT / "scenarios" / "hero_snapshots" / "scenario.toml"
INDEX: Final = "https://pypi.org/simple"
USAGE: Final = 2
FAILED: Final = 3
# The first that installs into another interpreter's environment (`--python`).
_OLDEST_PIP: Final = (22, 3)
_PIP_WHEEL: Final = re.compile(r"pip-(\d+(?:\.\d+)*)-py3-none-any\.whl")
_TIMEOUT_S: Final = 30


class SetupError(Exception):
    """The set-up cannot go on; the message says why and what to do."""

    exit_code = FAILED


class UsageError(SetupError):
    """The command line asks for something that is not there."""

    exit_code = USAGE


def main(words: Sequence[str]) -> int:
    """Do what the command line asks for, and return the exit code."""
    command, arguments = (words[0], list(words[1:])) if words else ("", [])
    if command in {"-h", "--help"}:
        print(__doc__)
        return 0
    if command not in COMMANDS:
        print(__doc__, file=sys.stderr)
        return USAGE
    try:
        return COMMANDS[command](arguments)
    except SetupError as error:
        print(f"bootstrap.py: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("bootstrap.py: stopped; the same command begins anew.", file=sys.stderr)
        return FAILED


def run(arguments: list[str]) -> int:
    """Become `oomproof run`."""
    prepare(())
    # Somebody who looks at oomproof for the first time should not wait longer than they must.
    words = arguments or (os.path.relpath(SCENARIO), "--jobs", "2")
    return become(VENV / "bin" / "oomproof", "run", *words)


def test(arguments: list[str]) -> int:
    """Become the session of nox that runs the tests."""
    environment = {}
    if "--no-skips" in arguments:
        arguments.remove("--no-skips")
        environment["OOMPROOF_NO_SKIPS"] = "1"
    prepare(("test",))
    os.chdir(ROOT)
    return become(PYTHON, "-m", "nox", "-s", "tests", "--", *arguments, environment=environment)


def install_groups(arguments: list[str]) -> int:
    """Install the groups that are named."""
    prepare(arguments)
    return 0


def become(program: Path, *words: str, environment: Mapping[str, str] | None = None) -> int:
    """Replace this process by a program, so that signals and the exit code are its own."""
    sys.stdout.flush()
    os.execve(program, [str(program), *words], {**os.environ, **(environment or {})})  # noqa: S606


def prepare(groups: Iterable[str]) -> None:
    """Make `.venv` hold the project and `groups`, or leave it alone where it does already.

    Raises:
        SetupError: it could not be done.

    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    known = project["dependency-groups"]
    for group in groups:
        if group not in known:
            raise UsageError(f'pyproject.toml has no group "{group}"; it has {", ".join(known)}')
    try:
        with alone() as lock:
            make_environment()
            install(project, groups, lock)
    except OSError as error:
        raise SetupError(f"{error.filename or VENV}: {error.strerror}") from error


@contextlib.contextmanager
def alone() -> Iterator[int]:
    """Wait until no other bootstrap.py is at work here, and give the descriptor of the lock."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another bootstrap.py that is at work here")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


def say(text: str) -> None:
    """Tell what goes on, on stderr: stdout is the program's own."""
    print(f"bootstrap.py: {text} ...", file=sys.stderr, flush=True)


def make_environment() -> None:
    """Make `.venv`, unless one is there that is whole."""
    if VENV.is_symlink() or VENV.exists():
        if read_state().get("finished", True) and works():
            return
        say(f"removing {VENV}, which was not finished or does not work")
        shutil.rmtree(VENV)
    say(f"making {VENV}")
    VENV.mkdir()
    write_state(finished=False)
    venv.create(VENV, symlinks=True)


def works() -> bool:
    """Whether the interpreter in `.venv` can be executed and is new enough."""
    code = "import sys; sys.exit(sys.version_info < (3, 11))"
    try:
        return subprocess.run([PYTHON, "-c", code], check=False).returncode == 0
    except OSError:
        return False


def read_state() -> dict[str, Any]:
    """Return what an earlier bootstrap.py wrote down about `.venv`; nothing if it made none."""
    try:
        state: dict[str, Any] = json.loads(STATE.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return state


def write_state(**state: Any) -> None:
    """Write down what `.venv` holds."""
    STATE.write_text(json.dumps(state), "utf-8")


def install(project: dict[str, Any], groups: Iterable[str], lock: int) -> None:
    """Install the project, its dependencies and `groups`, unless these are there already.

    pip holds the lock too: it goes on for a while when this process is killed.
    """
    parts = {name: project.get(name) for name in ("project", "build-system", "dependency-groups")}
    text = json.dumps([parts, LOCK.read_text("utf-8"), str(ROOT)], sort_keys=True)
    fingerprint = hashlib.sha256(text.encode()).hexdigest()
    state = read_state()
    there = set(state.get("groups", ()))
    if state.get("fingerprint") == fingerprint and there.issuperset(groups):
        return
    wanted = sorted(there.union(groups))
    requirements = [line for group in wanted for line in project["dependency-groups"][group]]
    write_state(finished=False)
    command = [*pip(), "install", "--quiet", "--disable-pip-version-check", "--prefer-binary",
               "--no-compile", *constraints(), "--editable", str(ROOT), "pip",
               *requirements]  # fmt: skip
    what = f" and the groups {', '.join(wanted)}" if wanted else ""
    say(f"installing oomproof{what}; this takes about half a minute")
    done = subprocess.run(command, check=False, pass_fds=(lock,))
    if done.returncode:
        raise SetupError("the installation failed: pip says why above; then try again")
    compile_all()
    write_state(finished=True, fingerprint=fingerprint, groups=wanted)


def compile_all() -> None:
    """Compile what workers may import, on every processor and without the packages' own tests.

    pip would take three times as long. It cannot be left to the first import: a worker that has to
    compile a module needs more memory than one that finds it compiled.
    """
    command = (PYTHON, "-m", "compileall", "-q", "-x", "/(tests?|pip)/", VENV / "lib")
    # Several processes need semaphores, which a container without /dev/shm has not; what was
    # compiled already is passed over.
    for processes in ("0", "1"):
        done = subprocess.run([*command, "-j", processes], check=False, capture_output=True)
        if not done.returncode:
            return


def constraints() -> tuple[str, ...]:
    """Return pip's options for the locked versions, on the Pythons that these were tried with."""
    first = LOCK.read_text("utf-8").splitlines()[0]
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    return ("--constraint", str(LOCK)) if here in first.split() else ()


def pip() -> list[str]:
    """Return a command that is a pip for `.venv`.

    That is its own, or the newest from the index: it takes half the time of those that systems
    ship. Where that cannot be had, it is this Python's pip, or the one that Python itself carries.
    """
    own = [str(PYTHON), "-m", "pip"]
    if any(VENV.glob("lib/python*/site-packages/pip/__main__.py")):
        return own
    try:
        return [str(PYTHON), str(download_pip() / "pip")]
    except SetupError as error:
        if here_is_pip():
            older = [sys.executable, "-m", "pip", "--python", str(PYTHON)]
        elif subprocess.run(
            [PYTHON, "-m", "ensurepip"], check=False, capture_output=True
        ).returncode:
            raise
        else:
            older = own
        say(f"{error}; trying an older pip")
        return older


def here_is_pip() -> bool:
    """Whether this Python has a pip that can install into another environment."""
    if importlib.util.find_spec("pip") is None:
        return False
    found = importlib.metadata.version("pip").split(".")
    return tuple(int(word) for word in found[:2]) >= _OLDEST_PIP


class Page(html.parser.HTMLParser):
    """A page of an index: the files that it offers, as (address, Python that it requires)."""

    def __init__(self) -> None:
        """Begin with none."""
        super().__init__()
        self.files: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take in a link that is not withdrawn."""
        found = dict(attrs)
        if tag == "a" and found.get("href") and "data-yanked" not in found:
            self.files.append((found["href"] or "", found.get("data-requires-python") or ""))


def download_pip() -> Path:
    """Return the newest wheel of pip from the index, which can be run without being installed."""
    settings = pip_settings()
    page_url = settings.get("index-url", INDEX).rstrip("/") + "/pip/"
    say(f"fetching pip from {without_secret(page_url)}")
    page = Page()
    page.feed(fetch(page_url, settings).decode("utf-8", "replace"))
    offered = [
        (tuple(int(word) for word in match[1].split(".")), match[0], href)
        for href, requires in page.files
        if (match := _PIP_WHEEL.search(href)) and allows_this_python(requires)
    ]
    if not offered:
        raise SetupError(f"{without_secret(page_url)} offers no pip; name an index: PIP_INDEX_URL")
    _, name, href = max(offered)
    url, fragment = urllib.parse.urldefrag(urllib.parse.urljoin(page_url, href))
    data = fetch(url, settings)
    if fragment != f"sha256={hashlib.sha256(data).hexdigest()}":
        raise SetupError(f"{without_secret(url)} has not the SHA-256 that its index states")
    beside = VENV / f".{name}"
    beside.write_bytes(data)
    return beside.rename(VENV / name)


def allows_this_python(requires: str) -> bool:
    """Whether a file that requires such a Python can be used; pip states only a lowest one."""
    match = re.fullmatch(r">=3\.(\d+)", requires)
    return match is not None and sys.version_info >= (3, int(match[1]))


def pip_settings() -> dict[str, str]:
    """Return the settings of pip that a download needs: from its files, then its variables."""
    config = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    files = ("/etc/pip.conf", "~/.pip/pip.conf", f"{config}/pip/pip.conf")
    reader = configparser.RawConfigParser()
    reader.read([*map(os.path.expanduser, files), os.environ.get("PIP_CONFIG_FILE", "")], "utf-8")
    settings: dict[str, str] = {}
    for section in ("global", "install"):
        settings |= dict(reader[section]) if reader.has_section(section) else {}
    for name in ("index-url", "cert"):
        if value := os.environ.get("PIP_" + name.upper().replace("-", "_")):
            settings[name] = value
    return settings


def fetch(url: str, settings: Mapping[str, str]) -> bytes:
    """Return what is at `url`; a name and password in it are sent as pip does."""
    parts = urllib.parse.urlsplit(url)
    request = urllib.request.Request(without_secret(url), headers={"Accept": "text/html, */*"})  # noqa: S310
    if parts.username is not None:
        words = (urllib.parse.unquote(word or "") for word in (parts.username, parts.password))
        secret = base64.b64encode(":".join(words).encode()).decode()
        request.add_header("Authorization", f"Basic {secret}")
    try:
        context = ssl.create_default_context(cafile=settings.get("cert"))
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S, context=context) as answer:  # noqa: S310
            data: bytes = answer.read()
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise SetupError(f"{without_secret(url)}: {reason}; {advice(reason)}") from error
    return data


def advice(reason: object) -> str:
    """Return what to do about a download that failed."""
    if isinstance(reason, ssl.SSLCertVerificationError):
        return (
            "this machine knows no certificate to check it with: install the package "
            "ca-certificates, or name a file of them in SSL_CERT_FILE"
        )
    return (
        "check the network (https_proxy, PIP_INDEX_URL), or install the package python3-venv or "
        "python3-pip, which bring a pip of their own"
    )


def without_secret(url: str) -> str:
    """Return an address without the name and password in it."""
    parts = urllib.parse.urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


COMMANDS: Final = {"run": run, "test": test, "install": install_groups}

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
