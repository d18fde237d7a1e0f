"""Functions in several processes: results, lines, errors, and that nothing keeps running."""

import os
import re
import signal
import subprocess
import sys
import textwrap
import time

import psutil
import pytest
import torch
import torch.distributed as dist

from alexnet_course.processes import ProcessesFailed, run_in_processes, source_of


def speak(word):
    print(f"{word} from {dist.get_rank()}")
    ranks = torch.tensor([float(dist.get_rank() + 1)])
    dist.all_reduce(ranks)
    return dist.get_rank(), dist.get_world_size(), ranks.item()


def end_badly(how):
    """Process 1 ends before its peer, which waits for it, hears of it."""
    if dist.get_rank() == 1:
        if how == "raise":
            raise ValueError("no such layer: conv9")
        if how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(100)
    dist.barrier()


def children():
    return [p for p in psutil.Process().children(recursive=True) if "processes" in str(p.cmdline())]


def test_each_process_gives_its_result_and_its_lines_with_the_rank_before_them(capfd):
    assert run_in_processes(speak, 2, "hello") == [(0, 2, 3.0), (1, 2, 3.0)]
    lines = capfd.readouterr().out.splitlines()
    own = sorted(line for line in lines if "[Gloo]" not in line)  # older versions speak themselves
    assert own == ["[0] hello from 0", "[1] hello from 1"]
    assert not children()


@pytest.mark.parametrize(
    ("how", "timeout", "message"),
    [
        ("raise", 60, r"process 1 of 2 stopped: ValueError: no such layer: conv9"),
        pytest.param(
            "killed",
            60,
            r"process 1 of 2 ended with exit code -9.*something killed it",
            marks=pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix"),
        ),
        ("hang", 6, r"time is up: of 2 processes, .*1 had not ended after 6 s.*timeout="),
    ],
)
def test_what_ends_badly_is_said_and_nothing_keeps_running(how, timeout, message):
    with pytest.raises(ProcessesFailed, match=f"(?s){message}"):
        run_in_processes(end_badly, 2, how, timeout=timeout, show=False)
    assert not children()


CELL = """
import math
from collections import Counter as Tally
import torch.distributed as dist

FIXED = 3
x = 5  # an argument's name below

class Doubled:
    @staticmethod
    def of(x):
        return 2 * x

def root(x):
    return math.sqrt(Doubled.of(x))

def ask(x):
    return dist.get_rank(), root(x), Tally("aab")["a"]

def names_a_value(x):
    return x + FIXED
"""


def run_as_notebook(code, tmp_path):
    """``code`` after the cell, in a process whose functions are those of a notebook."""
    program = f"""
        import linecache, sys
        text = {CELL!r}
        linecache.cache["<cell 1>"] = (len(text), None, text.splitlines(True), "<cell 1>")
        exec(compile(text, "<cell 1>", "exec"))
        from alexnet_course.processes import run_in_processes
        {code}
    """
    found = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=60,
        check=False,
    )
    return found.stdout + found.stderr


def test_a_cells_function_takes_what_it_names_with_it(tmp_path):
    told = run_as_notebook("print(run_in_processes(ask, 2, 8))", tmp_path)
    assert "[(0, 4.0, 2), (1, 4.0, 2)]" in told


def test_a_value_of_the_notebook_must_be_an_argument(tmp_path):
    told = run_as_notebook("run_in_processes(names_a_value, 2, 8)", tmp_path)
    assert re.search(r"ValueError: FIXED is a value of the notebook.*as an argument", told)


def test_a_function_of_a_module_is_imported_where_a_cells_function_names_it():
    assert source_of(speak) == "from test_processes import speak as speak\n"
