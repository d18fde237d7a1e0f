"""A detector for each kind of fault: the evidence for it with its numbers, or ``None``.

Each looks at a :class:`~alexnet_course.diagnosis.seen.Seen`. Thresholds lie between what sound
networks and recipes of the course show and what breaks them.
"""

import copy
import math
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from alexnet_course.diagnosis.program import NotSeen, wants
from alexnet_course.diagnosis.seen import LINEAR, WEIGHING, Seen, pair
from alexnet_course.diagnosis.watching import Count, Watcher

Detector = Callable[[Seen], str | None]


def some(names: list[str], most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


# Outputs


def softmax_before_loss(seen: Seen) -> str | None:
    sums = seen.logits.sum(1)
    if seen.logits.min() < 0 or (sums - 1).abs().max() > 1e-3 or not seen.scored_by_cross_entropy:
        return None
    floor = math.log(1 + (seen.classes - 1) / math.e)
    return (
        f"the outputs for each image are at least 0 and add up to {sums.mean():.3f}, so a "
        f"cross-entropy that takes the softmax again can't fall below {floor:.2f}"
    )


LAST = {"Relu": "ReLU", "Sigmoid": "sigmoid", "Tanh": "tanh", "Clamp": "clamp", "Elu": "ELU"}


def activation_at_the_end(seen: Seen) -> str | None:
    node = seen.outputs.grad_fn
    if node is not None and node.name().startswith("LogSoftmax"):
        node = node.next_functions[0][0]  # the loss's own, so to speak
    last = node.name() if node else ""
    kind = next((words for key, words in LAST.items() if last.startswith(key)), None)
    if kind is None or not seen.scored_by_cross_entropy:
        return None
    low, high = seen.logits.min(), seen.logits.max()
    return f"the last operation is a {kind}; all outputs lie between {low:.3g} and {high:.3g}"


def no_non_linearity(seen: Seen) -> str | None:
    weighing = [n for n in seen.graph if _is(n, WEIGHING)]
    for node in weighing:
        before = _linear_input(node.next_functions[_input(node)][0])
        if before is not None and not _bottleneck(node, before):
            return (
                f"between {_sizes(before)} and {_sizes(node)} stands nothing but linear "
                "operations, so that together they are one linear layer"
            )
    return None


def _is(node: Any, names: tuple[str, ...]) -> bool:
    plain = re.sub(r"Backward\d*$", "", node.name())
    return plain.startswith(names) if names is not LINEAR else plain in names or _starts(plain)


def _starts(plain: str) -> bool:
    return any(plain.startswith(name) for name in LINEAR if len(name) > 3)


def _input(node: Any) -> int:
    return 1 if node.name().startswith("Addmm") else 0


def _linear_input(node: Any) -> Any:
    """The operation with weights that reaches this place through linear operations alone."""
    waiting, done = [node], set()
    while waiting:
        node = waiting.pop()
        if node is None or id(node) in done or hasattr(node, "variable"):
            continue
        done.add(id(node))
        if _is(node, WEIGHING):
            return node
        parents = [n for n, _ in node.next_functions if n is not None]
        if _is(node, LINEAR) or (node.name().startswith(("Mul", "Div")) and len(parents) == 1):
            waiting += parents
    return None


def _weight(node: Any) -> Tensor | None:
    """The matrix or kernels of an operation with weights."""
    for following, _ in node.next_functions[::-1]:
        while following is not None and following.name().startswith(("T", "Transpose")):
            following = following.next_functions[0][0]
        if hasattr(following, "variable") and following.variable.ndim >= 2:
            return following.variable
    return None


def _bottleneck(node: Any, before: Any) -> bool:
    """Whether two linear layers in a row are a product of small matrices that is meant as such, or
    a depthwise convolution with its pointwise one.
    """
    first, second = _weight(before), _weight(node)
    if first is None or second is None:
        return True
    if first.ndim == 4 and (first.shape[1] == 1 or second.shape[1] == 1):
        return True
    inner = first.shape[0]
    return inner < first[0].numel() and inner < second.shape[0]


def _sizes(node: Any) -> str:
    weight = _weight(node)
    kind = "a convolution" if node.name().startswith("Conv") else "a linear layer"
    return kind if weight is None else f"{kind} of {tuple(weight.shape)}"


# Weights and what they are moved by


def gradients_not_zeroed(seen: Seen) -> str | None:
    steps = seen.steps
    stale = [
        (number, step)
        for number, step in enumerate(steps[1:], start=2)
        if step.left > 0 and max(step.moved.values(), default=0) > 0
    ]
    if len(stale) < max(1, (len(steps) - 1) // 2):
        return None
    number, last = stale[-1]
    return (
        f"before the backward pass of step {number} gradients of norm {last.left:.3g} were still "
        f"there, though a step had been taken; so it was at {len(stale)} of {len(steps) - 1} steps"
    )


def nothing_moves(seen: Seen) -> str | None:
    if any(seen.moved.values()) or not seen.moved:
        return None
    return (
        f"after {len(seen.steps)} backward passes all {len(seen.moved)} parameters are exactly "
        f"as they were; {_why_still(seen)}"
    )


def _why_still(seen: Seen) -> str:
    if not seen.watch.optimisers:
        return "no optimiser took a step"
    own = {id(p) for p in seen.network.parameters()}
    held = [p for o in seen.watch.optimisers for g in o.param_groups for p in g["params"]]
    if not any(id(p) in own for p in held):
        return f"the optimiser has {len(held)} parameters, none of them this network's"
    return f"the rate is {max(seen.steps[-1].rates, default=0):g}"


def layers_left_out(seen: Seen) -> str | None:
    named = dict(seen.network.named_parameters())
    own = {id(p) for p in named.values()}
    strangers = [x for x in seen.leaves if id(x) not in own]
    if strangers:
        sizes = some([str(tuple(x.shape)) for x in strangers])
        return (
            f"{len(strangers)} weights that the outputs depend on are not among "
            f"parameters(): {sizes}"
        )
    frozen = [name for name, p in named.items() if not p.requires_grad]
    if frozen and not _all_but_last(named):
        return f"requires_grad is off for {some(frozen)}: they never learn"
    reached = {id(x) for x in seen.leaves}
    missed = [name for name, p in named.items() if p.requires_grad and id(p) not in reached]
    if missed:
        return f"the outputs don't depend on {some(missed)}: their gradient is None"
    still = [] if not _trains(seen) else [k for k, x in seen.moved.items() if x == 0]
    held = {id(p) for o in seen.used_optimisers for g in o.param_groups for p in g["params"]}
    left = [n for n in still if held and id(named[n]) not in held and named[n].requires_grad]
    if left and len(left) < len(named):
        return f"no optimiser has {some(left)}: unchanged after {len(seen.steps)} steps"
    return None


def _trains(seen: Seen) -> bool:
    try:
        return bool(seen.moved)
    except NotSeen:
        return False


def _all_but_last(named: dict[str, nn.Parameter]) -> bool:
    """Whether the last layer alone learns, as when features of another task are kept."""
    layers = list(dict.fromkeys(name.rpartition(".")[0] for name in named))
    learning = {name.rpartition(".")[0] for name, p in named.items() if p.requires_grad}
    return learning == {layers[-1]}


# Modes


def test_in_training_mode(seen: Seen) -> str | None:
    passes = seen.watch.tested
    wrong = [p for p in passes if p.training]
    if not wrong or not _minds_mode(seen):
        return None
    return (
        f"{len(wrong)} of {len(passes)} passes that test ran in training mode, with dropout or "
        "batch statistics on"
    )


def training_in_test_mode(seen: Seen) -> str | None:
    if not _minds_mode(seen):
        return None
    steps = [(n, s) for n, s in enumerate(seen.steps, 1) if s.training is not None]
    wrong = [n for n, step in steps if not step.training]
    if not wrong:
        return None
    return (
        f"{len(wrong)} of {len(steps)} training steps, from step {wrong[0]} on, ran in evaluation "
        "mode, with dropout and batch statistics off"
    )


def _minds_mode(seen: Seen) -> bool:
    kinds = (nn.modules.dropout._DropoutNd, nn.modules.batchnorm._BatchNorm)
    return any(isinstance(m, kinds) for m in seen.network.modules()) or seen.dropout is not None


def dropout_wrong(seen: Seen) -> str | None:
    one, other = seen.still
    scale = one.abs().mean().clamp_min(1e-12)
    differ = float((one - other).abs().mean() / scale)
    if differ > 1e-3:
        return (
            f"two passes of the same images in evaluation mode differ by {100 * differ:.0f} % of "
            "the outputs' size"
        )
    if seen.dropout is None:
        return None
    place, factor, _ = seen.dropout
    if 0.75 < factor < 1.33:
        return None
    return (
        f"{place} is on average {factor:.2f} times as large in training as in evaluation mode; "
        "dropout that scales once gives 1"
    )


# Images and labels


def inputs_out_of_scale(seen: Seen) -> str | None:
    x = seen.images.float()
    low, high, mean, std = (float(v) for v in (x.min(), x.max(), x.mean(), x.std()))
    said = (
        f"a batch has the mean {mean:.3g} and the deviation {std:.3g}, from {low:.3g} to {high:.3g}"
    )
    if std == 0 or high - low < 0.03:
        return f"{said}: as good as no contrast"
    if low >= 0 and high > 30:
        return f"{said}: pixels are not scaled"
    if 3 < std < 20:
        return f"{said}: the deviation of images that are scaled once is about 1 or less"
    if low < -1.1 and (mean < -0.75 * std and mean < -0.5) and high - low < 60:
        return f"{said}: far from centred, as after scaling twice"
    return None


def tests_prepared_otherwise(seen: Seen) -> str | None:
    train, test = seen.images.float(), seen.test_images.float()
    if train.ndim != 4 or test.ndim != 4:
        raise NotSeen("images are not of four dimensions")
    if train.shape[1:] != test.shape[1:]:
        shapes = [tuple(x.shape[1:]) for x in (train, test)]
        return f"training images are of {shapes[0]}, test images of {shapes[1]}"
    dims = (0, 2, 3)
    means, deviations = (train.mean(dims), test.mean(dims)), (train.std(dims), test.std(dims))
    size = deviations[0].clamp_min(1e-9)
    noise = train.mean((2, 3)).std(0) / size * math.sqrt(1 / len(train) + 1 / len(test))
    away = (means[0] - means[1]).abs() / size
    ratio = deviations[1] / size
    if bool((away < 0.25 + 4 * noise).all()) and bool(((ratio > 0.7) & (ratio < 1.4)).all()):
        return _channels_swapped(train, test)
    return (
        f"channel means are {_numbers(means[0])} in training and {_numbers(means[1])} in the test, "
        f"deviations {_numbers(deviations[0])} and {_numbers(deviations[1])}"
    )


def _channels_swapped(train: Tensor, test: Tensor) -> str | None:
    """Whether the test's channels fit the training's far better in the other order."""
    if train.shape[1] != 3:
        return None
    a, b = (x.mean((2, 3)) for x in (train, test))
    gap = (a[:, 0] - a[:, 2], b[:, 0] - b[:, 2])
    spread = math.sqrt(gap[0].var() / len(a) + gap[1].var() / len(b))
    first, second = (float(g.mean()) for g in gap)
    if first * second < 0 and min(abs(first), abs(second)) > 4 * spread:
        return (
            f"the first channel less the last is {first:.3g} in training and {second:.3g} in the "
            "test: as if red and blue had changed places"
        )
    return None


def _numbers(values: Tensor) -> str:
    return ", ".join(f"{float(v):.2f}" for v in values[:3])


def labels_shuffled(seen: Seen) -> str | None:
    nearest, probe, commonest, count = seen.label_probe
    # Three standard errors above what guessing gives; on sets of the course both are ten above.
    limit = commonest + 3 * math.sqrt(commonest * (1 - commonest) / count)
    if max(nearest, probe) > limit:
        return None
    return (
        f"of {count} images {100 * nearest:.1f} % have the label of their nearest neighbour, and a "
        f"linear probe gets {100 * probe:.1f} % right; guessing gets {100 * commonest:.1f} %"
    )


def labels_off(seen: Seen) -> str | None:
    labels, classes = seen.labels, seen.classes
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        return f"labels run from {low} to {high}; {classes} outputs want 0 to {classes - 1}"
    missing = sorted(set(range(classes)) - set(labels.unique().tolist()))
    if not missing or len(labels) < 20 * min(classes, 50):
        return None
    return (
        f"among {len(labels)} labels, from {low} to {high}, there is none of class "
        f"{some([str(m) for m in missing], 5)}, though the network has {classes} outputs"
    )


def sorted_or_unbalanced(seen: Seen) -> str | None:
    labels = seen.labels
    shares = labels.bincount()[labels.unique()].float() / len(labels)
    equal = float((labels[1:] == labels[:-1]).float().mean())
    expected = float(shares.square().sum())
    spread = math.sqrt(max(expected * (1 - expected), 1e-9) / max(len(labels) - 1, 1))
    if len(shares) == 1 and len(labels) >= 64 and seen.classes > 1:
        return (
            f"all of the first {len(labels)} labels are {int(labels[0])}: the classes come in turn"
        )
    if len(labels) >= 64 and equal > expected + 6 * spread and equal > 1.5 * expected:
        return (
            f"{100 * equal:.0f} % of labels are followed by the same label; in random order it "
            f"would be {100 * expected:.0f} %"
        )
    if len(labels) >= 100 and shares.max() / shares.min() > 10:
        return (
            f"the commonest class has {100 * shares.max():.0f} % of the labels, the rarest "
            f"{100 * shares.min():.1f} %"
        )
    return None


def overlap(seen: Seen) -> str | None:
    equal, near = seen.overlap
    if equal < 0.01 and near < 0.15:
        return None
    if equal >= 0.01:
        return f"{100 * equal:.1f} % of the test images are among the training images"
    return f"{100 * near:.0f} % of the test images are near copies of training images"


# First weights


def _first_scale(seen: Seen) -> tuple[float, float, str]:
    """Deviation between images of the network's input and of its last layer, and that layer."""
    names = list(seen.signals)
    if len(names) < 2:
        raise NotSeen("no layer of torch.nn was seen at work")
    return seen.signals[""], seen.signals[names[-1]], names[-1]


def first_weights_too_small(seen: Seen) -> str | None:
    first, last, name = _first_scale(seen)
    if not math.isfinite(last) or last >= SMALLEST * min(first, 1.0):
        return None
    return (
        f"between images, inputs differ by {first:.2g} and what {name} makes by {last:.2g}: "
        f"{len(seen.signals) - 1} layers shrink the signal {first / max(last, 1e-38):.1g}-fold"
    )


SMALLEST = 1e-5


def first_weights_too_large(seen: Seen) -> str | None:
    loss, chance = seen.first_loss, math.log(seen.classes)
    # He's weights make it up to 5.6 times as large in nets of the course that learn.
    if loss < 8 * chance and math.isfinite(loss):
        return None
    return (
        f"before any training the loss is {loss:.3g}; guessing among {seen.classes} classes costs "
        f"ln {seen.classes} = {chance:.2f}"
    )


def first_weights_equal(seen: Seen) -> str | None:
    alike = []
    for name, value in seen.state.items():
        if name.endswith("weight") and value.ndim >= 2 and len(value) > 1:
            rows = value.flatten(1)
            if bool((rows == rows[:1]).all()) and (rows.shape[1] > 1 or len(rows) > 2):
                alike.append(name)
    if not alike:
        return None
    return f"all units of {some(alike)} have the same weights, so that all learn the same"


def dead_relus(seen: Seen) -> str | None:
    worst = max(seen.dead, key=lambda name: seen.dead[name], default=None)
    if worst is None or seen.dead[worst] < 0.6:
        return None
    return (
        f"{100 * seen.dead[worst]:.0f} % of the channels of {worst} are 0 for every image, before "
        "any training"
    )


# Rates


def rate_too_high(seen: Seen) -> str | None:
    losses = seen.losses
    worst = next((n for n, x in enumerate(losses, 1) if not math.isfinite(x)), None)
    if worst:
        return f"the loss is {losses[worst - 1]} at step {worst}; it began at {losses[0]:.3g}"
    if len(losses) < 8:
        raise NotSeen("fewer than eight steps were seen")
    first, last = losses[0], sum(losses[-5:]) / 5
    peak = max(losses)
    if last > first + max(0.3, 0.15 * first) or peak > 5 * first + 5:
        return (
            f"the loss goes from {first:.3g} to {last:.3g} within {len(losses)} steps, with a peak "
            f"of {peak:.3g}, {_rate(seen)}"
        )
    return None


def _rate(seen: Seen) -> str:
    rates = [max(s.rates) for s in seen.steps if s.rates]
    return f"at a rate of {max(rates):g}" if rates else "at an unknown rate"


def rate_too_low(seen: Seen) -> str | None:
    rates = [max(s.rates) for s in seen.steps if s.rates]
    fallen = next((n for n, r in enumerate(rates, 1) if r < 0.011 * max(rates[:n])), None)
    if fallen and max(rates) > 0:
        return (
            f"the rate falls from {max(rates[:fallen]):g} to {rates[fallen - 1]:g} within "
            f"{fallen} steps"
        )
    if not any(seen.moved.values()):
        return None
    if len(seen.steps) < 8:
        raise NotSeen("fewer than eight steps were seen")
    ratio = median([x for x in _best_moves(seen) if x > 0] or [0.0]) * _still_to_rise(seen)
    if ratio >= 1e-5:
        return None
    return f"a step changes weights by {ratio:.1g} of their size, {_rate(seen)}; 1e-3 is usual"


def _still_to_rise(seen: Seen) -> float:
    """How many times the rates that were seen the highest is, where a schedule warms up."""
    groups = [group for o in seen.used_optimisers for group in o.param_groups]
    highest = max([g.get("max_lr", g.get("initial_lr", g["lr"])) for g in groups], default=0.0)
    rates = [max(s.rates) for s in seen.steps if s.rates]
    return max(1.0, highest / max(rates)) if rates and max(rates) > 0 else 1.0


def _best_moves(seen: Seen) -> list[float]:
    """Of each weight its largest step, as a share of its norm."""
    named = dict(seen.network.named_parameters())
    return [x for name, x in seen.moved.items() if named[name].ndim >= 2]


def weight_decay_wrong(seen: Seen) -> str | None:
    penalised = [s.loss - s.plain for s in seen.steps[:5] if s.plain] if _trains(seen) else []
    decays = [g.get("weight_decay", 0) for o in seen.used_optimisers for g in o.param_groups]
    smoothing = getattr(seen.program.loss, "label_smoothing", 0)
    if penalised and not smoothing and _known_mean(seen):
        extra = median(penalised)
        if extra < -1e-3:
            return (
                f"the loss is {-extra:.3g} less than the cross-entropy: large weights are rewarded"
            )
        if extra > 1e-4 and max(decays, default=0) > 0:
            return (
                f"the loss has a penalty of {extra:.3g} over the cross-entropy, and the optimiser "
                f"has a weight decay of {max(decays):g} besides"
            )
    return _closed_form(seen)


def _known_mean(seen: Seen) -> bool:
    """Whether the loss can be the mean cross-entropy and something more: no sum, no other scale."""
    ratios = [s.loss / s.plain for s in seen.steps[:5] if s.plain]
    return bool(ratios) and 0.5 < median(ratios) < 3 and max(ratios) / min(ratios) < 1.5


def _closed_form(seen: Seen) -> str | None:
    """One step of each optimiser with gradients of 0, against weights × (1 − rate × decay)."""
    for optimiser in seen.used_optimisers:
        seen.restore()
        groups = [g for g in optimiser.param_groups if g["params"]]
        for group in groups:
            decay, rate = float(group.get("weight_decay", 0) or 0), float(group["lr"])
            value = max(group["params"], key=lambda p: p.numel())
            kept = _kept(optimiser, value)
            if kept is None or abs(kept - 1) < 1e-7:
                continue
            said = f"with gradients of 0 a step multiplies weights by {kept:.6g}"
            if kept > 1 + 1e-7:
                return f"{said}: they grow"
            if isinstance(optimiser, torch.optim.Adam) and not isinstance(
                optimiser, torch.optim.AdamW
            ):
                if decay:
                    return (
                        f"Adam has weight_decay={decay:g}, which it divides by the gradient's size "
                        "like all else; AdamW takes it from the weights themselves"
                    )
                continue
            due = rate * decay * (1 + group["momentum"] if group.get("nesterov") else 1)
            if decay and abs((1 - kept) - due) > 0.2 * due + 1e-6:
                return f"{said}; a rate of {rate:g} and a decay of {decay:g} give {1 - due:.6g}"
            if kept < 0.995 and decay > 0.02:
                steps = math.log(0.5) / math.log(max(kept, 1e-9))
                return f"{said}: they halve every {steps:.0f} steps"
    return None


def _kept(optimiser: torch.optim.Optimizer, value: Tensor) -> float | None:
    """What a step without gradients leaves of ``value``, as a factor."""
    before = value.detach().clone()
    if not float(before.norm()):
        return None
    held = [p for g in optimiser.param_groups for p in g["params"]]
    kept = [p.detach().clone() for p in held]
    state = copy.deepcopy(optimiser.state_dict())
    optimiser.state.clear()
    try:
        for p in held:
            p.grad = torch.zeros_like(p)
        optimiser.step()
        after = value.detach()
        return float((after * before).sum().double() / before.square().sum().double())
    except Exception:
        return None
    finally:
        with torch.no_grad():
            for p, x in zip(held, kept):
                p.copy_(x)
                p.grad = None
        optimiser.load_state_dict(state)


# Sizes and counts


def size_slip(seen: Seen) -> str | None:
    images = seen.batch[0]
    error = seen.broken
    if error:
        found = re.search(r"(\d+)x(\d+) and (\d+)x(\d+)", error)
        if found:
            _, given, wanted, _ = map(int, found.groups())
            return (
                f"images of {tuple(images.shape[1:])} reach a linear layer as {given:,} numbers "
                f"each; it expects {wanted:,} ({error})"
            )
        if re.search(r"size|shape|channels|dimension", error, re.IGNORECASE):
            return f"images of {tuple(images.shape[1:])} stop the network: {error}"
        return None
    if seen.outputs.ndim and len(seen.outputs) != len(images):
        return f"{len(images)} images give {len(seen.outputs)} rows of outputs"
    return None


OVER_IMAGES = "the guess is the largest over the images of a batch, not over the classes"


def accuracy_wrong(seen: Seen) -> str | None:
    if seen.program.evaluate is None:
        watched = seen.watched or (seen.watch if seen.program.train else None)
        return _wrong_by(watched, seen, [])
    _to_the_end_of_training(seen)
    watcher = Watcher(seen.network, most=0, batches=EVALUATED, seconds=seen.seconds)
    torch.manual_seed(0)
    with watcher:
        told = seen.program.call(seen.program.evaluate)
    if watcher.error is not None:
        raise NotSeen(f"the function that evaluates stops: {watcher.error}")
    counts = [x for (loader, _), x in watcher.counts.items() if loader]
    try:
        return _wrong_by(watcher, seen, _figures(told), counts[-1] if counts else _recount(seen))
    finally:
        seen.restore()


EVALUATED = 400  # batches, of which a last one, that is smaller, is one


def _wrong_by(
    watcher: Watcher | None, seen: Seen, figures: list[float], count: Count | None = None
) -> str | None:
    """What is wrong with an accuracy that was returned, or else with those that were printed."""
    if watcher is None:
        raise NotSeen("no function that evaluates was given")
    if watcher.choices[0] and not watcher.choices[1]:
        return OVER_IMAGES
    if figures and count is not None:
        return _other_than_true(figures, count, len(_dataset(seen.program.test)))
    printed = re.findall(r"\d+\.\d{2,}", watcher.printed)
    for (key, _), one in watcher.counts.items():
        batches = len(watcher.loaders[key]) if key in watcher.loaders else len(one.sizes)
        if evidence := _printed_mean(printed, one, batches):
            return evidence
    if not printed or not watcher.counts:
        raise NotSeen("no accuracy was returned or printed")
    return None


def _other_than_true(figures: list[float], count: Count, images: int) -> str | None:
    """Whether none of ``figures`` is the share of right answers, or their number."""
    true, mean = count.true, count.mean
    both = [x for figure in figures for x in (figure, 100 * figure)]
    nearest = min(both, key=lambda x: abs(x - true))
    cut = sum(count.sizes) / max(images, 1)  # where only some were tested, but all are divided by
    allowed = (true, true * cut, sum(count.right))
    if any(abs(x - y) < 0.006 for x in both for y in allowed):
        return None
    why = ""
    if abs(nearest - mean) < 0.006:
        why = f"; it is the mean of {count.batches}"
    return f"it returns {nearest:.2f} %; counted in one pass, {true:.2f} % are right{why}"


def _printed_mean(printed: list[str], count: Count, batches: int) -> str | None:
    """Whether the mean of batches of several sizes was printed, and the share of right answers
    was not. ``batches`` are those that the loader has, as the sum may be divided by them.
    """
    true, mean = count.true, count.mean
    means = (mean, mean * len(count.sizes) / batches)
    said = [text for text in printed if any(_is_printed(text, x) for x in means)]
    if len(set(count.sizes)) == 1 or not said or any(_is_printed(x, true) for x in printed):
        return None
    return (
        f"it prints {said[-1]}, the mean of {count.batches}; counted in one pass, {true:.2f} % "
        "are right"
    )


def _is_printed(text: str, per_cent: float) -> bool:
    """Whether a number is this one to its last digit, in per cent or as a share."""
    half = 0.51 * 10.0 ** -len(text.partition(".")[2])
    return any(abs(float(text) - x) < half for x in (per_cent, per_cent / 100))


def _to_the_end_of_training(seen: Seen) -> None:
    try:
        if seen.watch is not None and hasattr(seen, "weights_after"):
            seen.network.load_state_dict(seen.weights_after)
    except NotSeen:
        seen.restore()


def _figures(told: Any) -> list[float]:
    """The numbers among what was returned."""
    if isinstance(told, dict):
        told = list(told.values())
    values = told if isinstance(told, (tuple, list)) else [told]
    values = [x.item() if isinstance(x, Tensor) and x.numel() == 1 else x for x in values]
    return [float(x) for x in values if isinstance(x, (int, float)) and not isinstance(x, bool)]


def _dataset(loader: Any) -> Any:
    dataset = getattr(loader, "dataset", ())
    return dataset if hasattr(dataset, "__len__") else ()


@torch.no_grad()
def _recount(seen: Seen) -> Count:
    """Right answers, in evaluation mode."""
    count = Count()
    seen.network.eval()
    with Watcher(None, batches=EVALUATED, most=0, seconds=seen.seconds):
        for batch in seen._test:
            images, labels = pair(batch)
            count.add(seen.run(images), labels)
    return count


def augmentation_misplaced(seen: Seen) -> str | None:
    if seen.program.test is not None:
        one, other = (_sums(torch.cat([x for x, _ in b])) for b in (seen.tests, seen.tests_again))
        if len(one) == len(other) and _differing(one, other) > 0.02 and len(one) < 1_000:
            return (
                f"{100 * _differing(one, other):.0f} % of the test images are others in a second "
                "pass over the test batches"
            )
    if not (seen.program.augmented or _says_random(seen.program.loader)):
        return None
    one, other = (_sums(torch.cat([x for x, _ in b])) for b in (seen.batches, seen.again))
    if len(one) == len(other) and _differing(one, other) == 0:
        return "training images are to change at random, but two epochs have exactly the same ones"
    return None


def _sums(images: Tensor) -> Tensor:
    """A number for each image that depends on the place of its pixels, in order of size."""
    flat = images.double().flatten(1)
    weights = torch.rand(
        flat.shape[1], generator=torch.Generator().manual_seed(0), dtype=torch.double
    )
    return (flat @ weights).sort().values


def _differing(one: Tensor, other: Tensor) -> float:
    return float(((one - other).abs() > 1e-6 * (1 + one.abs())).float().mean())


def _says_random(loader: Any) -> bool:
    dataset = getattr(loader, "dataset", None)
    for _ in range(4):
        for name in ("transform", "transforms", "augment", "augmentation"):
            part = getattr(dataset, name, None)
            if part is not None and re.search("Random|Jitter|augment", repr(part)):
                return True
        dataset = getattr(dataset, "dataset", None)
    return False


# Many processes, and going on


def data_parallel_wrong(seen: Seen) -> str | None:
    from torch.utils.data.distributed import DistributedSampler

    loader = seen.program.loader
    sampler = getattr(loader, "sampler", None)
    spread = isinstance(sampler, DistributedSampler) or hasattr(sampler, "num_replicas")
    wrapped = isinstance(seen.network, nn.parallel.DistributedDataParallel)
    if not (spread or wrapped):
        return None
    watch = seen.watch
    if wrapped:
        raw = [p for p in watch.passes if p.graded and not issubclass(p.kind, type(seen.network))]
        if raw:
            return (
                f"{len(raw)} of {len([p for p in watch.passes if p.graded])} training passes went "
                "through network.module, past the wrapper that averages gradients"
            )
    if wrapped and not spread:
        return "the loader has no DistributedSampler: every process reads the same images"
    epochs = max((s.epoch for s in seen.steps), default=1)
    if spread and getattr(sampler, "shuffle", False) and epochs > 1:
        orders = [int(x) for x in watch.called if x.lstrip("-").isdigit()]
        if len(orders) > 1 and len(set(orders)) == 1:
            return (
                f"set_epoch was not called: in each of {len(orders)} epochs the sampler's epoch "
                f"is {orders[0]}, so that the order is the same"
            )
    return _shards(sampler) or _summed(seen)


def _shards(sampler: Any) -> str | None:
    """What each process would read, by copies of the sampler for the other ranks."""
    ranks = int(getattr(sampler, "num_replicas", 1))
    parts = []
    for rank in range(min(ranks, 8)):
        other = copy.copy(sampler)
        other.rank = rank
        parts.append(list(other))
    if len({len(part) for part in parts}) > 1:
        return f"shards are of {', '.join(str(len(p)) for p in parts)} images: processes would wait"
    if len(parts) > 1 and len(set(parts[0]) & set(parts[1])) > 0.1 * len(parts[0]):
        return f"two processes share {len(set(parts[0]) & set(parts[1]))} of {len(parts[0])} images"
    return None


def _summed(seen: Seen) -> str | None:
    ratios = [s.loss / s.plain for s in seen.steps[:5] if s.plain]
    if ratios and median(ratios) > 3:
        return f"the loss is {median(ratios):.0f} times the mean over its batch, as a sum is"
    return None


def resuming_wrong(seen: Seen) -> str | None:
    train = seen.program.train
    if train is None or not (wants(train, "checkpoint") and wants(train, "epochs")):
        raise NotSeen("no function that trains takes both epochs and a checkpoint")
    with tempfile.TemporaryDirectory() as folder:
        whole = _trained(seen, 2, Path(folder) / "whole.pt")
        path = Path(folder) / "parted.pt"
        first = _trained(seen, 1, path)
        if not path.exists():
            raise NotSeen("the function that trains wrote no checkpoint")
        second = _trained(seen, 2, path)
    steps, resumed = len(whole[1]), len(second[1])
    if not first[1]:
        raise NotSeen("the function that trains takes no step")
    expected = steps - len(first[1])
    if resumed != expected:
        return (
            f"an unbroken run of 2 epochs takes {steps} steps; stopped after the first and "
            f"resumed, it takes {len(first[1])} and {resumed} more, not {expected}"
        )
    apart = _apart(whole[0], second[0])
    if apart > 1e-4:
        return (
            f"after 2 epochs, weights of a resumed run differ by {apart:.2g} of their size from "
            f"those of an unbroken one{_why_apart(whole, second, expected)}"
        )
    return None


def _trained(seen: Seen, epochs: int, path: Path) -> tuple[dict[str, Tensor], list[Any], list[Any]]:
    """Weights, steps and the optimisers' states at the first of them, of a process of its own."""
    seen.restore()
    torch.manual_seed(0)
    network = None if seen.program.makes_network else seen.network
    watcher = Watcher(network, most=200, batches=5, seconds=10, saves=True)
    if network is None and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()  # of a call that was cut short
    with watcher:
        seen.program.call(seen.program.train, epochs=epochs, checkpoint=path)  # type: ignore[arg-type]
    if watcher.error is not None:
        raise NotSeen(f"the function that trains stops: {watcher.error}")
    trained = watcher.network
    weights = {k: v.detach().clone() for k, v in trained.state_dict().items()} if trained else {}
    seen.restore()
    return weights, watcher.steps, watcher.started


def _apart(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    shares = [
        float((a - other[k]).norm() / a.norm().clamp_min(1e-12))
        for k, a in one.items()
        if a.is_floating_point()
    ]
    return max(shares)


def _why_apart(whole: Any, second: Any, expected: int) -> str:
    if second[2] and not any(state["state"] for state in second[2]):
        return "; the optimiser starts without the state that it had"
    labels = [[s.first_label for s in run[1][-expected:]] for run in (whole, second)]
    if labels[0] != labels[1]:
        return "; the images come in another order, so the generator's state was lost"
    return ""
