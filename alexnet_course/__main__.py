"""``python -m alexnet_course``: the networks, their tables, the data and the experiments."""

import argparse
import ast
import shlex
import sys
import warnings
from pathlib import Path
from typing import Any

from alexnet_course.memory import keep_freed_memory
from alexnet_course.provenance import RECORDED

PARTS = {
    "loader": "the batches to train with",
    "test": "the batches to test with",
    "loss": "a function of outputs and labels",
    "optimiser": "PyTorch's, or a list of them",
    "scheduler": "of the learning rate",
    "train": "the function that trains",
    "evaluate": "the function that gives the accuracy",
}
PRECISIONS = ("auto", "float32", "bfloat16", "float16")


def _list(_: argparse.Namespace) -> None:
    from alexnet_course.architectures import ARCHITECTURES
    from alexnet_course.arithmetic import layer_table, shape_text

    for a in ARCHITECTURES.values():
        parameters = layer_table(a).iloc[-1]["parameters"]
        shape = shape_text(a.input_shape)
        print(f"{a.name:18} {shape:>9} {parameters:>11,} parameters  {a.source}")


def _table(options: argparse.Namespace) -> None:
    from alexnet_course.architectures import architecture
    from alexnet_course.arithmetic import format_table
    from alexnet_course.released import read_layers

    colour = options.size and (3, options.size, options.size)
    if options.name.endswith(".cfg"):
        chosen = read_layers(Path(options.name), colour, options.params and Path(options.params))
    elif options.size or options.params:
        raise ValueError("--size and --params go with FILE.cfg, a layer file of the 2012 code")
    else:
        chosen = architecture(options.name)
    print(format_table(chosen, options.format))


def _data(options: argparse.Namespace) -> None:
    from alexnet_course.data import export_folders, image_data

    data = image_data({"cifar10": "CIFAR-10", "faces": "drawn faces"}[options.of])
    print(data)
    print(f"digest {data.digest}")
    if options.action == "export":
        count = export_folders(data, Path(options.folder))
        print(f"{count:,} images written to {options.folder}")


def _experiment(options: argparse.Namespace) -> None:
    from alexnet_course.experiments import experiment
    from alexnet_course.recording import rehearse, run

    keep_freed_memory()
    chosen = experiment(options.name)
    if options.scale == "quick" and options.until is not None:
        raise ValueError("--until ends a recorded run; leave it out with --scale quick")
    if options.scale == "quick":
        table = rehearse(chosen, options.arms, options.seeds, options.precision)
        print(table.round(2).to_string(index=False, na_rep=""))
    else:
        folder = Path(options.out)
        run(chosen, options.arms, options.seeds, folder, options.precision, options.until)


def _recorded(options: argparse.Namespace) -> None:
    from alexnet_course.results import recorded_table

    table = recorded_table(options.name, Path(options.records))
    if options.format == "csv":
        print(table.to_csv(index=False).rstrip("\n"))
    else:
        print(table.to_string(index=False, na_rep="", justify="left"))


def _race(options: argparse.Namespace) -> None:
    from alexnet_course.race import run_race
    from alexnet_course.speedrun import broken_rules

    if options.check:
        if broken := broken_rules(Path(options.check), options.name):
            raise ValueError(f"no valid entry: {'; '.join(broken)}")
        print(f"{options.check} is a valid entry of the speedrun of {options.name}")
        return
    keep_freed_memory()
    run_race(options.name, options.seconds, options.precision, Path(options.out))


def _marathon(options: argparse.Namespace) -> None:
    from alexnet_course.marathon import run_marathon

    keep_freed_memory()
    folders = Path(options.out), Path(options.records)
    run_marathon(options.minutes, folders[0], options.workers, options.precision, folders[1])


def _benchmark(options: argparse.Namespace) -> None:
    from alexnet_course.benchmark import run_benchmark

    keep_freed_memory()
    run_benchmark(
        options.names, options.rounds, options.seconds, options.precision, Path(options.out)
    )


def _features(options: argparse.Namespace) -> None:
    from alexnet_course.features import run_features, run_in_page
    from alexnet_course.in_page import SEED, weights_path

    out = Path(options.out)
    run_features(out, options.seeds)
    if weights_path(out).exists() and SEED in (options.seeds or [SEED]):
        run_in_page(out)


def _train(options: argparse.Namespace) -> None:
    from dataclasses import replace

    from alexnet_course.data.augmentation import Flip
    from alexnet_course.distributed import named_recipe
    from alexnet_course.own import NETWORK, REPORT, SIZE, plan, train
    from alexnet_course.report import counts_of, verdict

    keep_freed_memory()
    network = options.network or NETWORK
    size = options.size or (None if options.network else SIZE)
    recipe = named_recipe(options.recipe, network)
    if options.epochs is not None:
        recipe = replace(recipe, epochs=options.epochs)
    if not options.mirror:
        recipe = recipe.without(Flip)
    chosen = plan(
        network,
        recipe,
        size,
        seed=options.seed,
        balance={"auto": None, "yes": True, "no": False}[options.balance],
        start=Path(options.start) if options.start else None,
        frozen=options.freeze,
    )
    out = Path(options.out)
    result = train(Path(options.source), out, chosen, options.precision)
    print(f"{verdict(counts_of(result))}\nreport: {(out / REPORT).resolve().as_uri()}")


def _predict(options: argparse.Namespace) -> None:
    import csv

    from alexnet_course.own import load_model, predictions

    model = load_model(options.checkpoint)
    guesses = predictions(model, Path(options.source))
    if options.format == "csv":
        rows = csv.writer(sys.stdout, lineterminator="\n")
        heads = [f"probability of {name}" for name in model.classes]
        rows.writerow(["file", "guess", "probability", *heads])
    for guess in guesses:
        values = zip(guess.probabilities, model.classes)
        ranked = sorted(values, key=lambda one: one[0], reverse=True)
        if options.format == "csv":
            exact = [f"{value:.4f}" for value in guess.probabilities]
            rows.writerow([guess.name, ranked[0][1], f"{ranked[0][0]:.4f}", *exact])
        else:
            said = ", ".join(f"{name} {100 * value:.0f} %" for value, name in ranked[:3])
            print(f"{guess.name}: {said}")


def _diagnose(options: argparse.Namespace) -> None:
    from alexnet_course.diagnosis import examine
    from alexnet_course.diagnosis.program import of_file

    file, _, named = options.source.partition(".py:")
    if named:
        file += ".py"
    elif not file.endswith(".py"):
        raise ValueError(f"{options.source!r} is no program; give FILE.py, or FILE.py:network")
    parts = {part: getattr(options, part) for part in PARTS}
    arguments = shlex.split(options.arguments)
    values = dict(map(given, options.give))
    program, watched = of_file(Path(file), named, parts, arguments, values, options.seconds / 2)
    print(examine(program, options.seconds, watched))


def _slips(options: argparse.Namespace) -> None:
    from alexnet_course.clinic import run_diagnoses, run_slips

    if options.diagnose and (options.names or options.seeds):
        raise ValueError(
            "--diagnose looks at every slip once, for one record; leave out names and --seeds"
        )
    keep_freed_memory()
    if options.diagnose:
        run_diagnoses(Path(options.out))
    else:
        run_slips(options.names or None, options.seeds, Path(options.out))


def given(text: str) -> tuple[str, Any]:
    """``"rate=0.1"`` as a name and a value: Python's, or else a text."""
    name, _, value = text.partition("=")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m alexnet_course", description=__doc__)
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    listing = commands.add_parser("list", help="every network, with its input and parameters")
    listing.set_defaults(run=_list)

    table = commands.add_parser("table", help="one network, layer by layer")
    table.add_argument(
        "name",
        metavar="NAME",
        help="as printed by 'list', or FILE.cfg, a layer file of the 2012 code",
    )
    table.add_argument(
        "--size", type=int, metavar="N", help="pixels a side of FILE.cfg's images (224 or 32)"
    )
    table.add_argument(
        "--params", metavar="FILE", help="FILE.cfg's params file (layer-params-….cfg beside it)"
    )
    table.add_argument("--format", choices=("text", "markdown", "csv", "json"), default="text")
    table.set_defaults(run=_table)

    data = commands.add_parser("data", help="which CIFAR-10 is found here; write it as folders")
    actions = data.add_subparsers(dest="action", metavar="ACTION")
    export = actions.add_parser("export", help="write DIR/train/<class>/*.png and DIR/test/…")
    export.add_argument("folder", metavar="DIR")
    export.add_argument(
        "--of",
        choices=("cifar10", "faces"),
        default="cifar10",
        help="CIFAR-10 (default), or the drawn faces",
    )
    data.set_defaults(run=_data, of="cifar10")

    trial = commands.add_parser("experiment", help="run and record what is not recorded yet")
    trial.add_argument("name", metavar="NAME")
    trial.add_argument("--arms", nargs="+", metavar="ARM", help="only these (default: all)")
    trial.add_argument("--seeds", nargs="+", type=int, metavar="K", help="only these seeds")
    trial.add_argument(
        "--scale",
        choices=("quick", "full"),
        default="full",
        help="quick: a rehearsal on few images, two epochs at most; nothing is recorded",
    )
    trial.add_argument(
        "--until", type=int, metavar="N", help="stop after epoch N of a recipe, and record that"
    )

    past = commands.add_parser("recorded", help="the recorded runs and how they ended")
    past.add_argument("name", metavar="NAME", nargs="?", help="of an experiment (default: all)")
    past.add_argument(
        "--records", metavar="DIR", default=RECORDED, help="where they are (default: the course's)"
    )
    past.add_argument("--format", choices=("text", "csv"), default="text")
    past.set_defaults(run=_recorded)

    speed = commands.add_parser("benchmark", help="the published loop, ours and a ceiling, timed")
    speed.add_argument("names", metavar="TUTORIAL", nargs="*", default=["two-conv", "five-conv-32"])
    speed.add_argument("--rounds", type=int, default=5, help="turns that each takes (5)")
    speed.add_argument("--seconds", type=float, default=3.0, help="length of a turn (3)")
    race = commands.add_parser("race", help="time to a tutorial's best accuracy, its way and ours")
    race.add_argument("name", metavar="TUTORIAL")
    race.add_argument(
        "--seconds", type=float, default=20.0, help="of the published loop, after each run (20)"
    )
    race.add_argument(
        "--check", metavar="DIR", help="run nothing; say whether DIR is an entry of the speedrun"
    )
    looked = commands.add_parser(
        "features", help="measure the networks whose weights are kept: mistakes, neighbours, probes"
    )
    looked.add_argument("--seeds", nargs="+", type=int, metavar="K", help="only these seeds")
    looked.add_argument(
        "--out", metavar="DIR", default=RECORDED, help="where weights are, and records go"
    )
    looked.set_defaults(run=_features)
    most = commands.add_parser(
        "marathon",
        help="the runs that are missing, the most valuable first, as many as the minutes allow",
        description="Does what is recorded neither in the course nor in DIR, the most valuable "
        "first, and begins no run that a probe says it can't finish. Stopped or killed, the same "
        "command goes on. DIR/records.tar.gz holds all records at any moment.",
    )
    most.add_argument("--minutes", type=float, default=10.0, help="how long it may take (10)")
    most.add_argument("--out", metavar="DIR", required=True, help="where records go")
    most.add_argument(
        "--workers", type=int, default=1, help="runs at a time, a process each (1; untried on GPUs)"
    )
    most.add_argument(
        "--records",
        metavar="DIR",
        default=RECORDED,
        help="whose records need no run (the course's); DIR of --out: only those made there",
    )
    most.add_argument("--precision", choices=PRECISIONS, default="auto")
    most.set_defaults(run=_marathon)
    own = commands.add_parser(
        "train",
        help="a network on your own pictures, and a page that shows what it learned",
        description="Trains on SOURCE, a folder with a folder of pictures for each class, or a zip "
        "of it, and writes into DIR: model.pt, the network that was best on validation pictures, "
        "which 'predict' reads; report.html; and run.pt, from which the same command goes on.",
    )
    own.add_argument("source", metavar="SOURCE")
    own.add_argument("--out", metavar="DIR", required=True, help="where all of it goes")
    own.add_argument("--network", metavar="NAME", help="as printed by 'list' (two-conv, at 48)")
    own.add_argument(
        "--recipe",
        metavar="NAME",
        default="few-images",
        help="few-images (default), everything, trained-well, paper, …",
    )
    own.add_argument("--size", type=int, metavar="N", help="pixels a side (the network's own)")
    own.add_argument("--epochs", type=int, metavar="N", help="(the recipe's)")
    own.add_argument("--seed", type=int, default=0, metavar="K", help="of parts and weights (0)")
    own.add_argument(
        "--mirror",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="mirror images as the recipe says; not for letters, digits, signs",
    )
    own.add_argument(
        "--balance",
        choices=("auto", "yes", "no"),
        default="auto",
        help="show the pictures of small classes more often (auto: if one is 1.5 times another)",
    )
    own.add_argument("--start", metavar="FILE", help="begin with its weights, but the last layer's")
    own.add_argument("--freeze", action="store_true", help="let the last layer alone learn")
    own.add_argument("--precision", choices=PRECISIONS, default="auto")
    own.set_defaults(run=_train)
    asked = commands.add_parser("predict", help="what a trained network takes pictures for")
    asked.add_argument("checkpoint", metavar="CHECKPOINT", help="model.pt, written by 'train'")
    asked.add_argument("source", metavar="SOURCE", help="a picture, or a folder or a zip of them")
    asked.add_argument("--format", choices=("text", "csv"), default="text")
    asked.set_defaults(run=_predict)

    looked_at = commands.add_parser(
        "diagnose",
        help="what looks wrong in a program that trains a network, and the evidence",
        description="Runs FILE.py, so that what stands there happens, but a loop that trains is "
        "cut short after a few steps, and torch.save writes nothing. Then it looks for 27 kinds of "
        "fault, and says which it sees. With a NETWORK, the file is imported instead, and what is "
        "not named is found by usual names: train_loader, criterion, optimizer, train, evaluate.",
    )
    looked_at.add_argument(
        "source",
        metavar="FILE.py[:NETWORK]",
        help="a program, whose network is seen as it trains; or a module, or what makes one",
    )
    looked_at.add_argument(
        "--arguments", metavar="TEXT", default="", help='of the program: --arguments="--epochs 3"'
    )
    looked_at.add_argument(
        "--give", metavar="NAME=VALUE", nargs="+", default=[], help="for parameters of --train"
    )
    for part, words in PARTS.items():
        looked_at.add_argument(f"--{part}", metavar="NAME", help=words)
    looked_at.add_argument(
        "--seconds", type=float, default=20.0, help="about how long it may take (20)"
    )
    looked_at.set_defaults(run=_diagnose)

    slips = commands.add_parser(
        "slips", help="what each slip of the clinic costs: train a program with it, and record that"
    )
    slips.add_argument("names", metavar="SLIP", nargs="*", help="only these (default: all)")
    slips.add_argument("--seeds", nargs="+", type=int, metavar="K", help="only these seeds")
    slips.add_argument(
        "--diagnose", action="store_true", help="record what 'diagnose' says of each, instead"
    )
    slips.add_argument("--out", metavar="DIR", default=RECORDED, help="where records go")
    slips.set_defaults(run=_slips)

    for command, action in ((trial, _experiment), (speed, _benchmark), (race, _race)):
        command.add_argument("--precision", choices=PRECISIONS, default="auto")
        command.add_argument("--out", metavar="DIR", default=RECORDED, help="where records go")
        command.set_defaults(run=action)
    return top


EXPECTED = (KeyError, ValueError, OSError, RuntimeError, ArithmeticError, MemoryError, ImportError)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 when it worked, 2 with a sentence on stderr when it could not, 130 when
    it was stopped by Ctrl-C.
    """
    options = parser().parse_args(arguments)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_: print(f"warning: {message}", file=sys.stderr)
            options.run(options)
        print(end="", flush=True)
    except BrokenPipeError:  # whoever reads this, such as 'head', has read enough
        sys.stdout = None  # or Python would try to write the rest as it ends
        return 0
    except EXPECTED as error:
        print(f"error: {sentence(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; run the same command again to go on", file=sys.stderr)
        return 130
    return 0


def sentence(error: BaseException) -> str:
    """What went wrong, on one line, with the name of the file if it is about one."""
    if isinstance(error, KeyError) and error.args:
        text = str(error.args[0])
    elif isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    else:
        text = str(error)
    return text.strip().partition("\n")[0] or type(error).__name__


if __name__ == "__main__":
    sys.exit(main())
