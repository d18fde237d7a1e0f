"""A program to be looked at: its network, its batches and its own functions, by whatever names."""

import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from alexnet_course.data.augmentation import Augmenter
from alexnet_course.data.images import ImageData, Labelled
from alexnet_course.diagnosis.watching import STEPS, Watcher
from alexnet_course.recipes import Recipe
from alexnet_course.training import Trainer, evaluate

# The names that people give to these things, the likeliest first.
NAMES: dict[str, tuple[str, ...]] = {
    "network": ("network", "model", "net", "module", "cnn"),
    "loader": (
        *("loader", "train_loader", "trainloader", "train_dataloader", "train_dl", "dataloader"),
        *("data_loader", "train_iter", "training_loader", "train_data", "data", "batches"),
    ),
    "test": (
        *("test_loader", "testloader", "test_dataloader", "test_dl", "val_loader", "valloader"),
        *("valid_loader", "validation_loader", "val_dataloader", "val_dl", "eval_loader", "test"),
        *("test_data", "test_iter"),
    ),
    "loss": ("loss", "criterion", "loss_fn", "loss_function", "loss_func", "objective"),
    "optimiser": ("optimiser", "optimizer", "opt", "optim"),
    "scheduler": ("scheduler", "lr_scheduler", "sched", "schedule"),
    "train": ("train", "train_model", "fit", "train_one_epoch", "train_epoch", "training_loop"),
    "evaluate": ("evaluate", "test_model", "validate", "accuracy", "eval_model", "test", "check"),
    "device": ("device",),
    "epochs": ("epochs", "num_epochs", "n_epochs", "max_epochs", "total_epochs"),
    "epoch": ("epoch",),
    "checkpoint": (
        *("checkpoint", "checkpoint_path", "ckpt", "ckpt_path", "path", "resume", "snapshot"),
        *("snapshot_path", "save_path"),
    ),
}
GIVEN = ("loader", "test", "loss", "optimiser", "scheduler", "train", "evaluate")
IMAGES = 600  # of the course's own sets that are looked at
EPOCHS = 3  # that a function which trains is asked for


class NotSeen(Exception):
    """Something can't be looked at; the message says why."""


@dataclass
class Program:
    """What :func:`~alexnet_course.diagnosis.diagnose` looks at.

    ``loader`` and ``test`` are iterables of batches. ``train`` and ``evaluate`` are functions whose
    parameters have names of :data:`NAMES`, or stand in ``others``.
    """

    network: nn.Module
    loader: Iterable[Any]
    loss: Callable[..., Tensor] | None = None
    optimiser: Any = None
    test: Iterable[Any] | None = None
    scheduler: Any = None
    train: Callable[..., Any] | None = None
    evaluate: Callable[..., Any] | None = None
    others: Mapping[str, Any] = field(default_factory=dict)
    makes_network: bool = False  # whether ``train`` makes its own, anew at each call
    augmented: bool = False  # whether it says that it changes training images at random

    @property
    def device(self) -> torch.device:
        """Where the network stands."""
        first = next(self.network.parameters(), None)
        return torch.device("cpu") if first is None else first.device

    def call(self, function: Callable[..., Any], **more: Any) -> Any:
        """``function`` with what it asks for, found by the names of its parameters."""
        known = {name: getattr(self, name) for name in ("network", *GIVEN)}
        if function is self.evaluate and self.test is not None:
            known["loader"] = self.test  # of a function that tests
        known |= {"device": self.device, "epochs": EPOCHS, "epoch": 1} | more
        return call(function, known, self.others)


def call(function: Callable[..., Any], known: Mapping[str, Any], others: Mapping[str, Any]) -> Any:
    """``function`` with what its parameters mean, of ``known``, or are called, of ``others``."""
    arguments: list[Any] = []
    options: dict[str, Any] = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        key = meaning(parameter.name, known)
        if key is not None and known[key] is not None:
            value = known[key]
        elif parameter.name in others:
            value = others[parameter.name]
        elif parameter.default is not parameter.empty:
            continue
        else:
            raise NotSeen(
                f"{_name(function)} wants {parameter.name!r}, which was not given; give "
                "the parameter a default, or a usual name such as 'model' or 'loader'"
            )
        if parameter.kind is parameter.POSITIONAL_ONLY:
            arguments.append(value)
        else:
            options[parameter.name] = value
    return function(*arguments, **options)


def meaning(name: str, among: Iterable[str] = NAMES) -> str | None:
    """Which of :data:`NAMES` a parameter's name stands for."""
    return next((key for key in among if name.lower() in NAMES.get(key, (key,))), None)


def wants(function: Callable[..., Any], what: str) -> bool:
    """Whether ``function`` has a parameter that stands for ``what``."""
    return any(name.lower() in NAMES[what] for name in inspect.signature(function).parameters)


def _name(function: Callable[..., Any]) -> str:
    return f"{getattr(function, '__name__', type(function).__name__)}(…)"


class Batches:
    """The batches of a recipe's epochs, prepared; in a new order and augmented if it trains."""

    def __init__(self, split: Labelled, trainer: Trainer, training: bool) -> None:
        self.dataset, self.recipe, self.training = split, trainer.recipe, training
        self.preparation = trainer.preparation
        self.augmenter = trainer.augmenter if training else Augmenter((), split.sample_images())
        self.generator = torch.Generator().manual_seed(0)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        count, size = len(self.dataset), self.recipe.batch_size
        order = torch.arange(count)
        if self.training:
            order = torch.randperm(count, generator=self.generator)
        augment = self.augmenter.epoch(count, self.generator, torch.device("cpu"))
        for start, (images, labels) in zip(
            range(0, count, size), self.dataset.batches(order, size, "cpu")
        ):
            yield self.preparation(augment(images, slice(start, start + size))), labels

    def __len__(self) -> int:
        return -(-len(self.dataset) // self.recipe.batch_size)


def of_recipe(network: nn.Module, data: ImageData, recipe: Recipe) -> Program:
    """The program that :func:`~alexnet_course.training.fit` is, with as many images as its first
    steps take, at their rates, and at most 600 to look at.
    """
    used = _some(data.train, max(IMAGES, STEPS * recipe.batch_size))
    train, held_out = used[:IMAGES], _some(data.held_out, IMAGES)
    trainer = Trainer(network, used, recipe, 0, torch.device("cpu"), "float32")
    trainer.steps = -(-len(data.train) // recipe.batch_size)
    test = Batches(held_out, trainer, False)

    def run() -> None:
        for number in range(1, recipe.epochs + 1):
            accuracies = [0.0] * (number - 1) if recipe.schedule.by_validation else []
            for _ in trainer.epoch(number, accuracies):
                pass

    return Program(
        network,
        Batches(train, trainer, True),
        loss=nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing),
        optimiser=trainer.optimisers,
        test=test,
        train=run,
        evaluate=lambda: evaluate(network, held_out, test.preparation)[1],
        augmented=bool(recipe.augmentation),
    )


def _some(split: Labelled, most: int) -> Labelled:
    generator = torch.Generator().manual_seed(0)
    return split[torch.randperm(len(split), generator=generator)[:most]]


def of_file(
    path: Path,
    named: str,
    options: Mapping[str, str | None],
    arguments: Iterable[str] = (),
    given: Mapping[str, Any] | None = None,
    seconds: float = 10.0,
) -> tuple[Program, Watcher | None]:
    """The program in a Python file, whose code is run, and what its own loop was seen to do.

    ``named`` is its network: a module, or a class or function that makes one; dots lead into
    objects. Without it the file is run as a program, with its ``arguments``, or its function that
    is named as ``train``, and the network is the one that is seen to train. ``options`` name the
    other parts; what they leave out is found by :data:`NAMES`; ``given`` are values of parameters.
    Where the file trains as it is run, that is watched for at most ``seconds``, and looked at in
    place of ``train``.
    """
    if not path.is_file():
        raise ValueError(f"{path} is no file; give FILE.py, or FILE.py:network")
    watcher = Watcher(None, seconds=seconds)
    alone = not named and not options.get("train")
    found = _run(path, "__main__" if alone else f"diagnosed_{path.stem}", arguments, watcher)
    found |= given or {}
    watcher.settle()
    if watcher.error is not None and not watcher.steps and (named or watcher.network is None):
        error = watcher.error
        raise ValueError(f"{path.name} stops with {type(error).__name__}: {error}") from error
    if not named:
        return _seen(found, options, path, watcher), watcher
    network = _made(_leading(found, named, path), named)
    parts = {what: _by_usual_name(found, what) for what in GIVEN}
    parts = {what: part for what, part in parts.items() if part is not None}
    if watcher.steps:
        parts |= _watched_parts(watcher)
    program = of_parts(network, parts | _named_parts(found, options, path), found)
    return program, watcher if watcher.steps else None


def _run(path: Path, name: str, arguments: Iterable[str], watcher: Watcher) -> dict[str, Any]:
    """What stands in a file after its code has been run, as the module ``name``."""
    module = ModuleType(name)
    module.__file__ = str(path)
    before, sys.modules[name] = sys.modules.get(name), module
    argv, sys.argv = sys.argv, [str(path), *arguments]
    sys.path.insert(0, str(path.parent))
    try:
        with watcher:
            exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), vars(module))
    finally:
        sys.path.remove(str(path.parent))
        sys.argv = argv
        if before is not None:
            sys.modules[name] = before
    return vars(module)


def _seen(
    found: Mapping[str, Any], options: Mapping[str, str | None], path: Path, watcher: Watcher
) -> Program:
    """The program that has trained, or that the function that is named as ``train`` is."""
    train = options.get("train")
    function = _leading(found, train, path) if train else None
    if function is not None:
        with watcher:
            call(function, {"epochs": EPOCHS}, found)
    watcher.settle()
    network, parts = watcher.network, _watched_parts(watcher)
    if network is None or "loader" not in parts:
        error = watcher.error
        why = f"; it stops with {type(error).__name__}: {error}" if error else ""
        raise ValueError(
            f"no training was seen in {path.name}: nothing called backward(){why}. Give "
            'FILE.py:network, --train FUNCTION, or what the program wants as --arguments="…"'
        )
    program = of_parts(network, parts | _named_parts(found, options, path), found)
    program.makes_network = function is not None
    return program


def _watched_parts(watcher: Watcher) -> dict[str, Any]:
    """The loaders and optimisers that were seen at work."""
    parts: dict[str, Any] = {}
    learned = [watcher.loaders[x] for x in watcher.trained]
    if not watcher.steps:  # the first pass was too slow, or stopped
        learned = [*watcher.loaders.values()][:1]
    if learned or watcher.fed:
        parts["loader"] = learned[0] if learned else watcher.fed
    others = [x for x in (*watcher.loaders.values(), *watcher.made) if x not in learned]
    if others:
        parts["test"] = others[0]
    if watcher.optimisers:
        parts["optimiser"] = watcher.optimisers
    return parts


def of_parts(network: nn.Module, parts: dict[str, Any], others: Mapping[str, Any]) -> Program:
    """A program; a module that carries its own ``training_step`` brings the rest itself."""
    if hasattr(network, "training_step") and "train" not in parts:
        parts = _lightning(network, parts)
    if "loader" not in parts:
        raise ValueError(
            "no batches to train with: give --loader NAME, or call them 'loader' or 'train_loader'"
        )
    if callable(parts.get("optimiser")) and not isinstance(
        parts["optimiser"], torch.optim.Optimizer
    ):
        parts["optimiser"] = parts["optimiser"](network.parameters())
    return Program(network, others=others, **parts)


def _lightning(network: Any, parts: dict[str, Any]) -> dict[str, Any]:
    """What such a module says about training, with the loop that Lightning has around it."""
    parts = dict(parts)
    for name, hook in (("loader", "train_dataloader"), ("test", "val_dataloader")):
        if name not in parts and callable(getattr(network, hook, None)):
            parts[name] = getattr(network, hook)()
    if "optimiser" not in parts:
        made = network.configure_optimizers()
        if isinstance(made, Mapping):
            made = made["optimizer"]
        if isinstance(made, tuple):
            made = made[0]
        parts["optimiser"] = made
    optimisers = every(parts["optimiser"])

    def train() -> None:
        for _ in range(3):
            network.train()
            for number, batch in enumerate(parts["loader"]):
                made = network.training_step(batch, number)
                for optimiser in optimisers:
                    optimiser.zero_grad()
                (made["loss"] if isinstance(made, Mapping) else made).backward()
                for optimiser in optimisers:
                    optimiser.step()

    return parts | {"train": train}


def every(optimiser: Any) -> list[Any]:
    """One optimiser or several, as a list; none, as an empty one."""
    if optimiser is None:
        return []
    return list(optimiser) if isinstance(optimiser, (list, tuple)) else [optimiser]


def _leading(found: Mapping[str, Any], dotted: str, path: Path) -> Any:
    first, *rest = dotted.split(".")
    if first not in found:
        kinds = (nn.Module, type)
        usable = [key for key, x in found.items() if _is_network(x, kinds)]
        hint = f"it has {', '.join(usable)}" if usable else "nor any other network"
        raise ValueError(f"{path.name} has no {first!r} at its top level; {hint}")
    value = found[first]
    for name in rest:
        if not hasattr(value, name):
            raise ValueError(f"{path.name}: {dotted} leads nowhere; there is no {name!r}")
        value = getattr(value, name)
    return value


def _is_network(value: Any, kinds: tuple[type, ...]) -> bool:
    if isinstance(value, type):
        return issubclass(value, nn.Module) and not value.__module__.startswith("torch.")
    return isinstance(value, nn.Module)


def _made(value: Any, named: str) -> nn.Module:
    """The network itself, where a class or a function makes it."""
    if isinstance(value, nn.Module):
        return value
    if hasattr(value, "layers") and hasattr(value, "input_shape"):
        from alexnet_course.network import build

        return build(value, seed=0)
    if callable(value):
        torch.manual_seed(0)
        try:
            value = value()
        except TypeError as error:
            raise ValueError(f"{named}() makes no network without arguments: {error}") from error
    if not isinstance(value, nn.Module):
        raise ValueError(f"{named} is of the type {type(value).__name__}; expected an nn.Module")
    return value


def _named_parts(
    found: Mapping[str, Any], options: Mapping[str, str | None], path: Path
) -> dict[str, Any]:
    return {part: _leading(found, name, path) for part, name in options.items() if name}


def _by_usual_name(found: Mapping[str, Any], what: str) -> Any:
    fits = {
        "loader": lambda x: hasattr(x, "__iter__") and not isinstance(x, (str, Tensor, dict)),
        "test": lambda x: hasattr(x, "__iter__") and not isinstance(x, (str, Tensor, dict)),
        "optimiser": lambda x: isinstance(x, (torch.optim.Optimizer, list, tuple)),
        "scheduler": lambda x: hasattr(x, "step"),
        "train": inspect.isroutine,
        "evaluate": inspect.isroutine,
        "loss": lambda x: callable(x),
    }[what]
    return next((found[x] for x in NAMES[what] if x in found and fits(found[x])), None)
