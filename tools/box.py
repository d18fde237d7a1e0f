"""A box for a student's code: bubblewrap's walls around a kernel, and limits within them.

As the command of a kernel, ``python tools/box.py CONNECTION_FILE …`` starts ipykernel where there
is no network, no other process, the system to be read, of the course the package alone, and nowhere
to write but a little memory. When this process ends, all that began in the box ends with it.
"""

import contextlib
import functools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parent.parent / "alexnet_course"
MB = 2**20
FILE = 64 * MB  # bytes of a file
SPACE = 256 * MB  # bytes of all files below /tmp, and as many of shared memory
THREADS = 512
PROCESSES = 64
OPEN = 256  # files at a time
PROGRAM = "bwrap"
KEPT = ("OMP_NUM_THREADS", "ALEXNET_COURSE_CIFAR10", "ALEXNET_COURSE_SCALE", "NBGRADER_EXECUTION")
SYSTEM = (
    *("/usr", "/bin", "/lib", "/lib32", "/lib64", "/sys/devices/system/cpu"),
    *("/etc/alternatives", "/etc/fonts", "/etc/ld.so.cache", "/etc/localtime"),
)
CONNECTION, SOCKETS = "/tmp/kernel.json", "/tmp/kernel"
PAGE = 4096 if sys.platform == "win32" else os.sysconf("SC_PAGE_SIZE")


def memory() -> int:
    """Bytes that a process in the box may hold, and half of what all of them may."""
    return min(4096 * MB, os.sysconf("SC_PHYS_PAGES") * PAGE // 2)


def at_a_time() -> int:
    """How many notebooks can be run at a time: by processors, and by memory where it is known."""
    processors = os.cpu_count() or 1
    if sys.platform == "win32":
        return processors
    if hasattr(os, "sched_getaffinity"):
        processors = len(os.sched_getaffinity(0))
    return max(1, min(processors, os.sysconf("SC_PHYS_PAGES") * PAGE // (2 * memory())))


def _surroundings() -> dict[str, str]:
    """The environment in the box, and that of bwrap itself, which can be read from inside."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    home = {"HOME": "/tmp", "USER": "student", "LANG": "C.UTF-8", "PATH": "/usr/bin:/bin"}
    return kept | home | {"PYTHONPATH": "/course"}


def _walls(file: int, info: int) -> list[str]:
    """The command that runs another one in the box, and tells of it on the descriptor ``info``.

    What is read from the descriptor ``file`` lies in the box as ``CONNECTION``.
    """
    python = (sys.prefix, sys.base_prefix, str(Path(sys.executable).resolve().parents[1]))
    shown = dict.fromkeys([*SYSTEM, *python])
    return [
        *(PROGRAM, "--unshare-user", "--unshare-all", "--cap-drop", "ALL"),
        *("--die-with-parent", "--new-session", "--info-fd", str(info)),
        *(word for path in shown for word in ("--ro-bind-try", path, path)),
        *("--ro-bind", str(PACKAGE), f"/course/{PACKAGE.name}", "--proc", "/proc", "--dev", "/dev"),
        *("--size", str(SPACE), "--tmpfs", "/tmp", "--size", str(SPACE), "--tmpfs", "/dev/shm"),
        *("--file", str(file), CONNECTION),
        *("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/tmp"),
        *("prlimit", f"--data={memory()}", f"--fsize={FILE}", f"--nproc={THREADS}"),
        *(f"--nofile={OPEN}", "--core=0", "--"),
    ]


def start(
    command: list[str], connection: bytes = b"", **options: Any
) -> tuple[subprocess.Popen, Path]:
    """Run ``command`` in the box; gives the process, and the root of the box as seen from here.

    Raises :class:`OSError` if there can be no box.
    """
    told, info = os.pipe()
    with tempfile.TemporaryFile() as file:
        file.write(connection)
        file.seek(0)
        within = file.fileno(), info
        process = subprocess.Popen(
            [*_walls(*within), *command], pass_fds=within, env=_surroundings(), **options
        )
    os.close(info)
    said = b""
    while b"}" not in said and (more := os.read(told, 4096)):
        said += more
    os.close(told)
    if not (found := re.search(rb'"child-pid": (\d+)', said)):
        process.wait()
        raise OSError("bwrap could not make a box")
    root = Path(f"/proc/{int(found[1])}/root")
    ends = time.monotonic() + 20
    while process.poll() is None and not _is_up(root):
        if time.monotonic() > ends:
            process.kill()
            raise OSError("what is in a box can't be reached")
        time.sleep(0.01)
    return process, root


def _is_up(root: Path) -> bool:
    """Whether a box has a root of its own by now."""
    try:
        return not root.samefile("/") and (root / "course").is_dir()
    except OSError:
        return False


@functools.cache
def why_not() -> str:
    """Why there can be no box here; empty if there can be one."""
    if not shutil.which(PROGRAM):
        return "bubblewrap is not installed"
    pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    try:
        process, root = start([sys.executable, "-c", "print('here', flush=True); input()"], **pipes)
        assert process.stdout
        here = process.stdout.readline() == b"here\n" and (root / "tmp").is_dir()
        _, errors = process.communicate(b"\n")
    except OSError as error:
        return str(error)
    return "" if here else errors.decode(errors="replace").strip()[-200:] or "it can't be reached"


def _too_much(root: Path) -> bool:
    """Whether there are more processes in the box than may be, or they hold more memory."""
    held = []
    for one in (root / "proc").glob("[0-9]*/statm"):
        with contextlib.suppress(OSError):  # it has just ended
            held.append(int(one.read_text().split()[1]) * PAGE)
    return len(held) > PROCESSES or sum(held) > 2 * memory()


def main(connection_file: str, *arguments: str) -> int:
    """Start the kernel; stop it when it holds too much, or nobody waits for it. Its exit status."""
    path, parent = Path(connection_file), os.getppid()
    within = json.loads(path.read_text()) | {"ip": SOCKETS}
    process, root = start(
        [sys.executable, "-m", "ipykernel_launcher", "-f", CONNECTION, *arguments],
        json.dumps(within).encode(),
        stdout=subprocess.DEVNULL,  # what goes past Jupyter is shown to nobody
        stderr=subprocess.DEVNULL,
    )
    (path.parent / "inside").symlink_to(root / "tmp")  # the parent reaches the sockets so
    while True:
        try:
            return process.wait(0.1)
        except subprocess.TimeoutExpired:
            if _too_much(root) or os.getppid() != parent:
                process.kill()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
