"""What is installed to run the course, to build the book and to test: nothing forgotten, no pin
twice, nothing older than what the package asks for; and one version of the course."""

import ast
import re
import sys
import tomllib
from importlib.metadata import distribution, packages_distributions, version

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import alexnet_course
from test_notebooks import ROOT, notebooks

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def lines(name):
    """The requirements in a file, without options and comments."""
    found = (line.partition("#")[0].strip() for line in (ROOT / name).read_text().splitlines())
    return [Requirement(line) for line in found if line and not line.startswith("-")]


def pins(name):
    """Package → version, for a file in which each line is an exact version."""
    found = {}
    for requirement in lines(name):
        (only,) = requirement.specifier
        assert only.operator == "==" and canonicalize_name(requirement.name) not in found
        found[canonicalize_name(requirement.name)] = Version(only.version)
    return found


RUN, TEST = pins("requirements.txt"), pins("requirements-test.txt")


def imported(source):
    """The first names of the modules that a Python source imports."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.partition(".")[0]


def sources():
    """All Python that readers run: the package, chapters, exercises and their known answers."""
    for folder in ("alexnet_course", "exercises/answers"):
        for path in (ROOT / folder).rglob("*.py"):
            yield path.name, path.read_text()
    exercises = (ROOT / "exercises" / "source").rglob("*.ipynb")
    for path in (*notebooks.chapters(), *exercises):
        for cell in notebooks.read(path).cells:
            if cell.cell_type == "code":
                yield path.name, cell.source


def test_all_that_chapters_exercises_and_package_import_is_in_the_requirements():
    own = {"alexnet_course", *sys.stdlib_module_names}
    needed = {name for _, source in sources() for name in imported(source)} - own
    assert {"torch", "torchvision", "numpy", "pandas", "matplotlib", "PIL", "scipy"} <= needed
    packages = packages_distributions()
    missing = {
        name
        for name in needed
        if not {canonicalize_name(package) for package in packages[name]} & RUN.keys()
    }
    assert not missing
    assert {"nbval", "jupyter-book", "jupyterlab", "ipykernel"} <= RUN.keys()


def with_all_they_need(requirements):
    """The names of packages and of what they require in turn, as those here say."""
    found, waiting = set(), [(requirement.name, "") for requirement in requirements]
    while waiting:
        name, extra = waiting.pop()
        if (name := canonicalize_name(name), extra) in found:
            continue
        found.add((name, extra))
        for needed in map(Requirement, distribution(name).requires or []):
            if not needed.marker or needed.marker.evaluate({"extra": extra}):
                waiting += [(needed.name, more) for more in ("", *needed.extras)]
    return {name for name, _ in found}


def test_the_book_needs_no_torch_and_its_versions_are_those_of_the_course():
    names = [requirement.name for requirement in lines("requirements-book.txt")]
    if any(Version(version(name)) != RUN[canonicalize_name(name)] for name in names):
        pytest.skip("other versions are installed here than the book is built with")
    needed = with_all_they_need(lines("requirements-book.txt"))
    assert "sphinx" in needed and needed <= RUN.keys()
    assert not needed & {"torch", "torchvision", "numpy", "pandas"}
    assert "-c requirements.txt\n" in (ROOT / "requirements-book.txt").read_text()


def test_no_version_is_pinned_twice():
    assert not RUN.keys() & TEST.keys()
    assert "-r requirements.txt\n" in (ROOT / "requirements-test.txt").read_text()
    assert not any(requirement.specifier for requirement in lines("requirements-book.txt"))


def test_what_is_pinned_satisfies_the_package():
    extras = PROJECT["optional-dependencies"].values()
    asked = [*PROJECT["dependencies"], *(line for extra in extras for line in extra)]
    for requirement in map(Requirement, asked):
        pinned = (RUN | TEST)[canonicalize_name(requirement.name)]
        assert pinned in requirement.specifier, requirement
    for requirement in map(Requirement, PROJECT["dependencies"]):
        assert canonicalize_name(requirement.name) in RUN


def test_the_version_is_that_of_pyproject_everywhere():
    assert alexnet_course.__version__ == PROJECT["version"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert str(citation["version"]) == PROJECT["version"]
    newest = re.search(r"(?m)^## (\S+)", (ROOT / "CHANGELOG.md").read_text())
    assert newest[1] == PROJECT["version"]
