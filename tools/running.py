"""Runs a student's notebook and its tests, in a box where there is one; nbgrader does the rest.

The student's cells and the visible tests run in their order, as the student ran them. Hidden tests
are put in when all of that is done, each where its visible part left off. Last comes what must
fail: wrong values, and the blank notebook. What has passed is decided by what the kernel answers
and by what only a test that has run to its end can say. What a cell shows decides nothing.
"""

import asyncio
import json
import re
import secrets
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import zmq.asyncio
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import CellExecutionComplete
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_output
from nbgrader.preprocessors import Execute
from traitlets import Bool, Integer, List, Unicode, default

import box
from archives import well_formed
from mending import graded

HIDDEN = re.compile(r"(?ms)^### BEGIN HIDDEN TESTS\n.*?^### END HIDDEN TESTS$\n?")
NUMBER = re.compile(r'\bos\.environ\.get\(\s*"ALEXNET_COURSE_NUMBER",\s*(\w+)\s*\)')
IN_KERNEL = (Path(__file__).parent / "in_kernel.py").read_text(encoding="utf-8")
SIGN = "application/x-has-run"  # the kind of output that only a test's end has
CALL = "__import__('in_kernel').{}({!r})"
MESSAGE = 50 * 2**20  # bytes of one message, beyond which the kernel is cut off
LINE = 10_000  # characters of a line of an error that are shown
LINES = 200
WRONG_VALUES = (
    """
import math
import torch
from alexnet_course import checks

one, other = {}, {}
pair = torch.full((2,), one), torch.full((2,), other)
for must_fail, *arguments in (
    (checks.check, "a number", one, other),
    (checks.check, "a tensor", *pair),
    (checks.check_call, abs, [one], other),
    (checks.check_whole, {{"a number": one}}),
):
    try:
        must_fail(*arguments)
    except AssertionError:
        continue
    break
else:
    raise AssertionError
""",
    """
assert (
    one == other
    or math.isclose(one, other)
    or torch.equal(*pair)
    or torch.allclose(*pair)
)
""",
)


class Tampered(Exception):
    """What must fail has passed."""


class Kernel(AsyncKernelManager):
    """A kernel that can't send a message of any size."""

    @default("context")
    def _context_default(self) -> zmq.asyncio.Context:
        self._created_context = True
        context = zmq.asyncio.Context()
        context.setsockopt(zmq.MAXMSGSIZE, MESSAGE)
        return context


def boxed(folder: Path, **options: Any) -> Kernel:
    """A kernel in the box, which is reached through ``folder``."""
    kernel = Kernel(transport="ipc", ip=str(folder / "inside" / "kernel"), **options)
    kernel.connection_file = str(folder / "kernel.json")
    kernel._kernel_spec = KernelSpec(
        argv=[sys.executable, box.__file__, "{connection_file}"],
        interrupt_mode="message",
        language="python",
    )
    return kernel


class Run(Execute):
    """nbgrader's step that runs a notebook."""

    boxed = Bool(help="whether the kernel runs in the box").tag(config=True)
    number = Unicode("", help="the student's number; empty if none is checked").tag(config=True)
    blank: Any = List(help="the release's code: name of a test or none, and source").tag(
        config=True
    )
    ran: Any = List(help="the code cells as a run before has left them").tag(config=True)
    in_all = Integer(300, help="seconds for all of a student's cells").tag(config=True)
    most = Integer(2 * 2**20, help="bytes that a cell may show").tag(config=True)

    @default("boxed")
    def _boxed_default(self) -> bool:
        return not box.why_not()

    @default("timeout_func")
    def _timeout_func_default(self) -> Callable[[NotebookNode], int]:
        return self._seconds

    def preprocess(self, nb: NotebookNode, resources: Any, km: Any = None) -> Any:
        if self.ran:
            return self._as_it_ran(nb), resources
        self._ends = time.monotonic() + self.in_all
        with tempfile.TemporaryDirectory() as folder:
            self._folder = Path(folder)
            resources.setdefault("metadata", {})["path"] = folder  # no notebook lies there
            return super().preprocess(nb, resources, km)

    def _as_it_ran(self, nb: NotebookNode) -> NotebookNode:
        """``nb`` with what its code cells showed in a run before."""
        code = [cell for cell in nb.cells if cell.cell_type == "code"]
        for cell, before in zip(code, self.ran, strict=True):
            if name_of_test(cell):
                cell.source = self._numbered(cell.source)
            if cell.source != before.source:
                raise ValueError("the cells that were run are not those of this notebook")
            cell.outputs, cell.execution_count = before.outputs, before.execution_count
        return nb

    def create_kernel_manager(self) -> AsyncKernelManager:
        if self.boxed:
            self.km = boxed(self._folder, config=self.config)
        else:
            self.km = Kernel(kernel_name="python3", config=self.config)
        return self.km

    def _seconds(self, cell: NotebookNode) -> int:
        """For a test as many as ever; for another cell of those that are left."""
        left = int(self._ends - time.monotonic()) if self._own else self.timeout
        return max(1, min(self.timeout, left))

    def preprocess_cell(self, cell: NotebookNode, resources: Any, index: int) -> Any:
        if index == 0:
            self._run(f"exec({IN_KERNEL!r}, {{'__name__': 'in_kernel'}})", index)
            self._run(CALL.format("keep", "blank"), index)
            self._passed: list[int] = []
        if name_of_test(cell):
            cell.source = self._numbered(cell.source)
            cell.outputs, passed = self._test(HIDDEN.sub("", cell.source), index)
            if passed:
                self._passed.append(index)
                self._run(CALL.format("keep", index), index)
        elif cell.cell_type == "code":
            cell.outputs, _ = self._run(cell.source, index, own=True)
        if index == len(self.nb.cells) - 1:
            self._put_in_hidden_tests()
            self._try_what_must_fail()
        return cell, resources

    def _numbered(self, test: str) -> str:
        return NUMBER.sub(lambda found: self.number or found[1], test)

    def _put_in_hidden_tests(self) -> None:
        for index in self._passed:
            cell = self.nb.cells[index]
            if hidden := "".join(HIDDEN.findall(cell.source)):
                self._run(CALL.format("go_back", index), index)
                cell.outputs += self._test(hidden, index)[0]

    def _try_what_must_fail(self) -> None:
        """Raises :class:`Tampered` if it does not."""
        last = len(self.nb.cells) - 1
        values = [secrets.randbelow(1000) + part for part in (0.25, 0.75)]
        whole = {name_of_test(cell): cell.source for cell in self.nb.cells}
        self._run(CALL.format("go_back", "blank"), last)
        for name, source in [
            *(("a wrong value", source.format(*values)) for source in WRONG_VALUES),
            *((name, whole[name] if name else source) for name, source in self.blank),
        ]:
            if self._run(source, last)[1] and name:
                raise Tampered(name)

    def _test(self, source: str, index: int) -> tuple[list[NotebookNode], bool]:
        """What a test shows, with an error unless it passed; and whether it did."""
        words = secrets.token_hex()
        outputs, done = self._run(f"{source}\n{CALL.format('sign', words)}", index)
        signed = any(_data(output).get(SIGN) == words for output in outputs)
        shown = [output for output in outputs if SIGN not in _data(output)]
        for output in shown:
            if output.output_type == "execute_result":  # nbgrader would take it for points
                output.output_type = "display_data"
                output.pop("execution_count", None)
        passed = done and signed
        if not passed and not _failed(shown):
            words = "✗ The test has not run to its end."
            shown.append(new_output("error", ename="NotRun", evalue="", traceback=[words]))
        return shown, passed

    def _run(self, source: str, index: int, own: bool = False) -> tuple[list[NotebookNode], bool]:
        """What code shows, and whether it ended without an error; the cell at ``index`` stays."""
        kept, cell = self.nb.cells[index], new_code_cell(source)
        self.nb.cells[index], self._own = cell, own
        self._left, self._status, self.raise_on_iopub_timeout = self.most, "", True
        self._display_id_map.clear()  # so that nothing shown before can be changed
        try:
            self.execute_cell(cell, index, store_history=own)
        finally:
            self.nb.cells[index] = kept
        kept.execution_count = cell.execution_count
        return _storable(cell.outputs), self._status == "ok" and not _failed(cell.outputs)

    def on_cell_executed(self, **about: Any) -> None:
        self._status = about["execute_reply"]["content"]["status"]
        super().on_cell_executed(**about)

    def process_message(self, msg: dict, cell: NotebookNode, cell_index: int) -> Any:
        """nbclient's, but for widgets, for what is too much, and for what is against the format."""
        try:
            if self._is_to_be_shown(msg, cell):
                return super().process_message(msg, cell, cell_index)
        except CellExecutionComplete:
            raise
        except Exception as error:
            self.log.debug("a message against the format: %s", error)
        return None

    def _is_to_be_shown(self, msg: dict, cell: NotebookNode) -> bool:
        """Whether there is room for a message; a cell that goes on and on is interrupted."""
        if msg["msg_type"] == "status" or SIGN in msg["content"].get("data", {}):
            return True
        if msg["msg_type"].startswith("comm"):
            return False
        before = self._left
        if before < -MESSAGE:  # interrupted: what still comes has only to be got out of the way
            return False
        self._left -= len(json.dumps(msg["content"], default=str))
        if self._left < 0 <= before:
            cut = f"\n… nothing more is shown: over {self.most // 2**20} MB in one cell\n"
            cell.outputs.append(new_output("stream", text=cut))
            self.raise_on_iopub_timeout = False  # a busy kernel drops messages, the last one, too
        if self._left < -MESSAGE <= before:
            self._interrupting = asyncio.ensure_future(self.km.interrupt_kernel())
        return self._left >= 0


def name_of_test(cell: NotebookNode) -> str:
    """The name of a cell that is a test; empty if it is none."""
    about = graded(cell)
    is_test = cell.cell_type == "code" and about.get("grade") and not about.get("solution")
    return about["grade_id"] if is_test else ""


def _failed(outputs: list[NotebookNode]) -> bool:
    return any(output.output_type == "error" for output in outputs)


def _data(output: NotebookNode) -> dict:
    return output.get("data", {})


def _storable(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """``outputs`` with long errors cut, and no half of a character, which no file can hold."""
    for output in outputs:
        if output.output_type == "error":
            output.evalue = output.evalue[:LINE]
            output.traceback = [line[:LINE] for line in output.traceback[:LINES]]
    return nbformat.from_dict(json.loads(well_formed(json.dumps(outputs, ensure_ascii=False))))
