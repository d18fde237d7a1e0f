"""``python -m alexnet_course``: what it prints can be read back; what it can't do it explains."""

import csv
import errno
import io
import json
import os
import re
import shlex
import subprocess
import sys

import pandas as pd
import pytest

from alexnet_course.__main__ import main
from alexnet_course.architectures import ARCHITECTURES
from alexnet_course.arithmetic import layer_table

NETWORKS = pytest.mark.parametrize("name", ["alexnet-2012", "torchvision", "two-conv"])


def printed(capsys, *arguments):
    assert main(list(arguments)) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def cells(name, number=str):
    """The table as rows of text: shapes as a×b×c, nothing where there is no value."""
    rows = []
    for row in layer_table(ARCHITECTURES[name]).astype(object).itertuples(index=False):
        label, kind, shape, *numbers = row
        texts = ["" if pd.isna(n) else number(n) for n in numbers]
        rows.append([label, kind, "×".join(map(str, shape)), *texts])
    return rows


def test_list_prints_each_network_with_input_and_parameters(capsys):
    lines = printed(capsys, "list").splitlines()
    assert [line.split()[0] for line in lines] == list(ARCHITECTURES)
    by_name = {line.split()[0]: line for line in lines}
    for part in ("3×227×227", "60,965,224", "Krizhevsky et al. 2012"):
        assert part in by_name["alexnet-2012"]
    for part in ("3×32×32", "576,778", "tutorial two-conv"):
        assert part in by_name["two-conv"]


@NETWORKS
def test_csv_reads_back_as_the_table(capsys, name):
    text = printed(capsys, "table", name, "--format", "csv")
    head, *rows = csv.reader(io.StringIO(text))
    assert head == list(layer_table(ARCHITECTURES[name]).columns)
    assert rows == cells(name)


@NETWORKS
def test_json_reads_back_as_the_table(capsys, name):
    read = json.loads(printed(capsys, "table", name, "--format", "json"))
    table = layer_table(ARCHITECTURES[name])
    assert read["name"] == name
    assert [list(row) for row in read["rows"]] == [list(table.columns)] * len(table)
    for row, text in zip(read["rows"], cells(name), strict=True):
        values = list(row.values())
        assert all(type(side) is int for side in values[2])
        assert all(n is None or type(n) is int for n in values[3:])  # missing is null
        values[2] = "×".join(map(str, values[2]))
        assert ["" if v is None else str(v) for v in values] == text


@NETWORKS
def test_markdown_is_a_table_of_equally_many_cells_a_row(capsys, name):
    lines = printed(capsys, "table", name, "--format", "markdown").splitlines()
    rows = [re.fullmatch(r"\| (.*) \|", line).group(1).split(" | ") for line in lines]
    rows = [[cell.strip() for cell in row] for row in rows]
    head, rule, *body = rows
    assert head == list(layer_table(ARCHITECTURES[name]).columns)
    assert all(re.fullmatch(r"-+", cell) for cell in rule[:3])
    assert all(re.fullmatch(r"-+:", cell) for cell in rule[3:])  # numbers stand right
    assert body == cells(name, "{:,}".format)


def test_text_is_what_table_prints_by_default(capsys):
    text = printed(capsys, "table", "two-conv")
    assert text == printed(capsys, "table", "two-conv", "--format", "text")
    head, *lines = text.splitlines()
    assert head.split() == list(layer_table(ARCHITECTURES["two-conv"]).columns)
    expected = [[cell for cell in row if cell] for row in cells("two-conv", "{:,}".format)]
    assert [line.split() for line in lines] == expected
    full = [line for line, row in zip(lines, expected) if len(row) == len(head.split())]
    assert len(full) > 3 and {len(line) for line in full} == {len(head)}  # columns are aligned


def test_an_unknown_network_ends_with_2_and_the_names_that_exist(capsys):
    assert main(["table", "alexnet-2013"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("error: ") and "'alexnet-2013'" in err
    for name in ARCHITECTURES:
        assert name in err


@pytest.mark.parametrize(
    "arguments", [[], ["tabel"], ["table"], ["table", "two-conv", "--format=x"]]
)
def test_a_command_that_cannot_be_read_ends_with_2_and_the_usage(capsys, arguments):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert "usage: python -m alexnet_course" in capsys.readouterr().err


@pytest.mark.parametrize("name, code", [("two-conv", 0), ("nothing", 2)])
def test_the_module_runs_as_a_program(name, code):
    """The exit status reaches the shell, and a mistake shows a sentence, not a traceback."""
    command = [sys.executable, "-X", "utf8", "-m", "alexnet_course", "table", name]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=120)
    assert done.returncode == code
    if code:
        assert done.stdout == "" and done.stderr.count("\n") == 1
    else:
        assert "576,778" in done.stdout and done.stderr == ""


@pytest.fixture
def places(tmp_path):
    """By word: a file, an empty folder, and one that is not there."""
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    return {word: str(tmp_path / word) for word in ("file", "empty", "nowhere")}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("table ''", "no network ''; choose one of alexnet-2012"),
        ("recorded nothing", "under 'nothing' in .*; recorded there: .*two-conv"),
        (
            "recorded two-conv --records {empty}",
            "run 'python -m alexnet_course experiment two-conv",
        ),
        ("recorded ''", "nothing is recorded under ''"),
        ("recorded benchmark", "benchmark/.*-cpu.json is damaged, or no record .* it has no 'arm'"),
        ("recorded --records {nowhere}", "there is no folder {nowhere} to read records from"),
        ("recorded --records {file}", "there is no folder {file} to read records from"),
        ("recorded --records {empty}", "nothing is recorded in {empty}"),
        ("experiment nothing", "no experiment 'nothing'; choose one of two-conv"),
        ("experiment two-conv --until 0", "until is 0; it must be a whole number, at least 1"),
        ("experiment two-conv --until -1", "until is -1; it must be a whole number, at least 1"),
        ("experiment two-conv --seeds 0 -1", "seed is -1; it must be a whole number from 0 to"),
        (
            "experiment two-conv --seeds 99999999999999999999",
            "seed is 99999999999999999999; it must",
        ),
        ("experiment two-conv --arms p", "two-conv has no arm 'p'; it has published, "),
        ("benchmark nothing", "no tutorial 'nothing'; choose one of upscaled-227"),
        ("benchmark --seconds nan", "seconds is nan; it must be a number above 0"),
        ("benchmark --seconds -1", "seconds is -1.0; it must be a number above 0"),
        ("benchmark --seconds inf", "seconds is inf; it must be a number above 0"),
        ("benchmark --rounds 0", "rounds is 0; it must be a whole number, at least 1"),
        ("benchmark --rounds -3", "rounds is -3; it must be a whole number, at least 1"),
        ("benchmark --out {file}", "{file}/benchmark can't be written into"),
        ("race nothing", "no race 'nothing'; choose one of two-conv, five-conv-32"),
        ("race two-conv --seconds 0", "seconds is 0.0; it must be a number above 0"),
        ("race two-conv --seconds nan", "seconds is nan; it must be a number above 0"),
        ("race two-conv --out {file}", "{file}/race can't be written into"),
        ("marathon --out {empty} --minutes nan", "minutes is nan; it must be a number above 0"),
        ("marathon --out {empty} --minutes -1", "minutes is -1.0; it must be a number above 0"),
        ("marathon --out {empty} --workers 0", "workers is 0; it must be a whole number, at least"),
        ("marathon --out {file}", "{file} can't be written into .*; name another folder"),
        ("marathon --out {empty} --records {nowhere}", "there is no folder {nowhere} to read"),
        ("data export {file} --of faces", "{file}"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_2(capsys, places, line, words):
    assert main(shlex.split(line.format(**places))) == 2
    err = capsys.readouterr().err
    assert re.match(f"error: .*{words.format(**places)}", err), err
    assert err.count("\n") == 1 and err.endswith("\n")


def test_ctrl_c_ends_with_130_and_a_sentence(capsys, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("alexnet_course.results.recorded_table", stop)
    assert main(["recorded"]) == 130
    out, err = capsys.readouterr()
    assert out == "" and err == "stopped; run the same command again to go on\n"


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [(errno.ENOSPC, 2, "error: No space left on device\n"), (errno.EPIPE, 0, "")],
)
def test_output_that_nobody_takes_is_no_traceback(capsys, monkeypatch, number, code, said):
    """A full disk, and a reader such as ``head`` that has gone."""

    class Taken(io.StringIO):
        def flush(self):
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr("sys.stdout", Taken())
    assert main(["list"]) == code
    assert capsys.readouterr().err == said


def test_without_an_output_nothing_is_printed(monkeypatch):
    monkeypatch.setattr("sys.stdout", None)
    assert main(["list"]) == 0
