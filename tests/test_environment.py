"""``.venv`` is used only where it is whole and of this tree; and this tree's code is tested."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import alexnet_course
from test_notebooks import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import environment

VERSION = sys.version_info[:2]


def test_the_package_under_test_lies_in_this_tree(tmp_path):
    """Here, and in whatever the tests and tools start: programs and kernels, in any folder."""
    code = "import alexnet_course; print(alexnet_course.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    for where in (alexnet_course.__file__, done.stdout.strip()):
        assert ROOT in Path(where).resolve().parents, (
            f"{where} is tested, and not the code in {ROOT}: "
            "run 'pip install --no-deps --no-build-isolation --editable .' there"
        )


def test_what_students_hand_in_is_not_linted_even_without_git(tmp_path):
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for folder in ("grading/submitted/ada", "tools"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "answer.py").write_text("import os,sys\n")
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "."],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1 and str(Path("tools", "answer.py")) in done.stdout
        assert "grading" not in done.stdout


@pytest.fixture
def folder(tmp_path):
    """An environment whose pip says what it is told to say."""
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    return tmp_path / ".venv"


def pip_says(folder, version, where=None):
    packages = (where or folder) / "lib" / f"python{version}" / "site-packages" / "pip"
    pip = folder / "bin" / "pip"
    pip.write_text(f"#!/bin/sh\necho 'pip 26.1 from {packages} (python {version})'\n")
    pip.chmod(0o755)


def test_a_whole_environment_is_used_as_it_is(folder):
    pip_says(folder, "3.11")
    assert environment.fault(folder) == environment.fault(folder, (3, 11)) == ""


def test_one_that_was_interrupted_or_broken_is_not_used(folder, tmp_path):
    assert "none yet" in environment.fault(tmp_path / "nowhere")
    assert "not whole" in environment.fault(folder)
    (folder / "bin" / "pip").write_text("#!/nowhere/python\n")
    (folder / "bin" / "pip").chmod(0o755)
    assert "not whole" in environment.fault(folder)
    (folder / "bin" / "pip").write_text("#!/bin/sh\nexit 1\n")
    assert "not whole" in environment.fault(folder)


def test_one_with_an_old_or_another_python_is_not_used(folder):
    pip_says(folder, "3.10")
    assert "has Python 3.10" in environment.fault(folder)
    pip_says(folder, "3.13")
    assert environment.fault(folder) == ""
    assert "has Python 3.13" in environment.fault(folder, (3, 12))


def test_one_that_was_made_elsewhere_is_not_used(folder, tmp_path):
    pip_says(folder, "3.12", where=tmp_path / "first" / ".venv")
    assert "made in another folder" in environment.fault(folder)
    (tmp_path / "link").symlink_to(folder)
    pip_says(folder, "3.12")
    assert environment.fault(tmp_path / "link") == "", "the same folder by another name"


def test_an_old_python_is_told_what_is_needed_in_one_sentence(folder, monkeypatch):
    monkeypatch.setattr(environment, "ENVIRONMENT", folder)
    monkeypatch.setattr(environment.sys, "version_info", (3, 10, 13))
    monkeypatch.setattr(environment.sys, "argv", ["environment.py"])
    with pytest.raises(SystemExit, match=r"^Python 3.11 or later is needed, and .* is 3.10"):
        environment.main()
    assert (folder / "bin").is_dir()
    pip_says(folder, "3.12")
    environment.main()  # nothing to be made, so any Python will do


def test_the_version_needed_is_that_of_the_package():
    needed = ".".join(map(str, environment.NEEDED))
    assert f'requires-python = ">={needed}"' in (ROOT / "pyproject.toml").read_text()


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_make_mends_an_interrupted_environment_and_notices_a_copied_one(tmp_path):
    def make(tree, *arguments):
        command = ["make", "-C", tree, ".venv/pyvenv.cfg", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    here, there = tmp_path / "here", tmp_path / "there"
    (here / ".venv" / "bin").mkdir(parents=True)
    (here / ".venv" / "bin" / "python").symlink_to(sys.executable)
    (here / "tools").mkdir()
    shutil.copy(ROOT / "Makefile", here)
    shutil.copy(ROOT / "tools" / "environment.py", here / "tools")
    assert "not whole" in make(here, f"PYTHON={sys.executable}").stdout
    assert environment.fault(here / ".venv", VERSION) == ""
    made = (here / ".venv" / "pyvenv.cfg").stat().st_mtime_ns
    assert "Making" not in make(here, f"PYTHON={sys.executable}").stdout
    assert (here / ".venv" / "pyvenv.cfg").stat().st_mtime_ns == made
    shutil.copytree(here, there, symlinks=True)
    assert "made in another folder" in environment.fault(there / ".venv")
