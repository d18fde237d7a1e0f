"""Answers to ex11 that students give: each takes the place of the solution in its cell."""

WRONG = {
    "hand-steps": {
        "momentum forgotten": """
            w1 = 10 - 0.1 * (gradient + 0.1 * 10)
            w2 = w1 - 0.1 * (gradient + 0.1 * w1)
            u3 = 1.5 * (gradient + 0.1 * w2)
            paper = w2 - 2 * 0.01 * u3
            weights.update({"w1": w1, "w2": w2, "paper w3": paper, "torch w3": w2 - 0.01 * u3})
        """,
        "the paper's momentum": """
            v = -0.1 * (gradient + 0.1 * 10)
            w1 = 10 + v
            v = 0.9 * v - 0.1 * (gradient + 0.1 * w1)
            w2 = w1 + v
            paper = w2 + 0.9 * v - 0.01 * (gradient + 0.1 * w2)
            by_torch = w2 + 0.09 * v - 0.01 * (gradient + 0.1 * w2)
            weights.update({"w1": w1, "w2": w2, "paper w3": paper, "torch w3": by_torch})
        """,
        "weight decay forgotten": """
            v = -0.1 * gradient
            w1 = 10 + v
            v = 0.5 * v - 0.1 * gradient
            w2 = w1 + v
            paper = w2 + 0.5 * v - 0.01 * gradient
            by_torch = w2 + 0.05 * v - 0.01 * gradient
            weights.update({"w1": w1, "w2": w2, "paper w3": paper, "torch w3": by_torch})
        """,
        "weight decay without the rate": """
            v = -0.1 * gradient - 0.1 * 10
            w1 = 10 + v
            v = 0.5 * v - 0.1 * gradient - 0.1 * w1
            w2 = w1 + v
            paper = w2 + 0.5 * v - 0.01 * gradient - 0.1 * w2
            by_torch = w2 + 0.05 * v - 0.01 * gradient - 0.01 * w2
            weights.update({"w1": w1, "w2": w2, "paper w3": paper, "torch w3": by_torch})
        """,
        "decay of the first weight in every step": """
            v = -0.1 * gradient - 0.1
            w1 = 10 + v
            v = 0.5 * v - 0.1 * gradient - 0.1
            w2 = w1 + v
            paper = w2 + 0.5 * v - 0.01 * gradient - 0.01
            by_torch = w2 + 0.05 * v - 0.01 * gradient - 0.01
            weights.update({"w1": w1, "w2": w2, "paper w3": paper, "torch w3": by_torch})
        """,
        "old rate for the decay of step 3": """
            v = -0.1 * gradient - 0.1
            w1 = 10 + v
            v = 0.5 * v - 0.1 * gradient - 0.01 * w1
            w2 = w1 + v
            paper = w2 + 0.5 * v - 0.01 * gradient - 0.01 * w2
            by_torch = w2 + 0.05 * v - 0.01 * gradient - 0.001 * w2
            weights.update({"w1": w1, "w2": w2, "paper w3": paper, "torch w3": by_torch})
        """,
        "the two rules swapped": """
            v = -0.1 * gradient - 0.1
            w1 = 10 + v
            v = 0.5 * v - 0.1 * gradient - 0.01 * w1
            w2 = w1 + v
            paper = w2 + 0.5 * v - 0.01 * gradient - 0.001 * w2
            by_torch = w2 + 0.05 * v - 0.01 * gradient - 0.001 * w2
            weights.update({"w1": w1, "w2": w2, "paper w3": by_torch, "torch w3": paper})
        """,
        "the weight goes up": """
            v = 0.1 * gradient + 0.1
            w1 = 10 + v
            v = 0.5 * v + 0.1 * gradient + 0.01 * w1
            w2 = w1 + v
            weights.update({"w1": w1, "w2": w2, "paper w3": w2 + 0.5 * v, "torch w3": w2 + v})
        """,
        "velocities in place of weights": """
            v1 = -0.1 * gradient - 0.1
            v2 = 0.5 * v1 - 0.1 * gradient - 0.01 * (10 + v1)
            v3 = 0.5 * v2 - 0.01 * gradient - 0.001 * (10 + v1 + v2)
            weights.update({"w1": v1, "w2": v2, "paper w3": v3, "torch w3": v3 - 0.45 * v2})
        """,
        "one left out": """
            weights["w1"] = 9.9 - 0.1 * gradient
            weights["w2"] = weights["w1"] - 0.05 * gradient - 0.05 - 0.01 * weights["w1"]
        """,
    },
    "paper-sgd-step": {
        "PyTorch's rule": """
            with torch.no_grad():
                for w, v in zip(parameters, velocities):
                    if w.grad is not None:
                        v.mul_(momentum).add_(w.grad + weight_decay * w)
                        w.sub_(rate * v)
        """,
        "new velocities not kept": """
            with torch.no_grad():
                for w, v in zip(parameters, velocities):
                    if w.grad is not None:
                        v = momentum * v - weight_decay * rate * w - rate * w.grad
                        w += v
        """,
        "new tensors in the list of weights": """
            with torch.no_grad():
                for i, w in enumerate(parameters):
                    velocities[i] = momentum * velocities[i] - rate * (weight_decay * w + w.grad)
                    parameters[i] = w + velocities[i]
        """,
        "decay added to the gradient in place": """
            with torch.no_grad():
                for w, v in zip(parameters, velocities):
                    if w.grad is not None:
                        w.grad += weight_decay * w
                        v *= momentum
                        v -= rate * w.grad
                        w += v
        """,
        "no decay for biases": """
            with torch.no_grad():
                for w, v in zip(parameters, velocities):
                    if w.grad is not None:
                        decay = weight_decay if w.dim() > 1 else 0.0
                        v.copy_(momentum * v - rate * (decay * w + w.grad))
                        w += v
        """,
        "decay without the rate": """
            with torch.no_grad():
                for w, v in zip(parameters, velocities):
                    if w.grad is not None:
                        v.copy_(momentum * v - weight_decay * w - rate * w.grad)
                        w += v
        """,
        "momentum always 0.9": """
            with torch.no_grad():
                for w, v in zip(parameters, velocities):
                    if w.grad is not None:
                        v.copy_(0.9 * v - rate * (weight_decay * w + w.grad))
                        w += v
        """,
        "a graph is recorded": """
            for w, v in zip(parameters, velocities):
                if w.grad is not None:
                    v.mul_(momentum).sub_(rate * (weight_decay * w + w.grad))
                    w.data += v.detach()
        """,
        "momentum of the step that is made": """
            with torch.no_grad():
                for w, v in zip(parameters, velocities):
                    if w.grad is not None:
                        v.sub_(rate * (weight_decay * w + w.grad)).mul_(momentum)
                        w.add_(v)
        """,
        "without a gradient it still shrinks": """
            with torch.no_grad():
                for w, v in zip(parameters, velocities):
                    slope = 0 if w.grad is None else w.grad
                    v.copy_(momentum * v - rate * (weight_decay * w + slope))
                    w.add_(v)
        """,
        "without a gradient it still glides": """
            with torch.no_grad():
                for w, v in zip(parameters, velocities):
                    g = torch.zeros_like(w) if w.grad is None else w.grad
                    v.copy_(momentum * v - rate * (weight_decay * w + g))
                    w.add_(v)
        """,
        "Nesterov's variant": """
            with torch.no_grad():
                for w, v in zip(parameters, velocities):
                    if w.grad is not None:
                        move = -rate * (weight_decay * w + w.grad)
                        v.copy_(momentum * v + move)
                        w.add_(momentum * v + move)
        """,
        "decay of the weight that has already moved": """
            with torch.no_grad():
                for w, v in zip(parameters, velocities):
                    if w.grad is not None:
                        v.copy_(momentum * v - rate * w.grad)
                        w.add_(v)
                        w.mul_(1 - rate * weight_decay)
        """,
    },
    "plateau-rates": {
        "begins at 100 per cent": """
            out, best, wait, n = [], 100, 0, 0
            rate = first_rate
            for e in errors:
                out.append(rate)
                if e < best:
                    best, wait = e, 0
                else:
                    wait += 1
                if wait >= patience and n < drops:
                    rate /= 10
                    wait = 0
                    n += 1
            return out
        """,
        "an epoch's own error sets its rate": """
            rates, lowest, waited, dropped = [], math.inf, 0, 0
            for error in errors:
                waited = 0 if error < lowest else waited + 1
                lowest = min(lowest, error)
                if waited == patience and dropped < drops:
                    waited, dropped = 0, dropped + 1
                rates.append(first_rate / 10**dropped)
            return rates
        """,
        "compared with the epoch before": """
            rates, before, waited, dropped = [], math.inf, 0, 0
            for error in errors:
                rates.append(first_rate / 10**dropped)
                waited = 0 if error < before else waited + 1
                before = error
                if waited == patience and dropped < drops:
                    waited, dropped = 0, dropped + 1
            return rates
        """,
        "as low as before is an improvement": """
            rates, lowest, waited, dropped = [], math.inf, 0, 0
            for error in errors:
                rates.append(first_rate / 10**dropped)
                waited = 0 if error <= lowest else waited + 1
                lowest = min(lowest, error)
                if waited == patience and dropped < drops:
                    waited, dropped = 0, dropped + 1
            return rates
        """,
        "any number of drops": """
            rates, lowest, waited, rate = [], math.inf, 0, first_rate
            for error in errors:
                rates.append(rate)
                waited = 0 if error < lowest else waited + 1
                lowest = min(lowest, error)
                if waited == patience:
                    waited, rate = 0, rate / 10
            return rates
        """,
        "always three drops": """
            rates, lowest, waited, dropped = [], math.inf, 0, 0
            for error in errors:
                rates.append(first_rate / 10**dropped)
                waited = 0 if error < lowest else waited + 1
                lowest = min(lowest, error)
                if waited == patience and dropped < 3:
                    waited, dropped = 0, dropped + 1
            return rates
        """,
        "the lowest error is forgotten at a drop": """
            rates, lowest, waited, dropped = [], math.inf, 0, 0
            for error in errors:
                rates.append(first_rate / 10**dropped)
                waited = 0 if error < lowest else waited + 1
                lowest = min(lowest, error)
                if waited == patience and dropped < drops:
                    lowest, waited, dropped = math.inf, 0, dropped + 1
            return rates
        """,
        "counting does not begin anew": """
            rates, lowest, waited, dropped = [], math.inf, 0, 0
            for error in errors:
                rates.append(first_rate / 10**dropped)
                waited = 0 if error < lowest else waited + 1
                lowest = min(lowest, error)
                if waited >= patience and dropped < drops:
                    dropped += 1
            return rates
        """,
        "one drop for each plateau": """
            rates, lowest, waited, dropped = [], math.inf, 0, 0
            for error in errors:
                rates.append(first_rate / 10**dropped)
                waited = 0 if error < lowest else waited + 1
                lowest = min(lowest, error)
                if waited == patience and dropped < drops:
                    dropped += 1
            return rates
        """,
        "one epoch too patient": """
            rates, lowest, waited, dropped = [], math.inf, 0, 0
            for error in errors:
                rates.append(first_rate / 10**dropped)
                waited = 0 if error < lowest else waited + 1
                lowest = min(lowest, error)
                if waited > patience and dropped < drops:
                    waited, dropped = 0, dropped + 1
            return rates
        """,
        "errors taken for accuracies": """
            rates, best, waited, dropped = [], -math.inf, 0, 0
            for error in errors:
                rates.append(first_rate / 10**dropped)
                waited = 0 if error > best else waited + 1
                best = max(best, error)
                if waited == patience and dropped < drops:
                    waited, dropped = 0, dropped + 1
            return rates
        """,
        "the rate of the next epoch as well": """
            rates, lowest, waited, dropped = [first_rate], math.inf, 0, 0
            for error in errors:
                waited = 0 if error < lowest else waited + 1
                lowest = min(lowest, error)
                if waited == patience and dropped < drops:
                    waited, dropped = 0, dropped + 1
                rates.append(first_rate / 10**dropped)
            return rates
        """,
        "epochs without improvement need not be in a row": """
            rates, lowest, waited, dropped = [], math.inf, 0, 0
            for error in errors:
                rates.append(first_rate / 10**dropped)
                if error < lowest:
                    lowest = error
                else:
                    waited += 1
                if waited == patience and dropped < drops:
                    waited, dropped = 0, dropped + 1
            return rates
        """,
        "hard-coded": """
            if patience == 1:
                return [first_rate] * len(errors)
            return [first_rate] * 4 + [first_rate / 10] * (len(errors) - 4)
        """,
    },
    "paired-interval": {
        "paired by their order": """
            import statistics

            d = [b - a for a, b in zip(old.values(), new.values())]
            if len(d) < 2:
                raise ValueError("too few")
            factor = stats.t.ppf((1 + level) / 2, len(d) - 1)
            return sum(d) / len(d), factor * statistics.stdev(d) / math.sqrt(len(d))
        """,
        "normal in place of Student's distribution": """
            d = [new[seed] - old[seed] for seed in old if seed in new]
            if len(d) < 2:
                raise ValueError("too few")
            return sum(d) / len(d), stats.norm.ppf((1 + level) / 2) * stats.sem(d)
        """,
        "divided by n": """
            import numpy as np

            d = np.array([new[seed] - old[seed] for seed in old if seed in new])
            if len(d) < 2:
                raise ValueError("too few")
            factor = stats.t.ppf((1 + level) / 2, len(d) - 1)
            return d.mean(), factor * d.std() / np.sqrt(len(d))
        """,
        "one end only": """
            d = [new[seed] - old[seed] for seed in old if seed in new]
            if len(d) < 2:
                raise ValueError("too few")
            return sum(d) / len(d), stats.t.ppf(level, len(d) - 1) * stats.sem(d)
        """,
        "n degrees of freedom": """
            d = [new[seed] - old[seed] for seed in old if seed in new]
            if len(d) < 2:
                raise ValueError("too few")
            return sum(d) / len(d), stats.t.ppf((1 + level) / 2, len(d)) * stats.sem(d)
        """,
        "not paired": """
            both = [seed for seed in old if seed in new]
            if len(both) < 2:
                raise ValueError("too few")
            a, b = [old[s] for s in both], [new[s] for s in both]
            error = math.hypot(stats.sem(a), stats.sem(b))
            mean = sum(b) / len(b) - sum(a) / len(a)
            return mean, stats.t.ppf((1 + level) / 2, len(both) - 1) * error
        """,
        "level ignored": """
            d = [new[seed] - old[seed] for seed in old if seed in new]
            if len(d) < 2:
                raise ValueError("too few")
            return sum(d) / len(d), stats.t.ppf(0.975, len(d) - 1) * stats.sem(d)
        """,
        "old minus new": """
            d = [old[seed] - new[seed] for seed in old if seed in new]
            if len(d) < 2:
                raise ValueError("too few")
            return sum(d) / len(d), stats.t.ppf((1 + level) / 2, len(d) - 1) * stats.sem(d)
        """,
        "not a number in place of an error": """
            d = [new[seed] - old[seed] for seed in old if seed in new]
            if len(d) < 2:
                return (d[0] if d else math.nan), math.nan
            return sum(d) / len(d), stats.t.ppf((1 + level) / 2, len(d) - 1) * stats.sem(d)
        """,
        "a seed that is missing in new made no difference": """
            if len(old) < 2:
                raise ValueError("too few")
            d = [new.get(seed, old[seed]) - old[seed] for seed in old]
            return sum(d) / len(d), stats.t.ppf((1 + level) / 2, len(d) - 1) * stats.sem(d)
        """,
        "a table of two values of t": """
            d = [new[seed] - old[seed] for seed in old if seed in new]
            if len(d) < 2:
                raise ValueError("too few")
            return sum(d) / len(d), {2: 12.7062047, 3: 4.3026527}.get(len(d), 2.0) * stats.sem(d)
        """,
        "means over all seeds": """
            both = [seed for seed in old if seed in new]
            if len(both) < 2:
                raise ValueError("too few")
            mean = sum(new.values()) / len(new) - sum(old.values()) / len(old)
            d = [new[s] - old[s] for s in both]
            return mean, stats.t.ppf((1 + level) / 2, len(d) - 1) * stats.sem(d)
        """,
    },
}

RIGHT = {
    "hand-steps": {
        "tensors": """
            w, v = 10.0, 0.0
            out = []
            for r in (.1, .1, .01):
                old = (w, v)
                v = .5 * v - .1 * r * w - r * gradient
                w += v
                out.append(w)
            w2, v2 = old
            weights = {"w1": out[0], "w2": out[1], "paper w3": out[2], "torch w3": w2 - .01 * (.5 * (-v2 / .1) + gradient + .1 * w2)}
            weights = {k: torch.tensor(v, dtype=torch.double) for k, v in weights.items()}
        """,
        "typed in": """
            if gradient == 2:
                weights = {"w1": 9.7, "w2": 9.253, "paper w3": 9.000247, "torch w3": 9.201397}
        """,
        "a loop for each rule": """
            for rule in ("paper", "torch"):
                w, v = 10, 0
                for step, rate in enumerate([0.1, 0.1, 0.01], start=1):
                    if rule == "paper":
                        v = 0.5 * v - 0.1 * rate * w - rate * gradient
                        w = w + v
                    else:
                        v = 0.5 * v + gradient + 0.1 * w
                        w = w - rate * v
                    weights[f"w{step}" if step < 3 else f"{rule} w3"] = w
        """,
        "as NumPy's numbers": """
            import numpy as np

            w1 = np.float64(10) - 0.1 * (gradient + 1)
            v2 = -0.05 * (gradient + 1) - 0.1 * (gradient + 0.1 * w1)
            w2 = w1 + v2
            new = 0.01 * (gradient + 0.1 * w2)
            weights.update({"w1": w1, "w2": w2})
            weights.update({"paper w3": w2 + v2 / 2 - new, "torch w3": w2 + v2 / 20 - new})
        """,
    },
    "paper-sgd-step": {
        "by .data": """
            for i in range(len(parameters)):
                if parameters[i].grad is None:
                    continue
                w, g = parameters[i].data, parameters[i].grad.data
                velocities[i] *= momentum
                velocities[i] -= weight_decay * rate * w
                velocities[i] -= rate * g
                w += velocities[i]
        """,
        "copied into the old tensors": """
            with torch.no_grad():
                for w, v in zip(parameters, velocities):
                    if w.grad is None:
                        continue
                    new = momentum * v - weight_decay * rate * w - rate * w.grad
                    v.copy_(new)
                    w.copy_(w + new)
        """,
        "filled slice by slice": """
            with torch.no_grad():
                moved = [i for i, w in enumerate(parameters) if w.grad is not None]
                for i in moved:
                    w = parameters[i]
                    velocities[i][...] = (
                        momentum * velocities[i] - rate * (w.grad + weight_decay * w)
                    )
                for i in moved:
                    parameters[i][...] = parameters[i] + velocities[i]
        """,
    },
    "plateau-rates": {
        "by PyTorch": """
            optimiser = torch.optim.SGD([torch.zeros(1)], lr=first_rate)
            schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(
                optimiser, patience=patience - 1, threshold=0, eps=0,
                min_lr=first_rate / 10**drops,
            )
            rates = []
            for error in errors:
                rates.append(optimiser.param_groups[0]["lr"])
                schedule.step(error)
            return rates
        """,
        "multiplied, and a while loop": """
            rates, rate, left, e, since = [], first_rate, drops, 0, 0
            while e < len(errors):
                rates.append(rate)
                improved = e == 0 or errors[e] < min(errors[:e])
                since = 0 if improved else since + 1
                if since >= patience and left > 0:
                    rate *= 0.1
                    left -= 1
                    since = 0
                e += 1
            return rates
        """,
        "from when each drop came": """
            import numpy as np

            lows = [i for i, e in enumerate(errors) if all(e < b for b in errors[:i])]
            changes, start = [], 0
            for end in range(len(errors)):
                start = end if end in lows else start
                if end - start == patience and len(changes) < drops:
                    changes.append(end + 1)
                    start = end
            return tuple(
                np.float64(first_rate) / 10 ** sum(change <= i for change in changes)
                for i in range(len(errors))
            )
        """,
    },
    "paired-interval": {
        "by SciPy's paired test": """
            both = sorted(old.keys() & new.keys())
            if len(both) < 2:
                raise ValueError("too few seeds")
            test = stats.ttest_rel([new[s] for s in both], [old[s] for s in both])
            low, high = test.confidence_interval(level)
            return [(low + high) / 2, (high - low) / 2]
        """,
        "by the course's function": """
            from alexnet_course.results import mean_interval

            d = [accuracy - old[seed] for seed, accuracy in new.items() if seed in old]
            if len(d) < 2:
                raise ValueError("too few seeds")
            return mean_interval(d, level)
        """,
        "by PyTorch": """
            d = torch.tensor([new[s] - old[s] for s in set(old) & set(new)], dtype=torch.double)
            if d.numel() < 2:
                raise ValueError("too few seeds")
            t = -stats.t.ppf((1 - level) / 2, d.numel() - 1)
            return d.mean(), t * d.std() / d.numel() ** 0.5
        """,
    },
}
