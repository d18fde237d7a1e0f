"""Memory that a loop gives back and takes again at every step: kept by the process, on Linux."""

import ctypes
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# glibc's malloc.h: how many blocks may be mapped, and how much may lie free at the heap's end.
M_MMAP_MAX, M_TRIM_THRESHOLD = -4, -1
MOST = 2**31 - 1
# glibc reads it when a program starts: malloc then asks for pages of 2 MiB (x86-64), not of 4 KiB.
TUNABLES, HUGE_PAGES = "GLIBC_TUNABLES", "glibc.malloc.hugetlb=1"


def keep_freed_memory() -> bool:
    """Let this process keep what it frees, for its next tensors; gives whether that was possible.

    Else the C library asks the system for every large tensor, and gives it back, at every step, and
    the system clears each page anew. Without that, training on a CPU is up to a third faster,
    depending on network, batch and processor (``benchmark`` measures it; appendix "How fast?"). The
    process takes somewhat more memory, since what lies free between tensors stays. Call it before
    the first of them; it takes some steps until all that is needed is there.

    It is for a program of one's own, not for a library to do unasked. The course's commands
    that train do it for our loop; importing the package doesn't. Only glibc (most of Linux) has the
    switch; macOS and Windows keep what they free by rules of their own, and nothing happens there.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library, or Windows
        return False
    return bool(mallopt(M_MMAP_MAX, 0) and mallopt(M_TRIM_THRESHOLD, MOST))


def has_huge_pages(settings: Path = Path("/sys/kernel/mm/transparent_hugepage/enabled")) -> bool:
    """Whether asking for huge pages changes anything here: by glibc from 2.35 on, on a system that
    gives them to programs that ask. (Where it says ``[always]``, all have them without.)
    """
    library, version = platform.libc_ver()
    if library != "glibc" or tuple(map(int, version.split("."))) < (2, 35):
        return False
    try:
        return "[madvise]" in settings.read_text()
    except OSError:
        return False


@contextmanager
def huge_pages_for_children() -> Iterator[None]:
    """Programs that are started in here get their memory in huge pages, where there are any
    (:func:`has_huge_pages`): fewer faults, and fewer look-ups of where a page is.

    For a program of one's own, set ``GLIBC_TUNABLES=glibc.malloc.hugetlb=1`` before it starts.
    """
    before = os.environ.get(TUNABLES)
    os.environ[TUNABLES] = f"{before}:{HUGE_PAGES}" if before else HUGE_PAGES
    try:
        yield
    finally:
        del os.environ[TUNABLES]
        if before:
            os.environ[TUNABLES] = before
