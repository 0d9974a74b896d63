"""Runs a command on a real cgroup v2 kernel: Debian's, emulated by QEMU over this file system.

The machine sees the host's files read-only below an overlay in its memory, cgroup v2 as its only
hierarchy and an empty ext4 disk at ``/scratch``. ``README.md`` beside this file tells the rest.

    python tests/vm/machine.py [--systemd] [--share FOLDER] [--timeout SECONDS] -- COMMAND
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import lzma
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import FrameType

EXIT_MACHINE_FAILED = 125
GUEST = Path(__file__).resolve().parent / "guest"
# In the order in which the kernel can take them; what they depend on is put before them.
MODULES = (
    "virtio_pci",
    "9pnet_virtio",
    "9p",
    "overlay",
    "virtio_blk",
    "crc32c_generic",  # ext4 asks for it by the name of the algorithm, which no dependency tells
    "ext4",
    "loop",
)
# No security is at stake in the machine, and every probe or check left out shortens the boot.
KERNEL_OPTIONS = (
    "console=ttyS0 loglevel=4 panic=-1 mitigations=off nokaslr no_timer_check tsc=reliable "
    "random.trust_cpu=on cryptomgr.notests init_on_alloc=0 apparmor=0 audit=0 8250.nr_uarts=1"
)
KERNEL_FOLDER = "kernel-1"  # to be counted up when what is kept in it changes
SCRATCH_BYTES = 16 << 30
POLL_INTERVAL_S = 0.05
CONSOLE_LINES_SHOWN = 15


class MachineError(Exception):
    """The machine could not be made, did not boot, or did not end in time."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What a machine is made of; ``share`` is seen in it under the same path, writable."""

    cache: Path
    memory_mib: int = 4096
    timeout_s: float = 600.0
    share: Path | None = None
    systemd: bool = False


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """A kernel to boot, with its modules in the order in which they are to be inserted."""

    image: Path
    modules: tuple[Path, ...]


def run(machine: Machine, command: str, output: BinaryIO) -> int:
    """Run ``command`` with bash as root in a new machine; return its exit status.

    What it writes, on either stream, is copied to ``output`` as it comes. ``MachineError`` is
    raised if the status never came; the machine's folder with its console is kept then.
    """
    kernel = prepare_kernel(machine.cache)
    with (
        _control_folder(machine.cache / "runs") as folder,
        tempfile.TemporaryFile(dir=folder) as initrd,
        tempfile.TemporaryFile(dir=folder) as disk,
    ):
        _write_orders(folder, machine, command)
        initrd.write(initrd_archive(kernel))
        initrd.flush()
        _make_file_system(disk)
        qemu = qemu_command(machine, kernel, folder, initrd=_name_of(initrd), disk=_name_of(disk))
        descriptors = (initrd.fileno(), disk.fileno())
        return _serve(qemu, folder, output, timeout_s=machine.timeout_s, descriptors=descriptors)


@contextlib.contextmanager
def _control_folder(runs: Path) -> Iterator[Path]:
    """Yield a new folder to talk with a machine; one that failed leaves it to be looked at."""
    runs.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=runs))
    failed = False
    try:
        yield folder
    except MachineError:
        failed = True
        raise
    finally:
        if not failed:
            shutil.rmtree(folder)


def _write_orders(folder: Path, machine: Machine, command: str) -> None:
    """Write what the machine reads from its control folder: the settings and the command."""
    settings = {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"
        ":/sbin:/bin",
        "HOME": "/root",
        "LANG": "C.UTF-8",
        "TMPDIR": "/scratch/tmp",
        "MACHINE_GUEST": str(GUEST),
        "MACHINE_FOLDER": str(Path.cwd()),
        "MACHINE_SHARE": str(machine.share or ""),
        "MACHINE_INIT": "systemd" if machine.systemd else "command",
    }
    lines = [f"{name}={shlex.quote(value)}\n" for name, value in settings.items()]
    (folder / "settings").write_text("".join(lines))
    (folder / "command").write_text(command + "\n")
    output = folder / "output"
    output.touch()
    output.chmod(0o666)  # the machine's ordinary users may open /dev/stdout too


def _make_file_system(disk: IO[bytes]) -> None:
    """Make ``disk`` a large, sparse file holding an empty ext4."""
    disk.truncate(SCRATCH_BYTES)
    _checked(["mkfs.ext4", "-q", "-F", _name_of(disk)], pass_fds=[disk.fileno()])


def _name_of(file: IO[bytes]) -> str:
    """Return a path to an open file without a name, for a process that inherits it."""
    return f"/proc/self/fd/{file.fileno()}"


def qemu_command(
    machine: Machine, kernel: Kernel, folder: Path, *, initrd: str, disk: str
) -> list[str]:
    """Return the command that boots the machine; QEMU dies with the process that starts it."""
    command = ["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64"]
    command += ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]
    command += ["-accel", "tcg,thread=multi", "-cpu", "max,la57=off", "-smp", "2"]
    command += ["-m", str(machine.memory_mib)]
    command += ["-kernel", str(kernel.image), "-initrd", initrd]
    command += ["-append", KERNEL_OPTIONS, "-serial", f"file:{folder / 'console.log'}"]
    command += ["-drive", f"file={disk},if=virtio,format=raw,cache=unsafe,discard=unmap"]
    command += _shared_folder("host", Path("/"), writable=False)
    command += _shared_folder("control", folder, writable=True)
    if machine.share:
        command += _shared_folder("share", machine.share, writable=True)
    return command


def _shared_folder(tag: str, path: Path, *, writable: bool) -> list[str]:
    escaped = str(path).replace(",", ",,")
    mode = "off" if writable else "on"
    source = f"local,id={tag},path={escaped},security_model=none,multidevs=remap,readonly={mode}"
    return ["-fsdev", source, "-device", f"virtio-9p-pci,fsdev={tag},mount_tag={tag}"]


def _serve(
    command: list[str],
    folder: Path,
    output: BinaryIO,
    *,
    timeout_s: float,
    descriptors: Iterable[int],
) -> int:
    """Boot, copy the command's output until the machine stops, and return the status it left."""
    deadline_s = time.monotonic() + timeout_s
    with (
        (folder / "qemu.log").open("wb") as log,
        (folder / "output").open("rb") as written,
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=tuple(descriptors)
        ) as qemu,
    ):
        try:
            while qemu.poll() is None:
                _copy(written, output)
                if time.monotonic() > deadline_s:
                    raise MachineError(_account(folder, f"did not end within {timeout_s:g} s"))
                time.sleep(POLL_INTERVAL_S)
        finally:
            qemu.kill()
            _copy(written, output)
    status = folder / "status"
    if not status.exists():
        raise MachineError(_account(folder, "stopped without leaving the command's exit status"))
    return int(status.read_text())


def _copy(written: IO[bytes], output: BinaryIO) -> None:
    shutil.copyfileobj(written, output)
    output.flush()


def _account(folder: Path, failure: str) -> str:
    """Return what happened, how far the machine came, and where to look."""
    stage = "while the command ran" if (folder / "started").exists() else "before the command ran"
    said = [
        line
        for name in ("qemu.log", "console.log")
        if (folder / name).exists()
        for line in (folder / name).read_text(errors="replace").splitlines()
    ]
    tail = "".join(f"\n  | {line}" for line in said[-CONSOLE_LINES_SHOWN:])
    return (
        f"the machine {failure} ({stage}); look at console.log, qemu.log and output in {folder}, "
        f"or give it more with --timeout or --memory{tail}"
    )


def prepare_kernel(cache: Path) -> Kernel:
    """Return the kernel in ``cache``, fetched from Debian's packages if it is not there yet.

    A lock keeps two from fetching at once, and a rename makes it appear whole or not at all.
    """
    cache.mkdir(parents=True, exist_ok=True)
    home = cache / KERNEL_FOLDER
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not home.exists():
            with tempfile.TemporaryDirectory(dir=cache) as work:
                _fetch_kernel(Path(work)).rename(home)
    return Kernel(image=home / "vmlinux", modules=tuple(sorted(home.glob("*.ko"))))


def _fetch_kernel(work: Path) -> Path:
    """Unpack Debian's kernel package below ``work``; return a folder with what a boot needs."""
    depends = _checked(["apt-cache", "depends", "linux-image-amd64"])
    package = re.search(r"Depends: (linux-image-\S+)", depends)
    if package is None:
        raise MachineError("apt knows no linux-image-amd64; run `apt-get update` first")
    _checked(["apt-get", "-o", "APT::Sandbox::User=root", "download", package[1]], cwd=work)
    for archive in work.glob("*.deb"):
        _checked(["dpkg", "-x", str(archive), str(work)])
    home = work / "kernel"
    home.mkdir()
    (image,) = work.glob("boot/vmlinuz-*")
    (home / "vmlinux").write_bytes(bare_kernel(image.read_bytes()))
    found = {path.name.split(".")[0].replace("-", "_"): path for path in work.rglob("*.ko*")}
    contents = {name: _module_bytes(path) for name, path in found.items()}
    for position, name in enumerate(insertion_order(MODULES, contents)):
        (home / f"{position:02}-{name}.ko").write_bytes(contents[name])
    return home


def bare_kernel(image: bytes) -> bytes:
    """Return the ELF kernel inside a bzImage, which saves unpacking it with an emulated CPU.

    The offsets are those of the x86 boot protocol (Documentation/x86/boot.rst in the kernel's
    sources). An image packed otherwise than with xz is returned as it is: QEMU boots it too.
    """
    setup_sectors = image[0x1F1]
    payload_offset = int.from_bytes(image[0x248:0x24C], "little")
    payload_bytes = int.from_bytes(image[0x24C:0x250], "little")
    start = (setup_sectors + 1) * 512 + payload_offset
    payload = image[start : start + payload_bytes]
    if not payload.startswith(b"\xfd7zXZ\x00"):
        return image
    return lzma.LZMADecompressor().decompress(payload)


def _module_bytes(path: Path) -> bytes:
    """Return the module unpacked, and without the mark of a signature that takes long to check."""
    content = path.read_bytes()
    unpacked = lzma.decompress(content) if path.suffix == ".xz" else content
    return unpacked.removesuffix(b"~Module signature appended~\n")


def insertion_order(wanted: Iterable[str], contents: dict[str, bytes]) -> list[str]:
    """Return ``wanted`` and what they depend on, by the ``depends=`` in each module's text."""
    order: list[str] = []
    for name in wanted:
        if name not in contents:
            raise MachineError(f"the kernel package has no module {name}; is it built in now?")
        depends = re.search(rb"\0depends=([^\0]*)\0", contents[name])
        needed = depends[1].decode().replace("-", "_").split(",") if depends and depends[1] else []
        order += [each for each in [*insertion_order(needed, contents), name] if each not in order]
    return order


def initrd_archive(kernel: Kernel) -> bytes:
    """Return the first file system: busybox, the init script and the modules, as a cpio."""
    try:
        busybox = Path("/bin/busybox").read_bytes()
    except OSError as error:
        raise MachineError("/bin/busybox: not found; `apt-get install busybox-static`") from error
    files = {"bin/busybox": busybox, "init": (GUEST / "init").read_bytes()}
    files |= {f"modules/{path.name}": path.read_bytes() for path in kernel.modules}
    entries = [_cpio_entry(name, 0o040755, b"") for name in ("bin", "modules")]
    entries += [_cpio_entry(name, 0o100755, content) for name, content in files.items()]
    return b"".join([*entries, _cpio_entry("TRAILER!!!", 0, b"")])


def _cpio_entry(name: str, mode: int, content: bytes) -> bytes:
    """Return one member of a "newc" archive (Documentation/driver-api/early-userspace)."""
    name_bytes = len(name) + 1
    fields = (0, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, name_bytes, 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
    return _padded(head) + _padded(content)


def _padded(content: bytes) -> bytes:
    return content + b"\0" * (-len(content) % 4)


def _checked(command: list[str], *, cwd: Path | None = None, pass_fds: Iterable[int] = ()) -> str:
    """Return what ``command`` wrote to its stdout; ``MachineError`` if it failed."""
    try:
        ended = subprocess.run(
            command, capture_output=True, text=True, check=True, cwd=cwd, pass_fds=tuple(pass_fds)
        )
    except FileNotFoundError as error:
        raise MachineError(f"{command[0]}: not found; install what README.md lists") from error
    except subprocess.CalledProcessError as error:
        said = f"{shlex.join(command)}: exit {error.returncode}\n{error.stderr}"
        hint = "run `apt-get update` first" if command[0].startswith("apt") else "see README.md"
        raise MachineError(f"{said}{hint}") from error
    return ended.stdout


def _stop(number: int, _frame: FrameType | None) -> NoReturn:
    """Leave as a shell reports a signal, through every ``finally``."""
    raise SystemExit(128 + number)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Run a command on a real cgroup v2 kernel.")
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    parser.add_argument("--systemd", action="store_true", help="boot systemd in the machine")
    parser.add_argument("--memory", type=int, default=4096, metavar="MIB")
    parser.add_argument("--timeout", type=float, default=600.0, metavar="SECONDS")
    parser.add_argument("--cache", type=Path, default=caches / "oomproof-vm", metavar="FOLDER")
    parser.add_argument("--share", type=Path, metavar="FOLDER", help="writable, at the same path")
    parser.add_argument(
        "command", nargs="+", help="one word: a bash script; several: a program and its arguments"
    )
    return parser


def main() -> int:
    """Run the command of the command line; return its exit status, or 125 without one."""
    options = _parser().parse_args()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _stop)
    if options.share:
        options.share.mkdir(parents=True, exist_ok=True)
    machine = Machine(
        cache=options.cache.resolve(),
        memory_mib=options.memory,
        timeout_s=options.timeout,
        share=options.share and options.share.resolve(),
        systemd=options.systemd,
    )
    words: list[str] = options.command
    command = words[0] if len(words) == 1 else shlex.join(words)
    try:
        return run(machine, command, sys.stdout.buffer)
    except MachineError as error:
        sys.stderr.write(f"machine: {error}\n")
        return EXIT_MACHINE_FAILED


if __name__ == "__main__":
    sys.exit(main())
