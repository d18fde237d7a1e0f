"""Memory that is freed and taken again: what the system is asked for."""

import ctypes
import os
import platform
import subprocess
import sys

import pytest

from alexnet_course.memory import has_huge_pages, huge_pages_for_children, keep_freed_memory

FAULTS = """
import resource, sys
import torch
from alexnet_course.memory import keep_freed_memory

def take_and_free(times):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        torch.ones(10_000_000)  # 40 MB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

torch.set_num_threads(1)
if sys.argv[1] == "kept":
    assert keep_freed_memory()
take_and_free(50)
print(take_and_free(10))
"""


def page_faults(how: str) -> int:
    command = [sys.executable, "-c", FAULTS, how]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has the switch")
def test_what_is_kept_need_not_be_asked_for_again():
    assert page_faults("kept") < 0.1 * page_faults("as it is")


@pytest.mark.parametrize("error", [AttributeError, OSError, TypeError])
def test_where_the_c_library_has_no_switch_nothing_happens(monkeypatch, error):
    def without(_):
        raise error

    monkeypatch.setattr(ctypes, "CDLL", without)
    assert keep_freed_memory() is False


@pytest.mark.parametrize(
    ("library", "setting", "there"),
    [
        (("glibc", "2.36"), "always [madvise] never", True),
        (("glibc", "2.35"), "always [madvise] never", True),
        (("glibc", "2.36"), "[always] madvise never", False),  # all have them
        (("glibc", "2.36"), "always madvise [never]", False),
        (("glibc", "2.9"), "always [madvise] never", False),  # 9 is not more than 35
        (("", ""), "always [madvise] never", False),  # another library
        (("glibc", "2.36"), None, False),  # another system
    ],
)
def test_huge_pages_need_the_library_and_the_system(monkeypatch, tmp_path, library, setting, there):
    monkeypatch.setattr(platform, "libc_ver", lambda: library)
    if setting is not None:
        (tmp_path / "enabled").write_text(setting)
    assert has_huge_pages(tmp_path / "enabled") is there


@pytest.mark.parametrize("mine", [None, "glibc.malloc.tcache_count=7"])
def test_programs_that_are_started_ask_for_huge_pages_and_this_one_does_not(monkeypatch, mine):
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    if mine:
        monkeypatch.setenv("GLIBC_TUNABLES", mine)
    before = dict(os.environ)
    with huge_pages_for_children():
        asked = os.environ["GLIBC_TUNABLES"].split(":")
    assert asked == [*([mine] if mine else []), "glibc.malloc.hugetlb=1"]
    assert dict(os.environ) == before


HUGE = """
import torch
from alexnet_course.memory import keep_freed_memory

keep_freed_memory()
held = [torch.ones(10_000_000) for _ in range(10)]  # 400 MB
lines = open("/proc/self/smaps_rollup").read().splitlines()
print(next(line.split()[1] for line in lines if line.startswith("AnonHugePages")))
"""


@pytest.mark.skipif(not has_huge_pages(), reason="the system gives no huge pages on request")
def test_a_program_that_asks_gets_more_huge_pages():
    def kibibytes():
        command = [sys.executable, "-c", HUGE]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    ordinary = kibibytes()
    with huge_pages_for_children():
        assert kibibytes() > ordinary
