"""What the tests of collecting and of grading hand in, made from an exercise's release."""

import copy
import re
import sys
import textwrap

import nbformat

from test_notebooks import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import exercises

EXERCISE = "ex03"
FILE = "ex03_size_arithmetic.ipynb"


def released(exercise=EXERCISE):
    """The notebook that students are given."""
    name = exercises.sources()[exercise].name
    return nbformat.read(ROOT / "notebooks" / "exercises" / exercise / name, as_version=4)


def solutions(exercise=EXERCISE):
    """The source's own solutions, by the name of their cells, as a student writes them."""
    return {
        cell.metadata.nbgrader.grade_id: mine(cell.source)
        for cell in nbformat.read(exercises.sources()[exercise], as_version=4).cells
        if cell.metadata.get("nbgrader", {}).get("solution")
    }


def solution(exercise=EXERCISE):
    """The release with all solutions written in, as a good student would hand it in."""
    right, notebook = solutions(exercise), released(exercise)
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if name in right:
            cell.source = right[name]
    return notebook


def mine(source):
    """A solution as a student writes it: without the marks that the source has around it."""
    lines = source.split("\n")
    marks = ("### BEGIN SOLUTION", "### END SOLUTION", "course-canary")
    return "\n".join(line for line in lines if not any(mark in line for mark in marks))


def cell_of(notebook, name):
    return next(c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == name)


def answer(notebook, name, body):
    """Write ``body`` into a cell of the release, where it asks for code."""
    stub = re.compile(rf"(?m)^([ \t]*){exercises.STUB}$")
    code = textwrap.dedent(body).strip("\n")
    cell = cell_of(notebook, name)
    cell.source = stub.sub(lambda found: textwrap.indent(code, found[1]), cell.source)


def with_number(notebook, number):
    """The notebook with the student's number in its settings."""
    for cell in notebook.cells:
        cell.source = exercises.NUMBER.sub(f"student = {number}", cell.source)
    return notebook


def put(notebook, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(nbformat.writes(notebook), encoding="utf-8")
    return path


def as_colab_saves(notebook):
    """No cell ids, format 4.0, Colab's own metadata, nbgrader's gone."""
    changed = copy.deepcopy(notebook)
    changed.nbformat_minor = 0
    changed.metadata["colab"] = {"provenance": []}
    for number, cell in enumerate(changed.cells):
        cell.pop("id")
        cell.metadata = nbformat.NotebookNode({"id": f"x{number}", "colab": {"base_uri": "…"}})
    return changed
