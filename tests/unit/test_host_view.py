import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.sandbox.host_view import host_folders, outermost

NAMES = st.lists(st.sampled_from("abc"), max_size=4)
PATHS = st.lists(NAMES.map(lambda names: Path("/", *names)), max_size=12)


@given(PATHS)
def test_every_path_lies_in_one_that_is_kept(paths: list[Path]) -> None:
    kept = outermost(paths)
    assert set(kept) <= set(paths)
    for path in paths:
        assert sum(path.is_relative_to(other) for other in kept) == 1


@given(PATHS)
def test_the_order_does_not_matter(paths: list[Path]) -> None:
    assert outermost(paths) == outermost(reversed(paths))


def test_a_name_that_begins_like_another_is_not_inside_it() -> None:
    assert outermost([Path("/opt/a"), Path("/opt/ab")]) == (Path("/opt/a"), Path("/opt/ab"))


def is_seen(path: Path, folders: tuple[Path, ...]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


def test_the_interpreter_and_the_folder_are_seen(work: Path) -> None:
    folders = host_folders((sys.executable, "w.py"), {"PATH": "/usr/bin"}, work)
    for path in (work, Path(sys.prefix), Path(sys.base_prefix), Path("/usr")):
        assert is_seen(path, folders)
    assert not {Path("/"), Path("/home"), Path("/root"), Path("/proc")} & set(folders)


def test_a_script_elsewhere_is_seen_with_what_lies_beside_it(work: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "w.py").write_text("")
    for word in (str(elsewhere / "w.py"), "../elsewhere/w.py"):
        assert elsewhere in host_folders(("python3", word), {"PATH": "/usr/bin"}, work)


@pytest.mark.parametrize("home", [Path("/root"), Path("/home")])
def test_a_home_is_seen_where_the_command_starts_in_it(home: Path, work: Path) -> None:
    if not home.is_dir():
        pytest.skip(f"{home} is not here")
    assert home in host_folders(("python3", "w.py"), {"PATH": "/usr/bin"}, home)
    assert home not in host_folders(("python3", "w.py"), {"PATH": "/usr/bin"}, work)
    variables = {"PATH": "/usr/bin", "PYTHONPATH": str(home)}
    assert home in host_folders(("python3", "w.py"), variables, work), "asked for by name"


@pytest.mark.parametrize("top", [Path("/"), Path("/proc"), Path("/sys"), Path("/dev")])
def test_what_every_container_has_of_its_own_is_never_shown(top: Path) -> None:
    assert top not in host_folders(("python3", "w.py"), {"PYTHONPATH": str(top)}, top)


def test_words_that_are_no_files_show_nothing(work: Path) -> None:
    plain = host_folders(("python3",), {"PATH": "/usr/bin"}, work)
    words = ("python3", "-c", "print()\n" * 1000, "x\0y", "", ".", "--flag")
    assert host_folders(words, {"PATH": "/usr/bin"}, work) == plain


def test_a_program_is_seen_with_its_own_tree(work: Path, tmp_path: Path) -> None:
    prefix = tmp_path / "node-v20"
    (prefix / "lib").mkdir(parents=True)
    (prefix / "bin").mkdir()
    program = prefix / "bin" / "node"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert prefix in host_folders(("node",), {"PATH": str(prefix / "bin")}, work)
    assert prefix in host_folders((str(program),), {}, work)
    assert prefix in host_folders(("../node-v20/bin/node",), {}, work)


def test_a_lone_program_is_seen_alone(work: Path, tmp_path: Path) -> None:
    program = tmp_path / "a" / "b" / "tool"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    folders = host_folders((str(program),), {}, work)
    assert program in folders
    assert program.parent not in folders


def test_every_path_is_one_that_an_engine_takes(work: Path, tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "tool").write_text("#!/bin/sh\n")
    (tmp_path / "bin" / "tool").chmod(0o755)
    for folder in host_folders(("../bin/tool", "../work/./x"), {}, work):
        assert folder.is_absolute()
        assert ".." not in folder.parts


def test_a_way_up_does_not_count_as_inside(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "lib").mkdir()
    (tmp_path / "a" / "bin").mkdir()
    tool = tmp_path / "a" / "bin" / "tool"
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    (tmp_path / "link").symlink_to(tmp_path / "a")
    work = tmp_path / "link" / "b"
    assert tmp_path / "link" in host_folders(("../bin/tool",), {}, work)


def test_the_base_of_a_virtual_environment_is_seen(work: Path, tmp_path: Path) -> None:
    base = tmp_path / "python-3.13"
    (base / "bin").mkdir(parents=True)
    environment = tmp_path / "venv"
    (environment / "bin").mkdir(parents=True)
    python = environment / "bin" / "python"
    python.write_text("#!/bin/sh\n")
    python.chmod(0o755)
    (environment / "pyvenv.cfg").write_text(f"home = {base / 'bin'}\nversion = 3.13\n")
    folders = host_folders((str(python),), {}, work)
    assert {environment, base} <= set(folders)


def test_nothing_of_the_whole_machine_is_shown_for_a_program_at_its_top(work: Path) -> None:
    assert Path("/") not in host_folders(("/bin/sh",), {}, work)
