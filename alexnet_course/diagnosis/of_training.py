"""Detectors that look at training: what moves the weights, and how far."""

import copy
import math
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from alexnet_course.diagnosis.program import NotSeen
from alexnet_course.diagnosis.seen import Seen, some
from alexnet_course.layers import layer_of

# Between what sound recipes of the course show in their first steps and what is planted.
ENOUGH, TOO_FEW = 8, "fewer than eight steps were seen"
RISEN = 0.3, 0.15  # of the loss at the end, over the first: at least, and as a share of it
PEAK = 5  # times the first loss, and as much more
FALLEN = 0.011  # of the highest rate: two steps of a tenth within the steps that are watched
SMALLEST = 2e-6  # of a weight, changed by a step; the slowest recipe that learns changes 4e-6
MOST_DECAY, LEAST_KEPT = 0.02, 0.995  # of decays, and of what a step of any recipe leaves


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
    if not any(p.requires_grad for p in held):
        return f"requires_grad is off for all {len(held)} that the optimiser has"
    return f"the rate is {max(seen.steps[-1].rates, default=0):g}"


def layers_left_out(seen: Seen) -> str | None:
    named = dict(seen.network.named_parameters())
    frozen = [name for name, p in named.items() if not p.requires_grad]
    if frozen and not _all_but_last(named):
        return f"requires_grad is off for {some(frozen)}: they never learn"
    return _not_joined(seen, named) or _without_optimiser(seen, named)


def _not_joined(seen: Seen, named: dict[str, nn.Parameter]) -> str | None:
    """Whether the outputs depend on other weights than the network's, or not on all of those."""
    own, reached = {id(p) for p in named.values()}, {id(x) for x in seen.leaves}
    strangers = [str(tuple(x.shape)) for x in seen.leaves if id(x) not in own]
    if strangers:
        return (
            f"{len(strangers)} weights that the outputs depend on are not among parameters(): "
            f"{some(strangers)}"
        )
    missed = [name for name, p in named.items() if p.requires_grad and id(p) not in reached]
    if missed:
        return f"the outputs don't depend on {some(missed)}: their gradient is None"
    return None


def _without_optimiser(seen: Seen, named: dict[str, nn.Parameter]) -> str | None:
    still = [name for name, x in seen.moved.items() if x == 0] if _trains(seen) else []
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
    layers = list(dict.fromkeys(layer_of(name) for name in named))
    learning = {layer_of(name) for name, p in named.items() if p.requires_grad}
    return learning == {layers[-1]}


def rate_too_high(seen: Seen) -> str | None:
    losses = seen.losses
    worst = next((n for n, x in enumerate(losses, 1) if not math.isfinite(x)), None)
    if worst:
        return f"the loss is {losses[worst - 1]} at step {worst}; it began at {losses[0]:.3g}"
    if len(losses) < ENOUGH:
        raise NotSeen(TOO_FEW)
    first, last = losses[0], sum(losses[-5:]) / 5
    peak = max(losses)
    if last > first + max(RISEN[0], RISEN[1] * first) or peak > PEAK * (first + 1):
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
    fallen = next((n for n, r in enumerate(rates, 1) if r < FALLEN * max(rates[:n])), None)
    if fallen and max(rates) > 0:
        return (
            f"the rate falls from {max(rates[:fallen]):g} to {rates[fallen - 1]:g} within "
            f"{fallen} steps"
        )
    if not any(seen.moved.values()):
        return None
    if len(seen.steps) < ENOUGH:
        raise NotSeen(TOO_FEW)
    ratio = median([x for x in _best_moves(seen) if x > 0] or [0.0]) * _still_to_rise(seen)
    if ratio >= SMALLEST:
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
    return _closed_form(seen) or _penalty_wrong(seen)


def _penalty_wrong(seen: Seen) -> str | None:
    """Whether the loss has a term that follows the weights, in the wrong direction or besides the
    optimiser's own decay.
    """
    if not _trains(seen) or not _known_mean(seen):
        return None
    extra = median(s.loss - s.plain for s in seen.steps[:5] if s.plain)
    decays = [g.get("weight_decay", 0) for o in seen.used_optimisers for g in o.param_groups]
    if getattr(seen.program.loss, "label_smoothing", 0) or -1e-3 < extra < 1e-4:
        return None
    rises = seen.over_cross_entropy(1.05) - seen.over_cross_entropy(1.0)
    if extra < 0 and rises < -1e-5:
        return f"the loss is {-extra:.3g} less than the cross-entropy: large weights are rewarded"
    if extra > 0 and rises > 1e-5 and max(decays, default=0) > 0:
        return (
            f"the loss has a penalty of {extra:.3g} over the cross-entropy, which grows with the "
            f"weights, and the optimiser has a weight decay of {max(decays):g} besides"
        )
    return None


def _known_mean(seen: Seen) -> bool:
    """Whether the loss can be the mean cross-entropy and something more: no sum, no other scale."""
    ratios = [s.loss / s.plain for s in seen.steps[:5] if s.plain]
    return bool(ratios) and 0.5 < median(ratios) < 3 and max(ratios) / min(ratios) < 1.5


def _closed_form(seen: Seen) -> str | None:
    """One step of each optimiser with gradients of 0, against weights × (1 − rate × decay)."""
    for optimiser in seen.used_optimisers:
        seen.restore()
        for group in optimiser.param_groups:
            if group["params"]:
                value = max(group["params"], key=lambda p: p.numel())
                kept = _kept(optimiser, value)
                if kept is not None and (evidence := _decays_wrong(optimiser, group, kept)):
                    return evidence
    return None


def _decays_wrong(optimiser: torch.optim.Optimizer, group: Any, kept: float) -> str | None:
    decay, rate = float(group.get("weight_decay", 0) or 0), float(group["lr"])
    said = f"with gradients of 0 a step multiplies weights by {kept:.6g}"
    if abs(kept - 1) < 1e-7:
        return None
    if kept > 1:
        return f"{said}: they grow"
    decoupled = isinstance(optimiser, torch.optim.AdamW) or group.get("decoupled_weight_decay")
    if isinstance(optimiser, torch.optim.Adam) and not decoupled:
        if not decay:
            return None
        return (
            f"Adam has weight_decay={decay:g}, which it divides by the gradient's size like all "
            "else; AdamW takes it from the weights themselves"
        )
    # SGD's decay is a part of the gradient, which Nesterov's step has twice; Muon's is not.
    twice = isinstance(optimiser, torch.optim.SGD) and group["nesterov"]
    due = rate * decay * (1 + group["momentum"] if twice else 1)
    if decay and abs((1 - kept) - due) > 0.2 * due + 1e-6:
        return f"{said}; a rate of {rate:g} and a decay of {decay:g} give {1 - due:.6g}"
    if kept < LEAST_KEPT and decay > MOST_DECAY:
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
