"""The project's checks, as sessions that people and CI call alike.

They share the `.venv` that bootstrap.py makes, and install what is missing there. Begin with
`python3 bootstrap.py install test`, then `.venv/bin/nox --list`; any other nox does as well.
"""

import base64
import hashlib
import json
import os
import re
import shutil
import sys
import tarfile
from pathlib import Path
from typing import Final

import nox

nox.needs_version = ">=2024.10.9"
nox.options.default_venv_backend = "none"
nox.options.sessions = ["lint", "tests"]

ROOT: Final = Path(__file__).parent
BIN: Final = ROOT / ".venv" / "bin"
LOCK: Final = ROOT / "requirements" / "versions.lock"
LOCK_HEADER: Final = "# Tried with Python 3.11 3.12 3.13 3.14 ; `nox -s lock` writes this file."

WORKER: Final = "import json, sys; json.load(open(sys.argv[1]))\n"


def install(session: nox.Session, *groups: str) -> None:
    """Install dependency groups into `.venv`, those that are not there yet."""
    session.run(sys.executable, "bootstrap.py", "install", *groups, external=True)


def run(session: nox.Session, tool: str, *words: str) -> None:
    """Run a tool of `.venv`, as a module so that the folder may have been moved."""
    session.run(str(BIN / "python"), "-m", tool, *words, external=True)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, types, the layers of imports and the hooks' configuration."""
    install(session, "lint", "test")
    run(session, "ruff", "check")
    run(session, "ruff", "format", "--check")
    run(session, "mypy")
    session.run(str(BIN / "lint-imports"), external=True)
    run(session, "pre_commit", "validate-config")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the unit and integration tests; OOMPROOF_NO_SKIPS=1 makes every skip a failure."""
    install(session, "test")
    run(session, "pytest", *session.posargs)


@nox.session
def unit(session: nox.Session) -> None:
    """Run the unit tests: no sleep, no container."""
    install(session, "test")
    run(session, "pytest", "tests/unit", *session.posargs)


@nox.session
def integration(session: nox.Session) -> None:
    """Run the integration tests, in the sandboxes that work here."""
    install(session, "test")
    run(session, "pytest", "tests/integration", *session.posargs)


@nox.session
def vm(session: nox.Session) -> None:
    """Test the emulated machine that has a cgroup v2 kernel; it needs QEMU (tests/vm/README.md)."""
    install(session, "test")
    run(session, "pytest", "tests/vm", *session.posargs)


@nox.session
def benchmarks(session: nox.Session) -> None:
    """Measure how fast oomproof is; the figures stand in docs/benchmarks.md."""
    install(session, "test")
    run(session, "pytest", "tests/benchmarks", "--benchmark-columns=min,median,max,rounds",
        *session.posargs)  # fmt: skip


@nox.session(venv_backend="venv", python=["3.11", "3.12", "3.13", "3.14"])
def tables(session: nox.Session) -> None:
    """Hold the x-ray's tables against those of these interpreters that are installed."""
    session.install("--editable", ".", "hypothesis", "pytest", "pytest-timeout")
    session.run("pytest", "tests/unit/xray", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Run each command of oomproof in the documentation, as a reader would who has an export."""
    install(session)
    folder = Path(session.create_tmp())
    shutil.rmtree(folder)
    shutil.copytree(ROOT / "scenarios", folder / "scenarios")
    (folder / "worker.py").write_text(WORKER, "utf-8")
    session.chdir(folder)
    environment = {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    commands = ["oomproof generate hero_snapshot --size 5MB -o export.json"]
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        commands += re.findall(r"^\$ ((?:oomproof|npm) .+)$", page.read_text("utf-8"), re.MULTILINE)
    for command in commands:
        session.run("sh", "-c", command, env=environment, external=True)


@nox.session
def sample(session: nox.Session) -> None:
    """Make the sample report and the README's pictures again, by a real run; it needs Chromium."""
    install(session, "test")
    session.run(str(BIN / "python"), "reports/renew_sample.py", external=True)


@nox.session
def vendor(session: nox.Session) -> None:
    """Fetch the libraries of the HTML report from npm anew, and hold them against vendor.json.

    To take another version, change it there, and write what this session says of its integrity.
    """
    folder = ROOT / "harness" / "reporters" / "html" / "vendor"
    packages = json.loads((folder / "vendor.json").read_text("utf-8"))
    for name, package in packages.items():
        archive = _pack(session, f"{name}@{package['version']}", package["integrity"])
        with tarfile.open(archive) as files:
            for source, kept in package["files"].items():
                member = files.extractfile(f"package/{source}")
                data = member.read() if member else b""
                if hashlib.sha256(data).hexdigest() != kept["sha256"]:
                    session.error(f"{name}: {source} is not what vendor.json says")
                (folder / name / kept["to"]).write_bytes(data)


def _pack(session: nox.Session, package: str, integrity: str) -> Path:
    """Fetch a package's archive, and check that it is the one that was published."""
    folder = session.create_tmp()
    words = ("npm", "pack", package, "--silent", "--pack-destination", folder)
    said = session.run(*words, silent=True, external=True)
    archive = Path(folder) / str(said).strip().splitlines()[-1]
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if f"sha512-{digest}" != integrity:
        session.error(f"{package}: its integrity is sha512-{digest}, and not {integrity}")
    return archive


@nox.session(venv_backend="venv", reuse_venv=False)
def lock(session: nox.Session) -> None:
    """Write requirements/versions.lock anew: the newest versions that fit together."""
    project = nox.project.load_toml(ROOT / "pyproject.toml")
    groups = nox.project.dependency_groups(project, "test", "lint")
    session.install("--upgrade", "pip")
    session.install("--editable", ".", *groups)
    versions = session.run("pip", "freeze", "--exclude-editable", silent=True)
    LOCK.write_text(f"{LOCK_HEADER}\n{versions}", "utf-8")
