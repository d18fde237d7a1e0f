"""Which commit a manifest names: that of this project's code, or none."""

import shutil
import subprocess
from pathlib import Path

import pytest

from alexnet_course import provenance

WHO = ("-c", "user.name=test", "-c", "user.email=test@example.org")


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository like this one; the package under test takes itself to be its."""
    folder = tmp_path / "project" / "alexnet_course"
    folder.mkdir(parents=True)
    for name in ("provenance.py", "network.py"):
        (folder / name).write_text("# code\n")
    (folder.parent / ".gitignore").write_text(".venv/\n*.pt\n")
    git(folder.parent, "init", "-q")
    git(folder.parent, "add", ".")
    git(folder.parent, *WHO, "commit", "-qm", "first")
    monkeypatch.setattr(provenance, "__file__", str(folder / "provenance.py"))
    return folder.parent


def git(folder, *arguments):
    done = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)
    return done.stdout.decode().strip()


def test_committed_code_is_named_by_its_commit(repository):
    (repository / "run.pt").touch()  # ignored
    (repository / "notes.txt").touch()  # no code
    assert provenance._commit() == git(repository, "rev-parse", "HEAD")
    git(repository, *WHO, "tag", "-a", "v1", "-m", "a version")
    assert provenance._commit() == git(repository, "rev-parse", "HEAD")


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("alexnet_course/network.py", "changed"),
        ("alexnet_course/network.py", "staged"),
        ("alexnet_course/new.py", "new"),
        ("tools/more/é.py", "new"),
    ],
)
def test_other_code_is_marked(repository, place, kind):
    file = repository / place
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("# other\n")
    if kind == "staged":
        git(repository, "add", ".")
    commit = git(repository, "rev-parse", "HEAD")
    assert provenance._commit() == f"{commit}, with changes"


@pytest.mark.parametrize("tracked", [False, True])
def test_a_repository_that_holds_an_installed_copy_is_not_the_codes(
    repository, monkeypatch, tracked
):
    """As of a student whose environment lies in a repository of their own."""
    installed = repository / ".venv" / "site-packages" / "alexnet_course" / "provenance.py"
    installed.parent.mkdir(parents=True)
    installed.touch()
    if tracked:
        git(repository, "add", "-f", ".venv")
    monkeypatch.setattr(provenance, "__file__", str(installed))
    assert provenance._commit().startswith("unknown")


def test_code_outside_of_git_has_no_commit(repository, tmp_path, monkeypatch):
    (tmp_path / "provenance.py").touch()
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "provenance.py"))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert provenance._commit() == "unknown (not run from a git checkout)"
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(provenance, "__file__", str(repository / "alexnet_course/provenance.py"))
    assert provenance._commit() == "unknown (not run from a git checkout)"


def test_a_copy_that_git_archive_made_knows_its_commit(repository, tmp_path, monkeypatch):
    """As the project's own files say it: a machine without git is told which code it runs."""
    for name in (".gitattributes", ".git_archival.txt"):
        shutil.copy(Path(__file__).parents[1] / name, repository)
    git(repository, "add", ".")
    git(repository, *WHO, "commit", "-qm", "second")
    git(repository, "archive", "--prefix=copy/", "-o", str(tmp_path / "copy.tar"), "HEAD")
    shutil.unpack_archive(tmp_path / "copy.tar", tmp_path, filter="data")
    commit = git(repository, "rev-parse", "HEAD")
    monkeypatch.setenv("PATH", "")
    assert provenance._commit() == "unknown (not run from a git checkout)"
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "copy/alexnet_course/provenance.py"))
    assert provenance._commit() == commit
