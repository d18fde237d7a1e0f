"""What the tests of collecting and of grading hand in, made from an exercise's release."""

import copy
import sys

import nbformat

from test_notebooks import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import exercises

EXERCISE = "ex03"
FILE = "ex03_size_arithmetic.ipynb"


def released():
    """The notebook that students are given."""
    return nbformat.read(ROOT / "notebooks" / "exercises" / EXERCISE / FILE, as_version=4)


def solution():
    """The release with all solutions written in, as a good student would hand it in."""
    right = {
        cell.metadata.nbgrader.grade_id: cell.source
        for cell in nbformat.read(exercises.sources()[EXERCISE], as_version=4).cells
        if cell.metadata.get("nbgrader", {}).get("solution")
    }
    notebook = released()
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if name in right:
            cell.source = mine(right[name])
    return notebook


def mine(source):
    """A solution as a student writes it: without the marks that the source has around it."""
    lines = source.split("\n")
    marks = ("### BEGIN SOLUTION", "### END SOLUTION", "course-canary")
    return "\n".join(line for line in lines if not any(mark in line for mark in marks))


def cell_of(notebook, name):
    return next(c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == name)


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
