"""What there is to see of a program: each thing is measured once, when a detector asks for it."""

import copy
import math
import time
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alexnet_course.diagnosis.program import EPOCHS, NotSeen, Program, every
from alexnet_course.diagnosis.watching import STEPS, Watcher

BATCH = 16, 64  # images that pass again and again, at least and at most
SAMPLE = 1_000  # images that are looked at from each side,
VALUES = 2**26  # or as many as have so many values
PASSES, FEW = 24, 8  # passes with dropout, whose mean is taken, and their images


Detector = Callable[["Seen"], str | None]


class Seen:
    """The facts about one program. They leave the network and its optimisers as they were."""

    def __init__(self, program: Program, seconds: float, watched: Watcher | None = None) -> None:
        self.program, self.seconds, self.watched = program, seconds, watched
        self.network = program.network
        self.state = copy.deepcopy(self.network.state_dict())
        self.states = [copy.deepcopy(o.state_dict()) for o in self.optimisers]
        if watched is not None and watched.first:  # it has trained; go back to before that
            named = {k: v for k, v in watched.first.items() if k in self.state}
            self.state |= {k: v.clone() for k, v in named.items()}
        self.restore()

    @property
    def optimisers(self) -> list[torch.optim.Optimizer]:
        return [o for o in every(self.program.optimiser) if isinstance(o, torch.optim.Optimizer)]

    def restore(self) -> None:
        """Weights, buffers and optimisers as they were at first."""
        self.network.load_state_dict(self.state)
        self.network.zero_grad(set_to_none=True)
        for optimiser, state in zip(self.optimisers, self.states):
            optimiser.load_state_dict(copy.deepcopy(state))
            if not state["state"]:
                optimiser.state.clear()

    # Batches

    @cached_property
    def batches(self) -> list[tuple[Tensor, Tensor]]:
        """Those of one pass over the loader, up to 1,000 images."""
        return self._gather(self.program.loader)

    @cached_property
    def again(self) -> list[tuple[Tensor, Tensor]]:
        """Those of a second pass."""
        return self._gather(self.program.loader)

    @cached_property
    def tests(self) -> list[tuple[Tensor, Tensor]]:
        return self._gather(self._test)

    @cached_property
    def tests_again(self) -> list[tuple[Tensor, Tensor]]:
        return self._gather(self._test)

    @property
    def _test(self) -> Iterable[Any]:
        if self.program.test is None:
            raise NotSeen("no test batches were given")
        return self.program.test

    @cached_property
    def images(self) -> Tensor:
        return _joined([x for x, _ in self.batches], "images")

    @cached_property
    def labels(self) -> Tensor:
        labels = _joined([y for _, y in self.batches], "labels")
        if labels.ndim != 1 or labels.is_floating_point():
            raise NotSeen("labels are no whole numbers, one for each image")
        return labels

    @cached_property
    def test_images(self) -> Tensor:
        return _joined([x for x, _ in self.tests], "images")

    @cached_property
    def batch(self) -> tuple[Tensor, Tensor]:
        """So many images that a pass takes a twentieth of the time that training is watched."""
        images, labels = self.batches[0]
        fewest, most = BATCH
        start = time.monotonic()
        try:
            self.network.eval()
            with torch.no_grad():
                self.run(images[:fewest])
        except Exception:  # told by `broken`
            return images[:fewest], labels[:fewest]
        share = self.seconds / 20 / (time.monotonic() - start)
        count = min(most, max(fewest, int(fewest * share)))
        return images[:count], labels[:count]

    def _gather(self, loader: Iterable[Any]) -> list[tuple[Tensor, Tensor]]:
        found: list[tuple[Tensor, Tensor]] = []
        end = time.monotonic() + self.seconds / 6
        watcher = Watcher(None, batches=SAMPLE)
        with watcher:
            iterator: Iterator[Any] = iter(loader)
            for batch in iterator:
                images, labels = pair(batch)
                found.append((images.cpu(), labels.cpu()))
                values, count = sum(x.numel() for x, _ in found), sum(len(y) for _, y in found)
                if count >= SAMPLE or values > VALUES or time.monotonic() > end:
                    break
        if isinstance(watcher.error, NotSeen):
            raise watcher.error
        if watcher.error is not None and not found:
            raise NotSeen(f"the loader stops with {type(watcher.error).__name__}: {watcher.error}")
        if not found:
            raise NotSeen("the loader gives no batch")
        return found

    # Passes

    def run(self, images: Tensor) -> Tensor:
        """The network's outputs; what stops it is told as it stands."""
        outputs = self.network(images.to(self.program.device))
        if isinstance(outputs, (tuple, list)):
            outputs = outputs[0]
        if not isinstance(outputs, Tensor):
            raise NotSeen(f"the network gives {type(outputs).__name__}, not a tensor")
        return outputs

    @cached_property
    def broken(self) -> str | None:
        """The error of one pass in training mode, if there is one."""
        self.restore()
        images, _ = self.batch
        try:
            self.network.train()
            self.run(images)
        except NotSeen:
            raise
        except Exception as error:
            return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
        finally:
            self.restore()
        return None

    def ready(self) -> None:
        """Go back to the first weights, of a network that takes its images."""
        if self.broken:
            raise NotSeen("the network stops with an error")
        self.restore()

    @cached_property
    def outputs(self) -> Tensor:
        """Of one batch in training mode, with their graph."""
        self.ready()
        torch.manual_seed(0)
        self.network.train()
        outputs = self.run(self.batch[0])
        self.restore()
        return outputs

    @cached_property
    def logits(self) -> Tensor:
        """The outputs, where they are one for each class."""
        if self.outputs.ndim != 2 or self.outputs.shape[1] < 2:
            raise NotSeen(
                f"outputs are of shape {tuple(self.outputs.shape)}; expected [N, classes]"
            )
        return self.outputs.detach().float().cpu()

    @property
    def classes(self) -> int:
        return self.logits.shape[1]

    @cached_property
    def scored_by_cross_entropy(self) -> bool:
        """Whether the loss takes its softmax itself."""
        loss = self.program.loss
        if loss is None:
            steps = [s for s in self.steps if s.plain is not None]
            return bool(steps)
        if isinstance(loss, nn.CrossEntropyLoss) or loss is F.cross_entropy:
            return True
        if isinstance(loss, (nn.NLLLoss, nn.BCELoss, nn.BCEWithLogitsLoss, nn.MSELoss)):
            return False
        labels = self.batch[1]
        try:
            made = float(loss(self.logits, labels))
        except Exception:
            return False
        return math.isclose(made, float(F.cross_entropy(self.logits, labels)), rel_tol=1e-3)

    # The graph

    @cached_property
    def graph(self) -> list[Any]:
        """All nodes between the outputs and the weights."""
        found, waiting = {}, [self.outputs.grad_fn]
        while waiting:
            node = waiting.pop()
            if node is None or id(node) in found:
                continue
            found[id(node)] = node
            waiting += [following for following, _ in node.next_functions]
        return list(found.values())

    @cached_property
    def leaves(self) -> list[Tensor]:
        """The weights that the outputs depend on, by the graph."""
        return [node.variable for node in self.graph if hasattr(node, "variable")]

    @cached_property
    @torch.no_grad()
    def dropout(self) -> tuple[str, float] | None:
        """Of the first place with chance in training mode: its name, and the mean over many passes
        against the evaluation pass, as a factor.
        """
        self.ready()
        torch.manual_seed(0)
        one, other = self._values(True), self._values(True)
        place = next((k for k in one if not torch.equal(one[k], other[k])), None)
        if place is None:
            return None
        total = torch.stack([self._values(True)[place] for _ in range(PASSES)]).mean(0)
        still = self._values(False)[place]
        return place, float((total * still).sum() / still.square().sum().clamp_min(1e-30))

    def _values(self, training: bool) -> dict[str, Tensor]:
        """What each layer takes in and makes of few images, with batch norm as when testing."""
        noted: dict[str, Tensor] = {}

        def note(name: str) -> Callable[..., None]:
            def hook(module: nn.Module, inputs: Any, output: Any) -> None:
                if inputs and isinstance(inputs[0], Tensor):
                    noted[f"what reaches {name}"] = inputs[0].detach().float()
                if isinstance(output, Tensor):
                    noted[f"what {name} makes"] = output.detach().float()

            return hook

        self.network.train(training)
        for module in self.network.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()
        with hooks(self.network, note, None):
            self.run(self.batch[0][:FEW])
        return noted

    # Training

    @cached_property
    def watch(self) -> Watcher:
        """The program's own loop, or the usual one, cut short."""
        if self.watched is not None:
            return self.watched
        self.restore()
        watcher = self._watch(STEPS)
        self.weights_after = copy.deepcopy(self.network.state_dict())
        return watcher

    def _watch(self, most: int) -> Watcher:
        if self.broken and self.program.train is None:
            raise NotSeen("the network stops with an error")
        if self.program.train is None and not self.optimisers:
            raise NotSeen("no optimiser and no function that trains were given")
        torch.manual_seed(0)
        self.network.train()
        watcher = Watcher(self.network, most=most, seconds=self.seconds)
        with watcher:
            if self.program.train is None:
                self._usual_loop()
            else:
                for epoch in range(1, EPOCHS + 1):
                    self.program.call(self.program.train, epoch=epoch, epochs=EPOCHS)
                    if self.program.evaluate is not None:
                        self.program.call(self.program.evaluate)
        if isinstance(watcher.error, NotSeen):
            raise watcher.error
        return watcher

    def _usual_loop(self) -> None:
        loss = self.program.loss or nn.CrossEntropyLoss()
        scheduler = self.program.scheduler
        for _ in range(EPOCHS):
            for batch in self.program.loader:
                images, labels = pair(batch)
                for optimiser in self.optimisers:
                    optimiser.zero_grad()
                loss(self.run(images), labels.to(self.program.device)).backward()
                for optimiser in self.optimisers:
                    optimiser.step()
            if scheduler is not None:
                scheduler.step()

    @torch.no_grad()
    def over_cross_entropy(self, factor: float) -> float:
        """What the loss of a first step has over the cross-entropy, with weights × ``factor``."""
        if self.watched is not None:
            raise NotSeen("the program can't be run again with other weights")
        self.restore()
        for value in self.network.parameters():
            value.mul_(factor)
        with torch.enable_grad():
            step = self._watch(1).steps[0]
        self.restore()
        return math.nan if step.plain is None else step.loss - step.plain

    @property
    def steps(self) -> list[Any]:
        """What was seen of each step."""
        steps = self.watch.steps
        if not steps:
            error = self.watch.error
            raise NotSeen(
                f"the training function stops with {type(error).__name__}: {error}"
                if error
                else "no step was seen: nothing called backward()"
            )
        return steps

    @property
    def losses(self) -> list[float]:
        """Of the steps: the cross-entropy where it is known, else what was gone back from."""
        return [s.loss if s.plain is None else s.plain for s in self.steps]

    @cached_property
    def moved(self) -> dict[str, float]:
        """By how much of its norm each parameter has moved while it was watched."""
        if len(self.steps) < 2:
            raise NotSeen("one step says nothing of what moved")
        total: dict[str, float] = {}
        for step in self.steps:
            for name, share in step.moved.items():
                total[name] = max(total.get(name, 0.0), share)
        return total

    @cached_property
    def used_optimisers(self) -> list[torch.optim.Optimizer]:
        """Those that stepped, or else those that were given."""
        return self.watch.optimisers or self.optimisers


def pair(batch: Any) -> tuple[Tensor, Tensor]:
    """Images and labels of a batch: the first two of a list, or the tensors of a dictionary."""
    if isinstance(batch, dict):
        tensors = [x for x in batch.values() if isinstance(x, Tensor)]
        batch = sorted(tensors, key=lambda x: -x.ndim)
    if not isinstance(batch, (tuple, list)) or len(batch) < 2:
        raise NotSeen(f"a batch is of the type {type(batch).__name__}; expected images and labels")
    images, labels = batch[0], batch[1]
    if not (isinstance(images, Tensor) and isinstance(labels, Tensor)):
        raise NotSeen("a batch holds no tensors")
    return images, labels


def _joined(parts: list[Tensor], what: str) -> Tensor:
    shapes = {tuple(x.shape[1:]) for x in parts}
    if len(shapes) > 1:
        raise NotSeen(f"{what} of different shapes: {sorted(shapes)}")
    return torch.cat(parts)


class hooks:
    """Forward hooks on the leaves of ``kinds`` (all, if ``None``), while it is entered."""

    def __init__(self, network: nn.Module, note: Callable[..., Any], kinds: Any) -> None:
        self.modules = [
            (name, module)
            for name, module in network.named_modules()
            if not any(True for _ in module.children())
            and (kinds is None or isinstance(module, kinds))
        ]
        self.note = note

    def __enter__(self) -> None:
        self.hooks = [m.register_forward_hook(self.note(name)) for name, m in self.modules]

    def __exit__(self, *_: Any) -> None:
        for hook in self.hooks:
            hook.remove()


def some(names: list[str], most: int = 3) -> str:
    """The first of ``names``, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
