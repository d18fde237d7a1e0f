"""Keeps the chapters in step: ``execute``, ``check``, ``stamp``, ``numbers``, ``repository URL``.

Run from anywhere with the project's Python: ``python tools/notebooks.py execute [NAME …]``.
"""

import argparse
import base64
import hashlib
import io
import os
import re
from pathlib import Path

import nbformat
import yaml
from PIL import Image

import prose

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / "_config.yml"
NUMBERS = ROOT / "tests" / "prose_numbers.yml"
COLAB = "https://colab.research.google.com"
SETUP_TAG = "setup"
SIZE_LIMIT = 1_000_000  # bytes
NEAR = 0.5  # of a drawing's units, 1/72 of an inch: by how much a line may move, unseen
IMAGE = "data:image/png;base64,"
# A drawing in parts: its words, its colours, its images, and its numbers.
PARTS = re.compile(rf"(>[^<]*<|#[0-9a-f]{{6}}\b|{IMAGE}[A-Za-z0-9+/=\s]+|-?\d+(?:\.\d+)?)")
# Which drawing a name belongs to, and the data in full: they show in the lines.
UNSEEN = re.compile(r"(?<=[#\"]d)[0-9a-f]{6}-|<metadata>.*?</metadata>", re.DOTALL)
LISTED = "# Written by 'tools/notebooks.py numbers'; tools/prose.py tells what it is.\n"

# The one set-up cell of every chapter. It never installs torch: Colab brings its own.
SETUP = """\
# Set-up: does nothing where the course is installed; in Colab, installs it.
import importlib.util
import subprocess
import sys

REPOSITORY, REVISION = "{repository}", "{revision}"
if importlib.util.find_spec("alexnet_course") is None:
    google = importlib.util.find_spec("google")
    if not google or not importlib.util.find_spec("google.colab"):
        raise ModuleNotFoundError("run 'pip install -e .' in the repository")
    if not REPOSITORY:
        raise RuntimeError("no address yet: run 'make repository URL=…'")
    source = f"git+{{REPOSITORY}}@{{REVISION}}"
    options = ["--quiet", "--no-deps"]
    pip = [sys.executable, "-m", "pip", "install", *options, source]
    subprocess.run(pip, check=True)
    importlib.invalidate_caches()"""


def chapters() -> list[Path]:
    return sorted((ROOT / "notebooks").glob("*.ipynb"))


def repository() -> tuple[str, str]:
    """The address and branch that ``_config.yml`` gives; the address is empty until stamped."""
    settings = yaml.safe_load(CONFIG.read_text())["repository"]
    return settings["url"], settings["branch"]


def setup_source() -> str:
    address, revision = repository()
    return SETUP.format(repository=address, revision=revision)


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def write(path: Path, notebook: nbformat.NotebookNode) -> None:
    nbformat.validate(notebook)
    path.write_text(nbformat.writes(notebook, indent=1) + "\n")


def stamp() -> None:
    """Put the set-up cell, with the repository's address, into every chapter and exercise."""
    for path in (*chapters(), *sorted((ROOT / "exercises" / "source").glob("*/*.ipynb"))):
        notebook = read(path)
        for cell in notebook.cells:
            if SETUP_TAG in cell.metadata.get("tags", []):
                cell.source = setup_source()
        write(path, notebook)


def set_repository(url: str) -> None:
    """Write the address into ``_config.yml`` (an empty one takes it out), then :func:`stamp`."""
    url = url.strip().rstrip("/").removesuffix(".git")
    if url and not re.fullmatch(r"(https|file)://\S+", url):
        raise SystemExit(f"URL is {url!r}; expected something like https://github.com/you/course")
    text = CONFIG.read_text()
    values = {"url": url, "colab_url": COLAB if url else ""}
    for key, value in values.items():
        value = value.replace("\\", r"\\")
        text, count = re.subn(rf"(?m)^(  {key}:).*(  # stamped)$", rf'\g<1> "{value}"\g<2>', text)
        if count != 1:
            raise SystemExit(f"{CONFIG} has no line '  {key}: …  # stamped'; put it back")
    CONFIG.write_text(text)
    stamp()


def execute(names: list[str]) -> None:
    """Run chapters top to bottom at quick scale on CIFAR-10 and store what they print."""
    from nbclient import NotebookClient

    from alexnet_course.data import cifar10

    data = cifar10()
    if data.name != "CIFAR-10":
        raise SystemExit(
            f"chapters are stored from CIFAR-10 only, and the data here is {data.source}; set "
            "ALEXNET_COURSE_CIFAR10 to a folder of its images"
        )
    os.environ |= {"ALEXNET_COURSE_SCALE": "quick", "TQDM_DISABLE": "1"}
    stamp()
    for path in chapters():
        if names and not any(name in path.name for name in names):
            continue
        notebook = read(path)
        NotebookClient(
            notebook,
            timeout=600,
            coalesce_streams=True,
            resources={"metadata": {"path": str(path.parent)}},
        ).execute()
        for cell in notebook.cells:
            cell.metadata.pop("execution", None)  # clock times, different on every run
            note_pictures(cell)
        notebook.metadata = {"kernelspec": notebook.metadata["kernelspec"]}
        write(path, notebook)
        print(f"{path.relative_to(ROOT)}: executed")


def pictures(outputs: list[nbformat.NotebookNode]) -> list[str]:
    """The drawings (SVG) among the outputs of a cell."""
    shown = [out.data["image/svg+xml"] for out in outputs if "image/svg+xml" in out.get("data", {})]
    return ["".join(svg) for svg in shown]


def digests(cell: nbformat.NotebookNode) -> list[str]:
    """The SHA-256 of each picture that a code cell stores."""
    return [hashlib.sha256(svg.encode()).hexdigest() for svg in pictures(cell.get("outputs", []))]


def note_pictures(cell: nbformat.NotebookNode) -> None:
    """Write the digests of a cell's pictures into its metadata; :func:`faults` compares them."""
    cell.metadata.pop("pictures", None)
    if found := digests(cell):
        cell.metadata["pictures"] = found


def alike(stored: str, drawn: str) -> bool:
    """Whether two drawings (SVG) are the same: word for word, each place within ``NEAR``, and the
    pixels of images within them equal.
    """
    kinds = [PARTS.split(UNSEEN.sub("", svg)) for svg in (stored, drawn)]
    if len(kinds[0]) != len(kinds[1]):
        return False
    return all(map(same_part, *kinds))


def same_part(one: str, other: str) -> bool:
    """Whether two texts, numbers or images (base64) between them are the same to the eye."""
    if one == other:
        return True
    if one.startswith(IMAGE) and other.startswith(IMAGE):
        first, second = (
            Image.open(io.BytesIO(base64.b64decode(part.removeprefix(IMAGE)))).convert("RGBA")
            for part in (one, other)
        )
        return first.size == second.size and first.tobytes() == second.tobytes()
    numbers = all(re.fullmatch(r"-?\d+(?:\.\d+)?", part) for part in (one, other))
    return numbers and abs(float(one) - float(other)) <= NEAR


def first_line(cell: nbformat.NotebookNode) -> str:
    return repr(cell.source.splitlines()[0])


def faults(path: Path) -> list[str]:
    """What is wrong with a stored chapter, a sentence each; nothing if it is whole."""
    notebook, found = read(path), []
    code = [c for c in notebook.cells if c.cell_type == "code" and c.source.strip()]
    setup = [c for c in code if SETUP_TAG in c.metadata.get("tags", [])]
    if not code:
        found.append("has no code cell")
    if [c.execution_count for c in code] != list(range(1, len(code) + 1)):
        found.append("was not stored from one run, top to bottom: run 'make execute'")
    if len(setup) != 1 or setup[0] is not code[0] or setup[0].source != setup_source():
        found.append("must begin with the set-up cell of tools/notebooks.py: run its 'stamp'")
    for cell in code:
        if cell.metadata.get("pictures", []) != digests(cell):
            found.append(f"stores other pictures than 'make execute' drew: {first_line(cell)}")
        for output in cell.outputs:
            if output.output_type == "error":
                found.append(f"stores an error: {output.ename}: {output.evalue}")
            if output.get("name") == "stderr":
                found.append(f"stores a warning or a bar: {output.text[:80]!r}")
            if any("widget" in kind for kind in output.get("data", {})):
                found.append("stores a widget; use tqdm.std")
            if "image/png" in output.get("data", {}):
                found.append(f"stores pixels; draw with alexnet_course.figures: {first_line(cell)}")
            has_image = "image/svg+xml" in output.get("data", {})
            if has_image and not cell.metadata.get("mystnb", {}).get("image", {}).get("alt"):
                found.append(f"has a figure without alt text: {first_line(cell)}")
    if path.stat().st_size > SIZE_LIMIT:
        found.append(f"is {path.stat().st_size:,} bytes; {SIZE_LIMIT:,} at most")
    return found


def check() -> None:
    """Exit with 1 and a list when any chapter is not whole."""
    found = [f"{path.name} {fault}" for path in chapters() for fault in faults(path)]
    if not chapters():
        found = ["notebooks/ holds no chapters"]
    if found:
        raise SystemExit("\n".join(found))
    print(f"{len(chapters())} chapters, stored whole")


def numbers() -> tuple[dict[str, prose.Chapter], dict[str, prose.Sources]]:
    """Each chapter's numbers, and the sources that are listed for those in its text."""
    book = {path.stem: prose.Chapter.of(read(path)) for path in chapters()}
    return book, yaml.safe_load(NUMBERS.read_text()) or {}


def list_numbers() -> None:
    """Bring the list of the numbers in the chapters' texts up to date, and say what it lacks."""
    book, known = numbers()
    new = {name: prose.renewed(name, book, known.get(name, {})) for name in book}
    NUMBERS.write_text(LISTED + yaml.safe_dump(new, allow_unicode=True, sort_keys=False))
    for name in book:
        for fault in prose.faults(name, book, new[name]):
            print(f"{name}: {fault}")
    print(f"{NUMBERS}: read what has changed, and put a source for each {prose.TO_DO!r}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("execute").add_argument("names", nargs="*")
    commands.add_parser("check")
    commands.add_parser("stamp")
    commands.add_parser("numbers")
    commands.add_parser("repository").add_argument("url")
    options = parser.parse_args()
    if options.command == "execute":
        execute(options.names)
    elif options.command == "repository":
        set_repository(options.url)
    else:
        {"check": check, "stamp": stamp, "numbers": list_numbers}[options.command]()


if __name__ == "__main__":
    main()
