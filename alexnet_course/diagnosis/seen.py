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

from alexnet_course.diagnosis.program import NotSeen, Program, every
from alexnet_course.diagnosis.watching import Watcher

BATCH = 16, 64  # images that pass again and again, at least and at most
SAMPLE = 1_000  # images that are looked at from each side,
VALUES = 2**26  # or as many as have so many values
PASSES, FEW = 24, 8  # passes with dropout, whose mean is taken, and their images
LINEAR = (
    *("Add", "Sub", "View", "Reshape", "Unsafe", "T", "Permute", "Transpose", "Clone", "Squeeze"),
    *("Unsqueeze", "Expand", "Mean", "AvgPool", "AdaptiveAvgPool", "Pad", "ConstantPad", "Slice"),
    *("NativeBatchNorm", "CudnnBatchNorm", "NativeDropout", "Alias", "Neg", "Cat", "ToCopy"),
    *("UnsafeView", "Split", "Contiguous", "Select"),
)
WEIGHING = ("Convolution", "Addmm", "Mm", "Bmm", "Linear", "MkldnnConvolution")


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
        """Those of one pass over the loader, up to 1,000 images or three seconds."""
        return _gather(self.program.loader)

    @cached_property
    def again(self) -> list[tuple[Tensor, Tensor]]:
        """Those of a second pass."""
        return _gather(self.program.loader)

    @cached_property
    def tests(self) -> list[tuple[Tensor, Tensor]]:
        return _gather(self._test)

    @cached_property
    def tests_again(self) -> list[tuple[Tensor, Tensor]]:
        return _gather(self._test)

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

    @cached_property
    def outputs(self) -> Tensor:
        """Of one batch in training mode, with their graph."""
        if self.broken:
            raise NotSeen("the network stops with an error")
        self.restore()
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

    @cached_property
    def first_loss(self) -> float:
        labels = self.batch[1]
        if labels.dtype != torch.int64 or labels.ndim != 1:
            raise NotSeen("labels are no classes")
        if int(labels.min()) < 0 or int(labels.max()) >= self.classes:
            raise NotSeen("labels are out of range")
        return float(F.cross_entropy(self.logits, labels))

    @cached_property
    def still(self) -> tuple[Tensor, Tensor]:
        """The outputs of two passes of the same batch in evaluation mode."""
        if self.broken:
            raise NotSeen("the network stops with an error")
        self.restore()
        self.network.eval()
        with torch.no_grad():
            return self.run(self.batch[0]), self.run(self.batch[0])

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

    # Signals

    @cached_property
    def signals(self) -> dict[str, float]:
        """For each layer with weights, in the order of its work: the deviation of what it makes
        between images. Under ``""`` that of the images.
        """
        if self.broken:
            raise NotSeen("the network stops with an error")
        made: dict[str, float] = {"": _between(self.batch[0])}

        def note(name: str) -> Callable[..., None]:
            def hook(module: nn.Module, _: Any, output: Any) -> None:
                if isinstance(output, Tensor):
                    made[name] = _between(output)

            return hook

        kinds = (nn.Linear, nn.modules.conv._ConvNd)
        with _hooks(self.network, note, kinds):
            self._quiet_pass()
        return made

    def _quiet_pass(self) -> None:
        """In training mode but for dropout, as batch norm sees the batch."""
        self.restore()
        self.network.train()
        for module in self.network.modules():
            if isinstance(module, nn.modules.dropout._DropoutNd):
                module.eval()
        with torch.no_grad():
            self.run(self.batch[0])
        self.restore()

    @cached_property
    def dead(self) -> dict[str, float]:
        """For each ReLU the share of its channels that no image makes positive."""
        if self.broken:
            raise NotSeen("the network stops with an error")
        self.restore()
        self.network.eval()
        with _Relus() as found, torch.no_grad():
            for images, _ in self.batches[:4]:
                found.turn = 0
                self.run(images[: len(self.batch[0])])
        return {name: float((most <= 0).float().mean()) for name, most in found.largest.items()}

    @cached_property
    def dropout(self) -> tuple[str, float, float] | None:
        """Of the first place with chance in training mode: its name, the mean over many passes
        against the evaluation pass, as a factor, and the share of values that are 0.
        """
        if self.broken:
            raise NotSeen("the network stops with an error")
        noted: dict[str, Tensor] = {}

        def note(name: str) -> Callable[..., None]:
            def hook(module: nn.Module, inputs: Any, output: Any) -> None:
                if inputs and isinstance(inputs[0], Tensor):
                    noted[f"what reaches {name}"] = inputs[0].detach().float()
                if isinstance(output, Tensor):
                    noted[f"what {name} makes"] = output.detach().float()

            return hook

        def passed(training: bool) -> dict[str, Tensor]:
            noted.clear()
            self.network.train(training)
            for module in self.network.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()
            self.run(self.batch[0][:FEW])
            return dict(noted)

        self.restore()
        torch.manual_seed(0)
        with _hooks(self.network, note, None), torch.no_grad():
            one, other = passed(True), passed(True)
            place = next((k for k in one if not torch.equal(one[k], other[k])), None)
            if place is None:
                return None
            total = torch.stack([passed(True)[place] for _ in range(PASSES)]).mean(0)
            still = passed(False)[place]
        factor = float((total * still).sum() / still.square().sum().clamp_min(1e-30))
        return place, factor, float((one[place] == 0).float().mean())

    # Training

    @cached_property
    def watch(self) -> Watcher:
        """The program's own loop, or the usual one, cut short."""
        if self.watched is not None:
            return self.watched
        if self.broken and self.program.train is None:
            raise NotSeen("the network stops with an error")
        if self.program.train is None and not self.optimisers:
            raise NotSeen("no optimiser and no function that trains were given")
        self.restore()
        torch.manual_seed(0)
        self.network.train()
        watcher = Watcher(self.network, seconds=self.seconds)
        with watcher:
            if self.program.train is None:
                self._usual_loop()
            else:
                for epoch in range(1, 4):
                    self.program.call(self.program.train, epoch=epoch, epochs=3)
                    if self.program.evaluate is not None:
                        self.program.call(self.program.evaluate)
        self.weights_after = copy.deepcopy(self.network.state_dict())
        if isinstance(watcher.error, NotSeen):
            raise watcher.error
        return watcher

    def _usual_loop(self) -> None:
        loss = self.program.loss or nn.CrossEntropyLoss()
        scheduler = self.program.scheduler
        for _ in range(3):
            for batch in self.program.loader:
                images, labels = pair(batch)
                for optimiser in self.optimisers:
                    optimiser.zero_grad()
                loss(self.run(images), labels.to(self.program.device)).backward()
                for optimiser in self.optimisers:
                    optimiser.step()
            if scheduler is not None:
                scheduler.step()

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

    # Labels and images

    @cached_property
    def label_probe(self) -> tuple[float, float, float, int]:
        """How often the nearest of other images has the same label, how often a linear probe on
        random features, left one out, is right, how often the commonest class is, and the number
        of images.
        """
        images, labels = self.images.float(), self.labels
        if len(images) < 200 or images.ndim != 4:
            raise NotSeen("fewer than 200 images were seen")
        small = F.adaptive_avg_pool2d(images, 8).flatten(1)
        centred = small - small.mean(1, keepdim=True)
        distances = torch.cdist(centred, centred)
        copies = distances < 0.01 * distances.mean()
        distances.masked_fill_(copies, math.inf).fill_diagonal_(math.inf)
        nearest = float((labels[distances.argmin(1)] == labels).float().mean())
        commonest = float(labels.bincount().max() / len(labels))
        return nearest, _probe(images, small, labels), commonest, len(labels)

    @cached_property
    def overlap(self) -> tuple[float, float]:
        """Shares of the test images that stand among the training images, pixel for pixel, and
        that are as near to one as hardly any training image to another.
        """
        train, test = stored(self.program.loader), stored(self._test)
        if train is None or test is None:
            train, test = self.images, self.test_images
        if train.shape[1:] != test.shape[1:]:
            raise NotSeen("training and test images are of different shapes")
        known = {_key(x) for x in train}
        equal = sum(_key(x) in known for x in test) / len(test)
        return equal, _near_share(train[:SAMPLE], test[:SAMPLE])


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


def _gather(loader: Iterable[Any]) -> list[tuple[Tensor, Tensor]]:
    found: list[tuple[Tensor, Tensor]] = []
    end = time.monotonic() + 3
    watcher = Watcher(None, batches=SAMPLE)
    with watcher:
        iterator: Iterator[Any] = iter(loader)
        for batch in iterator:
            images, labels = pair(batch)
            found.append((images.cpu(), labels.cpu()))
            values, count = (sum(x[i].numel() for x in found) for i in (0, 1))
            if count >= SAMPLE or values > VALUES or time.monotonic() > end:
                break
    if isinstance(watcher.error, NotSeen):
        raise watcher.error
    if watcher.error is not None and not found:
        raise NotSeen(f"the loader stops with {type(watcher.error).__name__}: {watcher.error}")
    if not found:
        raise NotSeen("the loader gives no batch")
    return found


def _joined(parts: list[Tensor], what: str) -> Tensor:
    shapes = {tuple(x.shape[1:]) for x in parts}
    if len(shapes) > 1:
        raise NotSeen(f"{what} of different shapes: {sorted(shapes)}")
    return torch.cat(parts)


def _between(values: Tensor) -> float:
    """The deviation of each value between images, on average."""
    return float(values.detach().float().std(0).mean()) if len(values) > 1 else math.nan


class _hooks:
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


class _Relus(torch.overrides.TorchFunctionMode):
    """The largest value of each channel after each ReLU, in the order of their work."""

    def __init__(self) -> None:
        super().__init__()
        self.turn = 0
        self.largest: dict[str, Tensor] = {}

    def __torch_function__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        if getattr(function, "__name__", "") in ("relu", "relu_") and made.ndim > 1:
            self.turn += 1
            most = made.detach().transpose(0, 1).flatten(1).amax(1)
            name = f"ReLU {self.turn}"
            self.largest[name] = torch.maximum(self.largest.get(name, most), most)
        return made


def _probe(images: Tensor, small: Tensor, labels: Tensor) -> float:
    """Accuracy, left one out, of ridge regression on pixels and on 96 patches of the images."""
    features = [small]
    if min(images.shape[2:]) >= 8:
        features.append(_likeness_to_patches(images))
    x = torch.cat([(f - f.mean(0)) / f.std(0).clamp_min(1e-6) for f in features], 1).double()
    targets = F.one_hot(labels.long()).double()
    targets = targets - targets.mean(0)
    kernel = x @ x.T / x.shape[1]
    hat = kernel @ torch.linalg.inv(kernel + torch.eye(len(x), dtype=torch.double))
    own = hat.diagonal()[:, None]
    left_out = (hat @ targets - own * targets) / (1 - own).clamp_min(1e-9)
    return float((left_out.argmax(1) == labels).float().mean())


def _likeness_to_patches(images: Tensor, side: int = 5, count: int = 96) -> Tensor:
    """How much of each of ``count`` random patches stands in the quarters of each image."""
    if min(images.shape[2:]) > 32:
        images = F.adaptive_avg_pool2d(images, 32)
    draws = torch.Generator().manual_seed(0)
    which = torch.randint(len(images), (count,), generator=draws).tolist()
    rows, columns = (
        torch.randint(size - side + 1, (count,), generator=draws).tolist()
        for size in images.shape[2:]
    )
    places = zip(which, rows, columns)
    kernels = torch.stack([images[i, :, y : y + side, x : x + side] for i, y, x in places])
    kernels = kernels - kernels.mean((1, 2, 3), keepdim=True)
    kernels = kernels / kernels.flatten(1).norm(dim=1).clamp_min(1e-6).view(-1, 1, 1, 1)
    maps = F.conv2d(images, kernels)
    maps = F.relu(maps - maps.mean((0, 2, 3), keepdim=True))
    return F.adaptive_avg_pool2d(maps, 2).flatten(1)


def stored(loader: Any) -> Tensor | None:
    """All images as they are stored, where the data set of ``loader`` has them in one tensor."""
    dataset: Any = getattr(loader, "dataset", None)
    chosen: Tensor | None = None
    while hasattr(dataset, "dataset") and hasattr(dataset, "indices"):
        order = torch.as_tensor(list(dataset.indices))
        chosen = order if chosen is None else order[chosen]
        dataset = dataset.dataset
    images = getattr(dataset, "images", None)
    if images is None:
        images = getattr(dataset, "data", None)
    if images is None and getattr(dataset, "tensors", None):
        images = dataset.tensors[0]
    if images is not None and not isinstance(images, Tensor):
        try:
            images = torch.as_tensor(images)
        except (TypeError, ValueError, RuntimeError):
            return None
    if images is None or images.ndim < 3:
        return None
    return images if chosen is None else images[chosen]


def _key(image: Tensor) -> bytes:
    return image.contiguous().numpy().tobytes()


def _near_share(train: Tensor, test: Tensor) -> float:
    """The share of test images nearer to a training image than 99 % of those are to another."""

    def small(images: Tensor) -> Tensor:
        if images.ndim == 4 and images.shape[-1] in (1, 3) and images.shape[1] > 4:
            images = images.permute(0, 3, 1, 2)
        x = F.adaptive_avg_pool2d(images.float(), 12).flatten(1)
        x = x - x.mean(1, keepdim=True)
        return x / x.norm(dim=1, keepdim=True).clamp_min(1e-6)

    a, b = small(train), small(test)
    own = (a @ a.T).fill_diagonal_(-1).amax(1)
    limit = own.quantile(0.99).clamp_min(0.98)
    return float(((b @ a.T).amax(1) > limit).float().mean())
