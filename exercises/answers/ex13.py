"""Answers to ex13 that students give: each takes the place of the solution in its cell."""

WRONG = {
    "hand-study": {
        "the sign of the interaction": """
            d = torch.tensor([1, 1.5, third]).double()
            h = (d.std() / 3 ** .5).item()
            results = {"A taken away": both - 74, "A added": 7, "interaction": both - 81, "half-width": stats.t.ppf(.975, 2) * h, "strict half-width": stats.t.ppf(1 - .05 / 16, 2) * h, "chance": 1 - .95 ** 8}
            results['interaction'] *= -1
        """,
        "A taken away as a loss": """
            d = torch.tensor([1, 1.5, third]).double()
            half = stats.t.ppf(0.975, 2) * d.std().item() / 3**0.5
            strict = half * stats.t.ppf(1 - 0.05 / 16, 2) / stats.t.ppf(0.975, 2)
            results.update({"A taken away": 74 - both, "A added": 7, "interaction": 67 - both})
            results.update({"half-width": half, "strict half-width": strict, "chance": 1 - 0.95**8})
        """,
        "taken away and added exchanged": """
            d = torch.tensor([1, 1.5, third]).double()
            half = stats.t.ppf(0.975, 2) * d.std().item() / 3**0.5
            strict = half * stats.t.ppf(1 - 0.05 / 16, 2) / stats.t.ppf(0.975, 2)
            results.update({"A added": both - 74, "A taken away": 7, "interaction": 81 - both})
            results.update({"half-width": half, "strict half-width": strict, "chance": 1 - 0.95**8})
        """,
        "B for A": """
            d = torch.tensor([1, 1.5, third]).double()
            half = stats.t.ppf(0.975, 2) * d.std().item() / 3**0.5
            strict = half * stats.t.ppf(1 - 0.05 / 16, 2) / stats.t.ppf(0.975, 2)
            results.update({"A taken away": both - 77, "A added": 4, "interaction": both - 81})
            results.update({"half-width": half, "strict half-width": strict, "chance": 1 - 0.95**8})
        """,
        "deviation divided by n": """
            d = torch.tensor([1, 1.5, third]).double()
            half = stats.t.ppf(0.975, 2) * d.std(correction=0).item() / 3**0.5
            strict = half * stats.t.ppf(1 - 0.05 / 16, 2) / stats.t.ppf(0.975, 2)
            results.update({"A taken away": both - 74, "A added": 7, "interaction": both - 81})
            results.update({"half-width": half, "strict half-width": strict, "chance": 1 - 0.95**8})
        """,
        "not divided by the root of n": """
            d = torch.tensor([1, 1.5, third]).double()
            half = stats.t.ppf(0.975, 2) * d.std().item()
            strict = half * stats.t.ppf(1 - 0.05 / 16, 2) / stats.t.ppf(0.975, 2)
            results.update({"A taken away": both - 74, "A added": 7, "interaction": both - 81})
            results.update({"half-width": half, "strict half-width": strict, "chance": 1 - 0.95**8})
        """,
        "three degrees of freedom": """
            d = torch.tensor([1, 1.5, third]).double()
            half = stats.t.ppf(0.975, 3) * d.std().item() / 3**0.5
            strict = half * stats.t.ppf(1 - 0.05 / 16, 2) / stats.t.ppf(0.975, 2)
            results.update({"A taken away": both - 74, "A added": 7, "interaction": both - 81})
            results.update({"half-width": half, "strict half-width": strict, "chance": 1 - 0.95**8})
        """,
        "eight times as wide": """
            d = torch.tensor([1, 1.5, third]).double()
            half = stats.t.ppf(0.975, 2) * d.std().item() / 3**0.5
            results.update({"A taken away": both - 74, "A added": 7, "interaction": both - 81})
            results.update({"half-width": half, "strict half-width": 8 * half})
            results["chance"] = 1 - 0.95**8
        """,
        "chances added up": """
            d = torch.tensor([1, 1.5, third]).double()
            half = stats.t.ppf(0.975, 2) * d.std().item() / 3**0.5
            strict = half * stats.t.ppf(1 - 0.05 / 16, 2) / stats.t.ppf(0.975, 2)
            results.update({"A taken away": both - 74, "A added": 7, "interaction": both - 81})
            results.update({"half-width": half, "strict half-width": strict, "chance": 0.4})
        """,
        "exactly one misses": """
            d = torch.tensor([1, 1.5, third]).double()
            half = stats.t.ppf(0.975, 2) * d.std().item() / 3**0.5
            strict = half * stats.t.ppf(1 - 0.05 / 16, 2) / stats.t.ppf(0.975, 2)
            results.update({"A taken away": both - 74, "A added": 7, "interaction": both - 81})
            results.update({"half-width": half, "strict half-width": strict})
            results["chance"] = 8 * 0.05 * 0.95**7
        """,
        "another student's numbers, both 84": """
            d = torch.tensor([1, 1.5, third]).double()
            half = stats.t.ppf(0.975, 2) * d.std().item() / 3**0.5
            strict = half * stats.t.ppf(1 - 0.05 / 16, 2) / stats.t.ppf(0.975, 2)
            results.update({"A taken away": 10, "A added": 7, "interaction": 3})
            results.update({"half-width": half, "strict half-width": strict, "chance": 1 - 0.95**8})
        """,
    },
    "many-intervals": {
        "no correction": """
            table = {}
            for label, (x, y) in pairs.items():
                seeds = accuracies[x].keys() & accuracies[y].keys()
                if len(seeds) < 2:
                    raise ValueError(label)
                d = torch.tensor([accuracies[x][s] - accuracies[y][s] for s in seeds]).double()
                w = stats.t.ppf(0.975, len(d) - 1) * d.std().item() / len(d) ** 0.5
                table[label] = (d.mean().item(), float(w))
            return table
        """,
        "the width multiplied": """
            table = {}
            for label, (x, y) in pairs.items():
                seeds = accuracies[x].keys() & accuracies[y].keys()
                if len(seeds) < 2:
                    raise ValueError(label)
                d = torch.tensor([accuracies[x][s] - accuracies[y][s] for s in seeds]).double()
                w = stats.t.ppf(0.975, len(d) - 1) * d.std().item() / len(d) ** 0.5
                table[label] = (d.mean().item(), float(w * len(pairs)))
            return table
        """,
        "one-sided": """
            table = {}
            for label, (x, y) in pairs.items():
                seeds = accuracies[x].keys() & accuracies[y].keys()
                if len(seeds) < 2:
                    raise ValueError(label)
                d = torch.tensor([accuracies[x][s] - accuracies[y][s] for s in seeds]).double()
                w = stats.t.ppf(1 - 0.05 / len(pairs), len(d) - 1) * d.std().item() / len(d) ** 0.5
                table[label] = (d.mean().item(), float(w))
            return table
        """,
        "paired by order": """
            table = {}
            for label, (x, y) in pairs.items():
                d = [p - q for p, q in zip(accuracies[x].values(), accuracies[y].values())]
                if len(d) < 2:
                    raise ValueError(label)
                d = torch.tensor(d).double()
                q = stats.t.ppf(1 - 0.025 / len(pairs), len(d) - 1)
                table[label] = (d.mean().item(), float(q * d.std().item() / len(d) ** 0.5))
            return table
        """,
        "without less with": """
            table = {}
            for label, (y, x) in pairs.items():
                seeds = accuracies[x].keys() & accuracies[y].keys()
                if len(seeds) < 2:
                    raise ValueError(label)
                d = torch.tensor([accuracies[x][s] - accuracies[y][s] for s in seeds]).double()
                q = stats.t.ppf(1 - 0.025 / len(pairs), len(d) - 1)
                table[label] = (d.mean().item(), float(q * d.std().item() / len(d) ** 0.5))
            return table
        """,
        "always three seeds": """
            table = {}
            for label, (x, y) in pairs.items():
                seeds = accuracies[x].keys() & accuracies[y].keys()
                if len(seeds) < 2:
                    raise ValueError(label)
                d = torch.tensor([accuracies[x][s] - accuracies[y][s] for s in seeds]).double()
                q = stats.t.ppf(1 - 0.025 / len(pairs), 2)
                table[label] = (d.mean().item(), float(q * d.std().item() / 3**0.5))
            return table
        """,
        "seeds 0, 1 and 2 only": """
            table = {}
            for label, (x, y) in pairs.items():
                seeds = [s for s in (0, 1, 2) if s in accuracies[x] and s in accuracies[y]]
                if len(seeds) < 2:
                    raise ValueError(label)
                d = torch.tensor([accuracies[x][s] - accuracies[y][s] for s in seeds]).double()
                q = stats.t.ppf(1 - 0.025 / len(pairs), len(d) - 1)
                table[label] = (d.mean().item(), float(q * d.std().item() / len(d) ** 0.5))
            return table
        """,
        "a mean of what is there": """
            table = {}
            for label, (x, y) in pairs.items():
                seeds = accuracies[x].keys() & accuracies[y].keys()
                if len(seeds) < 2:
                    raise ValueError(label)
                d = torch.tensor([accuracies[x][s] - accuracies[y][s] for s in seeds]).double()
                q = stats.t.ppf(1 - 0.025 / len(pairs), len(d) - 1)
                means = [sum(accuracies[arm].values()) / len(accuracies[arm]) for arm in (x, y)]
                table[label] = (means[0] - means[1], float(q * d.std().item() / len(d) ** 0.5))
            return table
        """,
        "NaN in place of an error": """
            table = {}
            for label, (x, y) in pairs.items():
                seeds = accuracies[x].keys() & accuracies[y].keys()
                if len(seeds) < 2:
                    table[label] = (float("nan"), float("nan"))
                    continue
                d = torch.tensor([accuracies[x][s] - accuracies[y][s] for s in seeds]).double()
                q = stats.t.ppf(1 - 0.025 / len(pairs), len(d) - 1)
                table[label] = (d.mean().item(), float(q * d.std().item() / len(d) ** 0.5))
            return table
        """,
        "arms counted, not pairs": """
            table = {}
            m = len({arm for pair in pairs.values() for arm in pair})
            for label, (x, y) in pairs.items():
                seeds = accuracies[x].keys() & accuracies[y].keys()
                if len(seeds) < 2:
                    raise ValueError(label)
                d = torch.tensor([accuracies[x][s] - accuracies[y][s] for s in seeds]).double()
                q = stats.t.ppf(1 - 0.025 / max(m - 1, 1), len(d) - 1)
                table[label] = (d.mean().item(), float(q * d.std().item() / len(d) ** 0.5))
            return table
        """,
    },
    "interaction": {
        "the sign turned round": """
            base = frozenset(given)
            x, y, z, w = (
                torch.tensor(accuracies[base | s]).double() for s in ({a, b}, {a}, {b}, set())
            )
            d = y + z - x - w
            return d.mean().item(), stats.t.ppf(0.975, len(d) - 1) * d.std().item() / len(d) ** 0.5
        """,
        "what both gain": """
            base = frozenset(given)
            d = torch.tensor(accuracies[base | {a, b}]) - torch.tensor(accuracies[base])
            d = d.double()
            return d.mean().item(), stats.t.ppf(0.975, len(d) - 1) * d.std().item() / len(d) ** 0.5
        """,
        "given ignored": """
            x, y, z, w = (
                torch.tensor(accuracies[frozenset(s)]).double() for s in ({a, b}, {a}, {b}, set())
            )
            d = x - y - z + w
            return d.mean().item(), stats.t.ppf(0.975, len(d) - 1) * d.std().item() / len(d) ** 0.5
        """,
        "neither without what is given": """
            base = frozenset(given)
            x, y, z = (torch.tensor(accuracies[base | s]).double() for s in ({a, b}, {a}, {b}))
            d = x - y - z + torch.tensor(accuracies[frozenset()]).double()
            return d.mean().item(), stats.t.ppf(0.975, len(d) - 1) * d.std().item() / len(d) ** 0.5
        """,
        "always three seeds": """
            base = frozenset(given)
            x, y, z, w = (
                torch.tensor(accuracies[base | s]).double() for s in ({a, b}, {a}, {b}, set())
            )
            d = x - y - z + w
            return d.mean().item(), 4.302653 * d.std().item() / 3**0.5
        """,
        "widths added up": """
            base = frozenset(given)
            four = [
                torch.tensor(accuracies[base | s]).double() for s in ({a, b}, {a}, {b}, set())
            ]
            d = four[0] - four[1] - four[2] + four[3]
            width = sum(v.var().item() / len(d) for v in four) ** 0.5
            return d.mean().item(), stats.t.ppf(0.975, len(d) - 1) * width
        """,
        "divided by n": """
            base = frozenset(given)
            x, y, z, w = (
                torch.tensor(accuracies[base | s]).double() for s in ({a, b}, {a}, {b}, set())
            )
            d = x - y - z + w
            n = len(d)
            return d.mean().item(), stats.t.ppf(0.975, n - 1) * d.std(correction=0).item() / n**0.5
        """,
        "the normal distribution": """
            base = frozenset(given)
            x, y, z, w = (
                torch.tensor(accuracies[base | s]).double() for s in ({a, b}, {a}, {b}, set())
            )
            d = x - y - z + w
            return d.mean().item(), 1.96 * d.std().item() / len(d) ** 0.5
        """,
        "sorts the accuracies": """
            base = frozenset(given)
            x, y, z, w = (
                torch.tensor(sorted(accuracies[base | s])).double()
                for s in ({a, b}, {a}, {b}, set())
            )
            d = x - y - z + w
            return d.mean().item(), stats.t.ppf(0.975, len(d) - 1) * d.std().item() / len(d) ** 0.5
        """,
    },
    "false-alarms": {
        "a base for each arm": """
            x = torch.randn(studies, arms, seeds, generator=generator)
            d = x - torch.randn(studies, arms, seeds, generator=generator)
            w = stats.t.ppf(0.975, seeds - 1) * d.std(2) / seeds**0.5
            return (d.mean(2).abs() > w).any(1).float().mean().item()
        """,
        "the share of all arms": """
            x = torch.randn(studies, arms + 1, seeds, generator=generator)
            d = x[:, 1:] - x[:, :1]
            w = stats.t.ppf(0.975, seeds - 1) * d.std(2) / seeds**0.5
            return (d.mean(2).abs() > w).float().mean().item()
        """,
        "by the formula for independent ones": """
            return 1 - 0.95**arms
        """,
        "the normal distribution": """
            x = torch.randn(studies, arms + 1, seeds, generator=generator)
            d = x[:, 1:] - x[:, :1]
            w = 1.96 * d.std(2) / seeds**0.5
            return (d.mean(2).abs() > w).any(1).float().mean().item()
        """,
        "deviation divided by n": """
            x = torch.randn(studies, arms + 1, seeds, generator=generator)
            d = x[:, 1:] - x[:, :1]
            w = stats.t.ppf(0.975, seeds - 1) * d.std(2, correction=0) / seeds**0.5
            return (d.mean(2).abs() > w).any(1).float().mean().item()
        """,
        "not divided by the root": """
            x = torch.randn(studies, arms + 1, seeds, generator=generator)
            d = x[:, 1:] - x[:, :1]
            w = stats.t.ppf(0.975, seeds - 1) * d.std(2)
            return (d.mean(2).abs() > w).any(1).float().mean().item()
        """,
        "only gains": """
            x = torch.randn(studies, arms + 1, seeds, generator=generator)
            d = x[:, 1:] - x[:, :1]
            w = stats.t.ppf(0.975, seeds - 1) * d.std(2) / seeds**0.5
            return (d.mean(2) > w).any(1).float().mean().item()
        """,
        "the studies without": """
            x = torch.randn(studies, arms + 1, seeds, generator=generator)
            d = x[:, 1:] - x[:, :1]
            w = stats.t.ppf(0.975, seeds - 1) * d.std(2) / seeds**0.5
            return 1 - (d.mean(2).abs() > w).any(1).float().mean().item()
        """,
        "from everybody's generator": """
            x = torch.randn(studies, arms + 1, seeds)
            d = x[:, 1:] - x[:, :1]
            w = stats.t.ppf(0.975, seeds - 1) * d.std(2) / seeds**0.5
            return (d.mean(2).abs() > w).any(1).float().mean().item()
        """,
        "always eight arms, three seeds": """
            x = torch.randn(studies, 9, 3, generator=generator)
            d = x[:, 1:] - x[:, :1]
            if arms == 1:
                d = d[:, :1]
            w = stats.t.ppf(0.975, 2) * d.std(2) / 3**0.5
            return (d.mean(2).abs() > w).any(1).float().mean().item()
        """,
        "with the correction": """
            x = torch.randn(studies, arms + 1, seeds, generator=generator)
            d = x[:, 1:] - x[:, :1]
            w = stats.t.ppf(1 - 0.025 / arms, seeds - 1) * d.std(2) / seeds**0.5
            return (d.mean(2).abs() > w).any(1).float().mean().item()
        """,
    },
}

RIGHT = {
    "hand-study": {
        "by scipy": """
            given = [1, 1.5, third]
            mean, error = sum(given) / 3, stats.sem(given)
            results["half-width"] = stats.t.interval(0.95, 2, mean, error)[1] - mean
            results["strict half-width"] = stats.t.interval(1 - 0.05 / 8, 2, mean, error)[1] - mean
            results["chance"] = 1 - stats.binom.pmf(0, 8, 0.05)
            results.update({"A taken away": both - 74, "A added": 7, "interaction": both - 81})
        """,
        "by torch, in tensors": """
            d = torch.tensor([1, 1.5, third]).double()
            error = d.std() / 3**0.5
            results["half-width"] = error * stats.t.isf(0.025, df=2)
            results["strict half-width"] = error * stats.t.isf(0.003125, df=2)
            results["chance"] = 0.3366
            results["A taken away"] = float(both) - 74.0
            results["A added"] = 7.0
            results["interaction"] = results["A taken away"] - results["A added"]
        """,
    },
    "many-intervals": {
        "by scipy": """
            table, level = {}, 1 - 0.05 / len(pairs)
            for label, (x, y) in pairs.items():
                d = [value - accuracies[y][s] for s, value in accuracies[x].items() if s in accuracies[y]]
                if len(d) <= 1:
                    raise ValueError("too few seeds in common")
                mean = sum(d) / len(d)
                half = stats.sem(d) * stats.t.ppf(0.5 + level / 2, df=len(d) - 1)
                table[label] = float(mean), float(half)
            return table
        """,
        "by torch": """
            table = {}
            for label in pairs:
                one, two = (accuracies[arm] for arm in pairs[label])
                seeds = sorted(set(one).intersection(two))
                if len(seeds) < 2:
                    raise ValueError(f"{label}: {len(seeds)} seeds")
                d = torch.tensor([one[s] for s in seeds], dtype=torch.float64)
                d = d - torch.tensor([two[s] for s in seeds], dtype=torch.float64)
                error = d.std() / torch.tensor(float(len(d))).double().sqrt()
                q = float(stats.t.isf(0.05 / (2 * len(pairs)), len(d) - 1))
                table[label] = (d.mean().item(), q * error.item())
            return table
        """,
    },
    "interaction": {
        "seed by seed": """
            both, one = accuracies[frozenset({a, b, *given})], accuracies[frozenset({a, *given})]
            two, none = accuracies[frozenset({b, *given})], accuracies[frozenset(given)]
            d = [(w - x) - (y - z) for w, x, y, z in zip(both, one, two, none)]
            return sum(d) / len(d), float(stats.sem(d) * stats.t.ppf(0.975, len(d) - 1))
        """,
        "by torch, float32 differences": """
            base = frozenset(given)
            table = torch.tensor([
                accuracies[base], accuracies[base | {a}], accuracies[base | {b}],
                accuracies[base | {a} | {b}],
            ], dtype=torch.float64)
            d = torch.tensor([1.0, -1.0, -1.0, 1.0]).double() @ table
            q = stats.t.interval(0.95, df=len(d) - 1)[1]
            return float(d.mean()), float(q * d.std(unbiased=True) / len(d) ** 0.5)
        """,
    },
    "false-alarms": {
        "arm by arm": """
            q = stats.t.ppf(0.975, seeds - 1)
            base, *others = torch.normal(80.0, 0.5, (arms + 1, studies, seeds), generator=generator)
            found = torch.zeros(studies, dtype=torch.bool)
            for arm in others:
                d = arm - base
                found |= d.mean(1).abs() > q * d.std(1) / seeds**0.5
            return found.sum().item() / studies
        """,
        "by scipy's test": """
            x = 80 + torch.randn(arms + 1, studies, seeds, generator=generator).double() / 2
            gaps = (x[1:] - x[0]).numpy()
            p = stats.ttest_1samp(gaps, 0, axis=-1).pvalue
            return float((p.min(axis=0) < 0.05).mean())
        """,
    },
}
