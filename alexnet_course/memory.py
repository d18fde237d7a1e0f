"""Memory that a loop gives back and takes again at every step: kept by the process, on Linux."""

import ctypes

# glibc's malloc.h: how many blocks may be mapped, and how much may lie free at the heap's end.
M_MMAP_MAX, M_TRIM_THRESHOLD = -4, -1
MOST = 2**31 - 1


def keep_freed_memory() -> bool:
    """Let this process keep what it frees, for its next tensors; gives whether that was possible.

    Else the C library asks the system for every large tensor, and gives it back, at every step, and
    the system clears each page anew. Without that, training on a CPU is up to a third faster,
    depending on network, batch and processor (``benchmark`` measures it; appendix "How fast?"). The
    process takes somewhat more memory, since what lies free between tensors stays. Call it before
    the first of them; it takes some steps until all that is needed is there.

    It is for a program of one's own, not for a library to do unasked. ``experiment``, ``train``,
    ``benchmark``, ``race`` and the command of :mod:`~alexnet_course.distributed` do it for our
    loop; importing the package doesn't. Only glibc (most of Linux) has the switch; macOS and
    Windows keep what they free by rules of their own, and nothing happens there.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library, or Windows
        return False
    return bool(mallopt(M_MMAP_MAX, 0) and mallopt(M_TRIM_THRESHOLD, MOST))
