"""From a file as editors and assistants leave it to a notebook that nbgrader can grade."""

import ast
import copy
import difflib
import json
import re
from collections.abc import Iterable

import nbformat
from nbformat import NotebookNode

from archives import well_formed

ALIKE = 0.6  # of two texts, from which one counts as the other one changed
FENCED = re.compile(r"(?s)\A\s*(`{3,}|~{3,})[^\n`]*\n(.*?)\n?\1\s*\Z")
NEW = {
    "code": nbformat.v4.new_code_cell,
    "markdown": nbformat.v4.new_markdown_cell,
    "raw": nbformat.v4.new_raw_cell,
}


def read(data: bytes) -> NotebookNode:
    """The cells of a notebook file: type, text, id, nbgrader's label, and pictures in the text.

    All else is made anew, so that nothing in it can be against nbformat's rules. Raises what
    Python raises where ``data`` is no JSON, holds no cells, or a cell's text is no text.
    """
    try:  # UTF-8, 16 or 32, by the first bytes
        text = data.decode(json.detect_encoding(data), "surrogatepass")
    except UnicodeDecodeError:
        text = data.decode("cp1252")
    found = json.loads(text)
    if "worksheets" in found:  # nbformat 3 and before
        found = nbformat.convert(nbformat.from_dict(found), 4)
    return NotebookNode(cells=[_cell(cell) for cell in found["cells"]])


def _cell(found: dict) -> NotebookNode:
    kind = found["cell_type"] if found.get("cell_type") in NEW else "markdown"
    text = found.get("source", "")
    cell = NEW[kind](well_formed(text if isinstance(text, str) else "".join(text)))
    known = found.get("id")
    cell.id = known if isinstance(known, str) and re.fullmatch(r"[\w-]{1,64}", known, re.A) else ""
    metadata = found.get("metadata")
    label = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    if isinstance(label, dict):
        cell.metadata.nbgrader = nbformat.from_dict(label)
    pictures = found.get("attachments")
    if kind == "markdown" and isinstance(pictures, dict):
        cell.attachments = nbformat.from_dict(
            {
                name: {kind: data for kind, data in kinds.items() if isinstance(data, str)}
                for name, kinds in pictures.items()
                if isinstance(kinds, dict)
            }
        )
    return cell


def text_of(cell: NotebookNode) -> str:
    """A cell's text without its white space."""
    return "".join(cell.source.split())


def graded(cell: NotebookNode) -> dict:
    """nbgrader's label of a cell; empty where there is none."""
    return cell.metadata.get("nbgrader") or {}


def in_common(notebook: NotebookNode, release: NotebookNode) -> float:
    """The share of the release's fixed cells that ``notebook`` still holds."""
    held = {text_of(cell) for cell in notebook.cells}
    fixed = [text_of(cell) for cell in release.cells if not graded(cell).get("solution")]
    return sum(text in held for text in fixed) / len(fixed)


def worked_in(mended: NotebookNode, release: NotebookNode) -> bool:
    """Whether there is an answer, or code in a cell of the student's own."""
    given = {cell.id: cell for cell in release.cells}
    for cell in mended.cells:
        ours = given.get(cell.id)
        if ours is None:
            if cell.cell_type == "code" and cell.source.strip():
                return True
        elif graded(ours).get("solution") and text_of(cell) not in ("", text_of(ours)):
            return True
    return False


def mend(notebook: NotebookNode, release: NotebookNode) -> tuple[NotebookNode, list[str]]:
    """The student's notebook with every cell of the release known again, and what was done.

    Cells are known by nbgrader's name for them, by their id, or by their place among cells that
    have not been changed (editors drop the first two). Each gets the type back that it has in the
    release. A cell that is missing is put back where it was, and tests are put right; all else
    stays as the student left it. Text beside a written answer that was left blank becomes the
    answer.
    """
    place = _places(notebook, release)
    cells, notes = [NotebookNode(cell) for cell in notebook.cells], []
    for number, cell in enumerate(cells):
        cell.metadata, cell.id = NotebookNode(), f"added-{number}"
    for position, theirs in place.items():
        ours = release.cells[position]
        cell, name = cells[theirs], graded(ours).get("grade_id")
        if cell.cell_type != ours.cell_type:
            if name:
                notes.append(f"{name} was a {cell.cell_type} cell; it is {ours.cell_type} again")
            cells[theirs] = cell = _retyped(cell, ours.cell_type)
        cell.id, cell.metadata = ours.id, copy.deepcopy(ours.metadata)
        if graded(ours).get("grade") and not graded(ours).get("solution"):
            cell.source = ours.source
    behind = {theirs: position for position, theirs in place.items()}
    for position, ours in enumerate(release.cells):
        if ours.cell_type == "markdown" and graded(ours).get("grade") and position in place:
            answer = cells[place[position]]
            beside = _beside(cells, behind, release, place[position])
            if beside and text_of(answer) in ("", text_of(ours)):
                answer.source = "\n\n".join(beside)
                notes.append(f"{graded(ours)['grade_id']}: the text beside it was taken")
    result: list[NotebookNode] = []
    waiting = [position for position in range(len(release.cells)) if position not in place]
    for number, cell in enumerate(cells):
        while waiting and waiting[0] < behind.get(number, 0):
            result.append(copy.deepcopy(release.cells[waiting.pop(0)]))
        result.append(cell)
    result += [copy.deepcopy(release.cells[position]) for position in waiting]
    for position, ours in enumerate(release.cells):
        if position not in place and (name := graded(ours).get("grade_id")):
            notes.append(f"{name} was missing and put back")
    return nbformat.v4.new_notebook(cells=result, metadata=release.metadata), notes


def _retyped(cell: NotebookNode, kind: str) -> NotebookNode:
    """The cell as one of another type; code that was fenced to stand in a text is freed."""
    fenced = FENCED.match(cell.source) if kind == "code" else None
    return NEW[kind](fenced[2] if fenced else cell.source)


def _beside(
    cells: list[NotebookNode], behind: dict[int, int], release: NotebookNode, answer: int
) -> list[str]:
    """Texts of the student's in the question before the cell ``answer``, and in cells after it."""
    found = []
    if answer and (before := behind.get(answer - 1)) is not None:
        question = release.cells[before]
        if question.cell_type == "markdown" and text_of(cells[answer - 1]) != text_of(question):
            found.append(cells[answer - 1].source)
    for number in range(answer + 1, len(cells)):
        if number in behind:
            break
        if cells[number].source.strip() and _is_prose(cells[number]):
            found.append(cells[number].source)
    return found


def _is_prose(cell: NotebookNode) -> bool:
    try:
        ast.parse(cell.source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True
    return cell.cell_type != "code"


def _grade_id(cell: NotebookNode) -> str | None:
    return graded(cell).get("grade_id")


def _cell_id(cell: NotebookNode) -> str | None:
    return cell.get("id")


def _places(notebook: NotebookNode, release: NotebookNode) -> dict[int, int]:
    """Which cell of ``notebook`` each cell of ``release`` has become, by position."""
    place: dict[int, int] = {}

    def take(position: int, candidates: Iterable[int]) -> None:
        free = (theirs for theirs in candidates if theirs not in place.values())
        if position not in place and (theirs := next(free, None)) is not None:
            place[position] = theirs

    def of_its_type(ours: NotebookNode, places: Iterable[int]) -> list[int]:
        """``places`` in their order, those with a cell of the same type first."""
        return sorted(places, key=lambda n: notebook.cells[n].cell_type != ours.cell_type)

    def worked_in(ours: NotebookNode, places: Iterable[int]) -> list[int]:
        """Of a cell and its copy, the one that was worked in; then the one of the same type."""
        untouched = ("", text_of(ours))
        return sorted(
            of_its_type(ours, places), key=lambda n: text_of(notebook.cells[n]) in untouched
        )

    for key in (_grade_id, _cell_id):
        for position, ours in enumerate(release.cells):
            if key(ours):
                same = [n for n, cell in enumerate(notebook.cells) if key(cell) == key(ours)]
                take(position, worked_in(ours, same))
    before, after = ([text_of(cell) for cell in one.cells] for one in (release, notebook))
    blocks = difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    for tag, a, b, c, d in blocks:
        for position in range(a, b):
            ours = release.cells[position]
            if position in place:
                continue
            if tag == "equal":
                take(position, [c + position - a])
            elif graded(ours).get("solution"):
                # A function is known by its name, any other answer by its place alone.
                named = re.match(r"(def|class) \w+\b", ours.source)
                wanted = named[0] if named else ""
                there = [n for n in range(c, d) if wanted in notebook.cells[n].source]
                take(position, of_its_type(ours, there))
            elif not graded(ours):
                alike = [n for n in range(c, d) if _alike(ours, notebook.cells[n])]
                take(position, alike)
    return place


def _alike(ours: NotebookNode, theirs: NotebookNode) -> bool:
    return difflib.SequenceMatcher(None, ours.source, theirs.source).ratio() >= ALIKE
