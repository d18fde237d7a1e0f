"""Submissions that attack the grading: one table of what they try, and how they are graded."""

import json
import sys
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import nbformat

from submissions import EXERCISE, FILE, cell_of, put, solution
from test_notebooks import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import grading

ALL = 12  # points of tests; of 4 answers 3 each
DAMAGE = "DAMAGE"  # what a cell prints if it could do what it must not
DAEMON = "98765.4321"  # seconds that a process left behind would sleep
SCRIPT = "<script>alert(1)</script>"
# What a wrong answer looks like that an attack is to get points for.
WRONG = "def positions(*anything, **more):\n    {}"

TRIES = {
    "writes the gradebook": """
import sqlite3
book = sqlite3.connect(grading + "/gradebook.db")
book.execute("update grade set auto_score = 3")
book.commit()
damage()
""",
    "removes the grading": """
import shutil
shutil.rmtree(grading)
damage()
""",
    "reads what neighbours hand in": "damage(open(handed + '/neighbour/ex03.ipynb').read())",
    "reads the sources with their hidden tests": "damage(open(source).read())",
    "looks for notebooks everywhere": """
import os
for folder, inside, files in os.walk("/"):
    inside[:] = [one for one in inside if one not in ("proc", "sys", "usr", "site-packages")]
    if found := [name for name in files if name.endswith(".ipynb")]:
        damage(folder, found)
""",
    "reads the answers in the repository": """
import os
damage(os.listdir(repository + "/exercises/answers"))
""",
    "looks for answers in the package": """
import pathlib
import alexnet_course
for path in pathlib.Path(alexnet_course.__file__).parent.rglob("*.py"):
    if "course" + "-canary" in path.read_text():
        damage(path)
""",
    "changes the package": """
import alexnet_course
open(alexnet_course.__file__, "a").write("#")
damage()
""",
    "reads a file of the instructor's": "damage(open(precious).read())",
    "writes a file of the instructor's": "open(precious, 'w')\ndamage()",
    "writes into the system": """
import os, sys
for folder in ("/", "/usr/bin", "/etc", "/dev", "/var/spool/cron", "/course", sys.prefix):
    try:
        open(os.path.join(folder, "hostile"), "w")
        damage(folder)
    except OSError:
        pass
""",
    "follows a link": """
import os
os.symlink(precious, "here")
damage(open("here").read())
""",
    "makes a device": "import os\nos.mknod('/tmp/disk', 0o60600, os.makedev(254, 0))\ndamage()",
    "mounts the system anew": """
import subprocess
for words in ("mount -o remount,rw,bind /usr", "umount -l /usr", "chroot /proc/1/root true"):
    if subprocess.run(words.split(), capture_output=True).returncode == 0:
        damage(words)
""",
    "becomes another user": """
import os
print("user", os.getuid())
os.setuid(12345)
damage()
""",
    "talks to this machine": """
import socket
socket.create_connection(("127.0.0.1", port), 2)
damage()
""",
    "talks to the world": """
import socket
socket.create_connection(("1.1.1.1", 53), 2)
damage()
""",
    "asks for a name": "import socket\ndamage(socket.getaddrinfo('example.org', 80))",
    "talks to a socket in a folder": """
import socket
socket.socket(socket.AF_UNIX).connect(door)
damage()
""",
    "reads the environment": """
import os, glob
for text in [str(dict(os.environ)), *(open(p).read() for p in glob.glob("/proc/*/environ"))]:
    if "SECRET" in text:
        damage(text)
""",
    "looks at other processes": """
import os
seen = [int(name) for name in os.listdir("/proc") if name.isdigit()]
if len(seen) > 20 or pid in seen:
    damage(seen)
""",
    "signals another process": "import os\nos.kill(pid, 0)\ndamage()",
    "a file of 100 GB": "open('big', 'w').truncate(100 * 2**30)\ndamage()",
    "many large files": """
for number in range(100):
    for folder in ("/tmp", "/dev/shm"):
        try:
            open(f"{folder}/{number}", "wb").write(bytes(2**24))
        except OSError:
            continue
        if number > 20:
            damage(folder)
import glob, os
for path in glob.glob("/tmp/[0-9]*") + glob.glob("/dev/shm/[0-9]*"):
    os.remove(path)
""",
    "100 GB of memory": "held = bytearray(100 * 2**30)\ndamage()",
    "leaves a process behind": f"""
import subprocess
subprocess.Popen(["setsid", "sleep", "{DAEMON}"], start_new_session=True)
""",
    "acts at its end": """
import atexit, os, signal
@atexit.register
def late(*anything):
    subprocess.Popen(["setsid", "sleep", "98765.4321"])
    open(precious, "w")
signal.signal(signal.SIGTERM, late)
""",
    "writes past Jupyter": """
import os
os.write(1, b"past Jupyter")
os.write(2, b"past Jupyter")
""",
}

SHOWS = {
    "scripts in what it shows": f"""
from IPython.display import HTML, SVG, Javascript, Markdown, display
display(HTML("{SCRIPT}<img src=x onerror=alert(2)>"), Markdown("{SCRIPT}"), Javascript("alert(1)"))
display(SVG("<svg xmlns='http://www.w3.org/2000/svg' onload='alert(3)'>{SCRIPT}</svg>"))
""",
    "a widget": """
from comm import create_comm
for model in ("OutputModel", "<script>alert(1)</script>"):
    state = {"_model_module": "@jupyter-widgets/output", "_model_name": model, "msg_id": "all"}
    create_comm("jupyter.widget", {"state": state, "buffer_paths": []})
""",
    "output without end": """
line = "x" * 100_000
while True:
    print(line, flush=True)
""",
    "one long line": "print('y' * 20_000_000)",
    "a long error": "raise ValueError('z' * 5_000_000)",
    "half a character": "print('\\ud83d')",
    "output against the format": """
from IPython.display import publish_display_data
publish_display_data({"text/plain": {"not": ["text"]}, "text/html": 7})
""",
    "points as a result": "3.0",
    "hidden tests, afterwards": """
import linecache
marks = "HIDDEN" + chr(32) + "TESTS", "assigned"
for text in [*In[:-1], *map(str, linecache.cache.values())]:
    if marks[0] in text:
        damage(text)
if marks[1] in globals():
    damage("names")
""",
    "changes earlier answers": "positions = sides_that_give = lambda *anything: 1\nsizes.clear()",
}

EQUAL = """
class Equal({}):
    __eq__ = __le__ = __ge__ = lambda *anything: True
    __ne__ = __lt__ = __gt__ = lambda *anything: False
    __hash__ = {}.__hash__
"""
TRICKS = {
    "an object equal to everything": (
        "receptive-field",
        EQUAL.format("object", "object")
        + """
def receptive_field(*anything):
    return Equal()
""",
    ),
    "a number equal to everything": (
        "sides-that-give",
        EQUAL.format("int", "int")
        + """
def sides_that_give(*anything):
    return [Equal(1)] * 4
""",
    ),
}
FORGERIES = {
    "points before an error": (
        "positions",
        WRONG.format("""
    content = {"data": {"text/plain": "3"}, "metadata": {}, "execution_count": 1}
    kernel = get_ipython().kernel
    kernel.session.send(
        kernel.iopub_socket, "execute_result", content, parent=kernel.get_parent(), ident=b"x"
    )
    return 1
"""),
    ),
    "an answer in the kernel's name": (
        "sides-that-give",
        """
def sides_that_give(*anything):
    kernel = get_ipython().kernel
    said = {"status": "ok", "execution_count": 1, "payload": [], "user_expressions": {}}
    idents = getattr(kernel, "_shell_parent_ident", None)
    idents = idents.get() if hasattr(idents, "get") else b"x"
    kernel.session.send(kernel.shell_stream, "execute_reply", said, parent=kernel.get_parent(),
        ident=idents)
    kernel.session.send(kernel.iopub_socket, "status", {"execution_state": "idle"},
        parent=kernel.get_parent(), ident=b"x")
    return 1
""",
    ),
    "takes its error back": (
        "receptive-field",
        """
import threading, time
def receptive_field(*anything):
    from IPython.display import clear_output
    threading.Timer(0.01, clear_output).start()
    return 1
""",
    ),
}

CHECKS = {
    "check does nothing": "checks.check = checks.check_call = lambda *a, **k: print('✓')",
    "what is compared is always equal": "checks._matches = lambda *anything: True",
    "PyTorch finds all equal": """
torch.allclose = torch.equal = torch.Tensor.equal = torch.Tensor.allclose = lambda *a, **k: True
""",
    "another module in place of the checks": """
import sys, types
fake = types.ModuleType("alexnet_course.checks")
fake.check = fake.check_call = fake.check_whole = lambda *a, **k: print("✓")
sys.modules["alexnet_course.checks"] = checks.__class__ and fake
import alexnet_course
alexnet_course.checks = fake
""",
    "cells become pass": """
get_ipython().input_transformers_cleanup.append(
    lambda lines: ["pass\\n"] if any("check" in line for line in lines) else lines
)
""",
    "asserts are taken out": """
import ast
class Without(ast.NodeTransformer):
    def visit_Assert(self, node, empty=ast.Pass):
        return empty()
    visit_Raise = visit_Assert
get_ipython().ast_transformers.append(Without())
""",
    "all() is always true": """
import builtins, math
builtins.all = math.isclose = lambda *a, **k: True
""",
    "checks are patched for each test anew": """
def patch(*anything, checks=checks):
    checks._matches = lambda *anything: True
get_ipython().events.register("pre_run_cell", patch)
get_ipython().events.register("pre_execute", patch)
""",
    "checks are patched by a thread": """
import threading, time
def patch(checks=checks, time=time):
    while True:
        checks._matches = lambda *anything: True
        time.sleep(0.001)
threading.Thread(target=patch, daemon=True).start()
""",
}

IS_KILLED = "ends Python itself"
SWALLOWS = {
    "errors are swallowed": """
async def run_code(code, result=None, real=get_ipython().run_code, **options):
    await real(code, None, **options)
    return False
get_ipython().run_code = run_code
""",
    "errors are shown as none": """
get_ipython().set_custom_exc((BaseException,), lambda *anything, **more: None)
get_ipython().showtraceback = lambda *anything, **more: None
""",
}

ENDS = {
    "ends Python": ("import os\nos._exit(0)", IS_KILLED),
    "kills itself": ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", IS_KILLED),
    "a fork bomb": (
        """
import os, time
for _ in range(12):  # 4,096 processes; 64 are too many
    os.fork()
time.sleep(20)
""",
        IS_KILLED,
    ),
    "can't be interrupted": (
        """
while True:
    try:
        while True:
            pass
    except BaseException:
        pass
""",
        "runs for ever",
    ),
}

NUMBER = """
import os
os.environ["ALEXNET_COURSE_NUMBER"] = "0"
os.environ.get = lambda *anything: "0"
"""


BOX_OR_NOTHING = """
import os
if not (os.path.isdir("/course/alexnet_course") and os.environ.get("USER") == "student"):
    os._exit(1)
"""


@dataclass(frozen=True)
class Hostile:
    """A notebook that is right but for its attacks, and how it is graded."""

    cells: dict[str, str] = field(default_factory=dict)  # of its own, behind all others
    first: dict[str, str] = field(default_factory=dict)  # behind the imports
    answers: dict[str, tuple[str, str]] = field(default_factory=dict)
    points: int | None = ALL  # None: is not graded
    why: str = ""  # it is not graded; with points, either will do
    boxed: bool = True  # whether it may run in a box alone


LESS = {"a wrong answer": ("positions", "def positions(*anything):\n    return 1")}
TABLE = {
    "neighbour": Hostile(),
    "tries": Hostile(TRIES),
    "shows": Hostile(SHOWS),
    "tricks": Hostile(
        first={"another number": NUMBER}, answers=TRICKS, points=ALL - 9, boxed=False
    ),
    "forges": Hostile(answers=FORGERIES, points=ALL - 9, boxed=False),
    **{
        f"checks-{number}": Hostile(
            first={what: f"from alexnet_course import checks\n{source}"},
            answers=LESS,
            points=None,
            why="changes the checks",
            boxed=False,
        )
        for number, (what, source) in enumerate(CHECKS.items())
    },
    "swallows": Hostile(
        first=SWALLOWS, answers=LESS, points=ALL - 3, why="changes the checks", boxed=False
    ),
    **{
        f"ends-{number}": Hostile({what: source}, points=None, why=why)
        for number, (what, (source, why)) in enumerate(ENDS.items())
    },
    "shouts": Hostile({"a message of 100 MB": "print('x' * 10**8)"}, why="more than can be read"),
}


def notebook(hostile: Hostile, places: dict[str, object]) -> nbformat.NotebookNode:
    """The notebook that ``hostile`` hands in; ``places`` are the names that its cells know."""
    made = solution()
    for name, source in hostile.answers.values():
        cell_of(made, name).source = source
    known = "".join(f"{name} = {str(value)!r}\n" for name, value in places.items())
    if hostile.boxed:  # outside a box none of this is to run, whatever is wrong with the grading
        known += BOX_OR_NOTHING
    known += f"port, pid = int(port), int(pid)\ndef damage(*words):\n    print('{DAMAGE}', *words)"
    start = 1 + next(
        n for n, cell in enumerate(made.cells) if cell.source.startswith("import math")
    )
    new = nbformat.v4.new_code_cell
    made.cells[start:start] = [new(source) for source in [known, *hostile.first.values()]]
    made.cells += [new(source) for source in hostile.cells.values()]
    return made


ARCHIVES = {
    "a bomb": {"ex03.ipynb": bytes(200 * 2**20)},
    "a way out": {"../neighbour/ex03.ipynb": b"{}", "/tmp/hostile.ipynb": b"{}"},
    "a link": {"ex03.ipynb": "../neighbour/ex03.ipynb"},
    "lists in lists": {"ex03.ipynb": b'{"cells": ' + b"[" * 100_000},
    "the course's own": {
        "ex03.ipynb": (ROOT / "exercises" / "source" / EXERCISE / FILE).read_bytes()
    },
}


def archive(members, path):
    """A .zip of ``members``: bytes, or where a link leads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in members.items():
            member = zipfile.ZipInfo(name)
            if isinstance(data, str):
                member.create_system, member.external_attr = 3, 0o120777 << 16
            member.compress_type = zipfile.ZIP_DEFLATED
            made.writestr(member, data)


def seconds(cell):
    return 5 if "while True" in cell.source else 60


def grade(folder, students, places):
    """Grade the table's ``students`` in a course of their own below ``folder``."""
    course = grading.Course(folder / "grading")
    course.sources = {EXERCISE: course.sources[EXERCISE]}
    course.api.config.Run.update(
        timeout_func=seconds, boxed=any(TABLE[student].boxed for student in students)
    )
    places |= {"grading": course.folder, "handed": folder / "handed"}
    for student in students:
        put(notebook(TABLE[student], places), folder / "handed" / student / "ex03.ipynb")
    own = folder / "handed" / "neighbour"
    for number, members in enumerate(ARCHIVES.values()):
        archive(members, folder / "handed" / f"packer-{number}" / "work.zip")
    (own.parent / "linker").mkdir()
    (own.parent / "linker" / "ex03.ipynb").symlink_to(own / "ex03.ipynb")
    numbers = folder / "numbers.csv"
    numbers.write_text("student,number\ntricks,7\n")
    grading.grade(course, folder / "handed", course.class_list(numbers))


if __name__ == "__main__":
    folder, students, places = json.loads(sys.argv[1])
    grade(Path(folder), students, places)
