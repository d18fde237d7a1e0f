"""Answers to ex10 that students give: each takes the place of the solution in its cell."""

BY_HAND = """
    results.update({"u": 14, "v": 2, "sent home": 2})
    results["gradient of a"] = 3 * slope + 2
    results["gradient of the weight"] = 6 * slope + 4
    results["crosses"] = 4 * (169 * maps + 1200)
    results["each sends"] = 3_000_000
    results["from"] = 2_000_000 // results["crosses"] + 1
    results["counts"] = (batch // 4 + 1) / (batch // 4)
"""

MEETING = """
    reads = [(s, s.input_shape) for s in trace(architecture)]
    values = {s.name: torch.zeros(shape).numel() for s, shape in reads}
    conv = [s.name for s, _ in reads if isinstance(s.layer, Conv)]
    linear = [s.name for s, _ in reads if isinstance(s.layer, Linear)]
    best = min(conv[1:], key=lambda name: values[name])
    return best, 8 * (values[best] + sum(values[name] for name in linear))
"""

SHARES = """
    parameters = list(network.parameters())
    count = sum(len(labels) for _, labels in shares)
    total = [torch.zeros_like(p) for p in parameters]
    for images, labels in shares:
        if len(labels) == 0:
            continue
        loss = F.cross_entropy(network(images), labels)
        for old, new in zip(total, torch.autograd.grad(loss, parameters)):
            old += new * (len(labels) / count)
    return total
"""

SYMPTOMS = """
    mine = [e for e in log if e["rank"] == 0]
    epochs = sorted({e["epoch"] for e in log})
    orders = [[p for e in mine if e["epoch"] == epoch for p in e["places"]] for epoch in epochs]
    masks = torch.cat([e["kept"] for e in log])
    first = [e for e in log if e["epoch"] == 0 and e["step"] == 0]
    right = rate * sum(e["gradient"] for e in first) / len(first)
    made = {"orders": len({str(order) for order in orders})}
    made["images of worker 0"] = len(set(sum(orders, [])))
    made["images of epoch 0"] = len({p for e in log if e["epoch"] == 0 for p in e["places"]})
    made["different masks"] = len(torch.unique(masks, dim=0)) / len(masks)
    made["times the rate"] = float(first[0]["change"].norm() / right.norm())
    return made
"""

MENDED = """
    ranks, log = range(workers), []
    samplers = [DistributedSampler(images, workers, rank, seed=seed) for rank in ranks]
    generators = [torch.Generator().manual_seed(100 * seed + rank) for rank in ranks]
    for epoch in range(epochs):
        for sampler in samplers:
            sampler.set_epoch(epoch)
        orders = [list(sampler) for sampler in samplers]
        for start in range(0, len(orders[0]), share):
            entries = []
            for rank in ranks:
                places = orders[rank][start : start + share]
                mine = images[places], labels[places]
                gradient, kept = of_one_share(weight, *mine, generators[rank])
                entry = {"epoch": epoch, "step": start // share, "rank": rank}
                entry |= {"places": places, "kept": kept}
                entries.append(entry | {"gradient": gradient})
            total = sum(entry["gradient"] for entry in entries)
            change = -rate * total / workers
            weight += change
            log += [entry | {"change": change} for entry in entries]
    return log
"""


def changed(text, *pairs):
    """``text`` with other words in some places, each of which must be there once."""
    for old, new in pairs:
        assert text.count(old) == 1, (text.count(old), old)
        text = text.replace(old, new)
    return text


SET_EPOCH = """        for sampler in samplers:
            sampler.set_epoch(epoch)
"""
SAMPLERS = """    samplers = [DistributedSampler(images, workers, rank, seed=seed) for rank in ranks]
"""
TURN = "gradient, kept = of_one_share(weight, *mine, generators[rank])"


def own_turn(
    kept="torch.rand(images[places].shape, generator=generators[rank]) < 0.5", scale="2 * "
):
    """A worker's turn in a student's own words."""
    return (
        TURN,
        f"""kept = {kept}
                copy = weight.clone().requires_grad_()
                loss = F.cross_entropy(({scale}kept * images[places]) @ copy.T, labels[places])
                (gradient,) = torch.autograd.grad(loss, copy)""",
    )


WRONG = {
    "hand-towers": {
        "what the other tower has found forgotten": changed(
            BY_HAND,
            ('"gradient of a"] = 3 * slope + 2', '"gradient of a"] = 3 * slope'),
            ("6 * slope + 4", "6 * slope"),
        ),
        "the gradient of v without its sign": changed(
            BY_HAND,
            ('"sent home": 2', '"sent home": -2'),
            ("3 * slope + 2", "3 * slope - 2"),
            ("6 * slope + 4", "6 * slope - 4"),
        ),
        "the kernel without groups, so that right's maps come in too": changed(
            BY_HAND, ("6 * slope + 4", "4 * (3 * slope + 2)")
        ),
        "the weight's gradient is the map's": changed(BY_HAND, ("6 * slope + 4", "3 * slope + 2")),
        "the gradient of b for that of a": changed(
            BY_HAND,
            ("3 * slope + 2", "slope - 5"),
            ('"sent home": 2', '"sent home": -5'),
            ("6 * slope + 4", "2 * (slope - 5)"),
        ),
        "half of what crosses": changed(
            BY_HAND,
            ("4 * (169 * maps + 1200)", "2 * (169 * maps + 1200)"),
            ('2_000_000 // results["crosses"]', '1_000_000 // results["crosses"]'),
        ),
        "there and back already": changed(
            BY_HAND,
            ("4 * (169 * maps + 1200)", "8 * (169 * maps + 1200)"),
            ('2_000_000 // results["crosses"]', '4_000_000 // results["crosses"]'),
        ),
        "both towers' bytes against one worker's": changed(
            BY_HAND, ("2_000_000 //", "1_000_000 //")
        ),
        "there only": changed(BY_HAND, ("2_000_000 //", "4_000_000 //")),
        "all gradients sent by each": changed(BY_HAND, ("3_000_000", "2_000_000")),
        "all gradients to each of the three others": changed(BY_HAND, ("3_000_000", "6_000_000")),
        "one round too few": changed(
            BY_HAND, ('// results["crosses"] + 1', '// results["crosses"]')
        ),
        "the large share counts more": changed(
            BY_HAND, ("(batch // 4 + 1) / (batch // 4)", "(batch // 4) / (batch // 4 + 1)")
        ),
        "another student's number": changed(BY_HAND, ("(169 * maps + 1200)", "(169 * 74 + 1200)")),
    },
    "exchange": {
        "its own alone": "return tuple(g.chunk(len(gradients), 1)[t] for t, g in enumerate(gradients))",
        "the other's alone": """
            n = len(gradients)
            own = [g.chunk(n, 1)[t] for t, g in enumerate(gradients)]
            return tuple(w - o for w, o in zip(sum(gradients).chunk(n, 1), own))
        """,
        "the mean": "return (sum(gradients) / len(gradients)).chunk(len(gradients), 1)",
        "the whole to all": "return tuple(sum(gradients) for _ in gradients)",
        "towers turned round": "return sum(gradients).chunk(len(gradients), 1)[::-1]",
        "two towers only": """
            left, right = gradients[0], gradients[-1]
            return (left + right).chunk(2, 1)
        """,
        "cut along the last dimension": "return sum(gradients).chunk(len(gradients), -1)",
        "two halves only": "return sum(gradients).chunk(2, 1)",
        "added into what was given": """
            total = gradients[0]
            for other in gradients[1:]:
                total += other
            return total.chunk(len(gradients), 1)
        """,
        "the first tower's word": "return gradients[0].chunk(len(gradients), 1)",
    },
    "cheapest-meeting": {
        "there only": changed(MEETING, ("8 * (", "4 * (")),
        "values for bytes": changed(MEETING, ("8 * (", "2 * (")),
        "fully connected layers forgotten": changed(
            MEETING, (" + sum(values[name] for name in linear)", "")
        ),
        "the image counted as well": changed(MEETING, ("conv[1:]", "conv")),
        "the last of several": changed(MEETING, ("min(conv[1:]", "min(conv[:0:-1]")),
        "by what the layer makes": changed(MEETING, ("s.input_shape", "s.output_shape")),
        "by what the conv layer before makes": """
            conv = [s for s in trace(architecture) if isinstance(s.layer, Conv)]
            linear = [s for s in trace(architecture) if isinstance(s.layer, Linear)]
            sent = {b.name: torch.zeros(a.output_shape).numel() for a, b in zip(conv, conv[1:])}
            best = min(sent, key=sent.get)
            return best, 8 * (sent[best] + sum(torch.zeros(s.input_shape).numel() for s in linear))
        """,
        "only where the table has no groups": changed(
            MEETING,
            ("isinstance(s.layer, Conv)]", "isinstance(s.layer, Conv) and s.layer.groups == 1]"),
            ("conv[1:]", "conv[1:] or conv"),
        ),
        "always the third": changed(
            MEETING,
            (
                "best = min(conv[1:], key=lambda name: values[name])",
                "best = conv[min(2, len(conv) - 1)]",
            ),
        ),
        "the last layer's logits too": changed(
            MEETING,
            ("for name in linear)", "for name in linear) + reads[-1][0].layer.out_features"),
            (
                "    return best",
                "    reads = [r for r in reads if isinstance(r[0].layer, Linear)]\n    return best",
            ),
        ),
        "maps in place of values": changed(
            MEETING, ("torch.zeros(shape).numel()", "shape[0] * shape[-1]")
        ),
        "the fewest kernels' weights": changed(
            MEETING,
            (
                "key=lambda name: values[name])",
                "key=lambda name: architecture.layer(name).out_channels * architecture.layer(name).kernel ** 2)",
            ),
        ),
    },
    "uneven-shares": {
        "the mean of means": changed(SHARES, ("(len(labels) / count)", "(1 / len(shares))")),
        "the mean of means of those who have images": changed(
            SHARES, ("(len(labels) / count)", "(1 / sum(len(y) > 0 for _, y in shares))")
        ),
        "the sum of means": changed(SHARES, ("new * (len(labels) / count)", "new")),
        "the sum over images": changed(SHARES, ("len(labels) / count", "len(labels)")),
        "the first share's size for all": changed(
            SHARES, ("len(labels) / count", "max(len(shares[0][1]), 1) / count")
        ),
        "all images joined": """
            images = torch.cat([x for x, _ in shares])
            labels = torch.cat([y for _, y in shares])
            loss = F.cross_entropy(network(images), labels)
            return list(torch.autograd.grad(loss, list(network.parameters())))
        """,
        "on top of what .grad held": """
            count = sum(len(labels) for _, labels in shares)
            for images, labels in shares:
                loss = F.cross_entropy(network(images), labels, reduction="sum")
                (loss / count).backward()
            return [p.grad for p in network.parameters()]
        """,
        "the last share alone": """
            images, labels = [share for share in shares if len(share[1])][-1]
            loss = F.cross_entropy(network(images), labels)
            return list(torch.autograd.grad(loss, list(network.parameters())))
        """,
        "an empty share counts as one image": changed(
            SHARES,
            (
                "sum(len(labels) for _, labels in shares)",
                "sum(max(len(labels), 1) for _, labels in shares)",
            ),
        ),
        "weights stepped on the way": changed(
            SHARES,
            (
                "    return total",
                "    with torch.no_grad():\n        for p, g in zip(parameters, total):\n            p -= 0.1 * g\n    return total",
            ),
        ),
    },
    "symptoms": {
        "sets in place of orders": changed(
            SYMPTOMS, ("{str(order) for order in orders}", "{frozenset(order) for order in orders}")
        ),
        "epochs counted": changed(
            SYMPTOMS, ("len({str(order) for order in orders})", "len(orders)")
        ),
        "all workers' orders": changed(SYMPTOMS, ('if e["rank"] == 0]', 'if e["rank"] <= 9]')),
        "repeats counted": changed(SYMPTOMS, ("len(set(sum(orders, [])))", "len(sum(orders, []))")),
        "images of one epoch": changed(SYMPTOMS, ("set(sum(orders, []))", "set(orders[0])")),
        "images of all epochs": changed(
            SYMPTOMS, ('{p for e in log if e["epoch"] == 0 for p', "{p for e in log for p")
        ),
        "worker 0's masks": changed(
            SYMPTOMS, ('[e["kept"] for e in log]', '[e["kept"] for e in mine]')
        ),
        "a share's masks as one": changed(
            SYMPTOMS,
            (
                "len(torch.unique(masks, dim=0)) / len(masks)",
                'len({str(e["kept"].tolist()) for e in log}) / len(log)',
            ),
        ),
        "masks of epoch 0": changed(
            SYMPTOMS, ('[e["kept"] for e in log]', '[e["kept"] for e in log if e["epoch"] == 0]')
        ),
        "the number of masks": changed(SYMPTOMS, (" / len(masks)", "")),
        "against the sum": changed(SYMPTOMS, (" / len(first)", "")),
        "against one worker": changed(
            SYMPTOMS, ('sum(e["gradient"] for e in first) / len(first)', 'first[0]["gradient"]')
        ),
        "without the rate": changed(SYMPTOMS, ("right = rate *", "right =")),
        "against the mean of the lengths": changed(
            SYMPTOMS,
            (
                "/ right.norm())",
                '/ (rate * sum(e["gradient"].norm() for e in first) / len(first)))',
            ),
        ),
        "by the steps of all epochs": changed(
            SYMPTOMS, ('e["epoch"] == 0 and e["step"] == 0', 'e["step"] == 0')
        ),
        "the number of workers": changed(
            SYMPTOMS, ('float(first[0]["change"].norm() / right.norm())', "float(len(first))")
        ),
    },
    "mended": {
        "images shuffled in place": """
            images.copy_(images.flip(0))
            labels.copy_(labels.flip(0))
            log = []
            ss = [DistributedSampler(images, workers, r, seed=seed) for r in range(workers)]
            gs = [torch.Generator().manual_seed(seed * 100 + r) for r in range(workers)]
            for epoch in range(epochs):
                for s in ss:
                    s.set_epoch(epoch)
                orders = [list(s) for s in ss]
                for start in range(0, len(orders[0]), share):
                    es = []
                    for r in range(workers):
                        p = orders[r][start:start + share]
                        g, k = of_one_share(weight, images[p], labels[p], gs[r])
                        es.append({"epoch": epoch, "step": start // share, "rank": r, "places": p, "kept": k, "gradient": g})
                    change = -rate * sum(e["gradient"] for e in es) / workers
                    weight += change
                    log += [e | {"change": change} for e in es]
            return log
        """,
        "set_epoch still forgotten": changed(MENDED, (SET_EPOCH, "")),
        "set_epoch always 0": changed(MENDED, ("set_epoch(epoch)", "set_epoch(0)")),
        "one sampler alone is told": changed(
            MENDED, (SET_EPOCH, "        samplers[0].set_epoch(epoch)\n")
        ),
        "samplers with a seed for each worker": changed(
            MENDED, ("workers, rank, seed=seed)", "workers, rank, seed=seed + rank)")
        ),
        "the same seed for all masks": changed(MENDED, ("100 * seed + rank", "seed")),
        "masks begin again in each epoch": changed(
            MENDED,
            (
                SET_EPOCH,
                SET_EPOCH
                + """        for rank in ranks:
            generators[rank].manual_seed(100 * seed + rank)
""",
            ),
        ),
        "worker and epoch added": changed(
            MENDED,
            (
                SET_EPOCH,
                SET_EPOCH
                + """        for rank in ranks:
            generators[rank].manual_seed(seed + rank + epoch)
""",
            ),
        ),
        "one mask for a share": changed(
            MENDED,
            own_turn(
                "(torch.rand(1, images.shape[1], generator=generators[rank]) < 0.5).expand(len(places), -1)"
            ),
        ),
        "what is kept is not doubled": changed(MENDED, own_turn(scale="")),
        "dropout left out": changed(
            MENDED, own_turn("torch.ones(len(places), images.shape[1]).bool()", "")
        ),
        "masks from everybody's generator": changed(MENDED, ("generators[rank])", "None)")),
        "the sum still there": changed(MENDED, ("total / workers", "total")),
        "divided by the share": changed(MENDED, ("total / workers", "total / share")),
        "divided twice": changed(
            MENDED, ("for entry in entries)", "for entry in entries) / workers")
        ),
        "always halved": changed(MENDED, ("total / workers", "total / 2")),
        "the seed ignored": changed(
            MENDED,
            ("workers, rank, seed=seed)", "workers, rank)"),
            ("100 * seed + rank", "rank"),
        ),
        "no shuffling": changed(MENDED, ("rank, seed=seed)", "rank, seed=seed, shuffle=False)")),
        "the weight is not changed in place": changed(
            MENDED, ("weight += change", "weight = weight + change")
        ),
        "only whole shares": changed(
            MENDED,
            ("range(0, len(orders[0]), share)", "range(0, len(orders[0]) - share + 1, share)"),
        ),
    },
}

RIGHT = {
    "hand-towers": {
        "four decimals": """
            results = {"u": 14, "v": 2, "sent home": 2, "gradient of a": 3 * slope + 2, "gradient of the weight": 6 * slope + 4, "crosses": 4 * (maps * 169 + 1200), "each sends": 3_000_000, "from": 2_000_000 // (4 * (maps * 169 + 1200)) + 1, "counts": (batch // 4 + 1) / (batch // 4)}
            results['counts'] = round(results['counts'], 4)
        """,
        "in numbers": BY_HAND,
        "by torch": """
            made = torch.tensor([2.0 * 1 + 2, 2 * 3 - 4], requires_grad=True)
            u, v = torch.tensor([[3.0, 1], [-2, 5]]) @ made
            (whole,) = torch.autograd.grad(slope * u - v, made, retain_graph=True)
            (right,) = torch.autograd.grad(-v, made)
            results.update({"u": u.item(), "v": v, "sent home": right[0], "gradient of a": whole[0]})
            results["gradient of the weight"] = whole[0] * 2
            results["crosses"] = 4.0 * (maps * 169 + 1200)
            results["each sends"] = 2 * (4 - 1) / 4 * 4 * 500_000
            results["from"] = int(4 * 500_000 / results["crosses"]) + 1
            results["counts"] = 1 + 1 / (batch // 4)
        """,
    },
    "exchange": {
        "each tower in turn": """
            n = len(gradients)
            width = gradients[0].shape[1] // n
            home = []
            for t in range(n):
                mine = [g[:, t * width : (t + 1) * width] for g in gradients]
                home.append(torch.stack(mine).sum(0))
            return tuple(home)
        """,
        "by split": """
            total = torch.stack(gradients).sum(dim=0)
            return torch.split(total, total.shape[1] // len(gradients), dim=1)
        """,
    },
    "cheapest-meeting": {
        "by names": MEETING,
        "in a loop": """
            best, least, linear, convs = None, None, 0, 0
            for step in trace(architecture):
                values = 1
                for side in step.input_shape:
                    values *= side
                if step.layer.kind == "conv":
                    convs += 1
                    if convs > 1 and (least is None or values < least):
                        best, least = step.name, values
                elif step.layer.kind == "linear":
                    linear += values
            return [best, (least + linear) * 8]
        """,
        "all sums, the least of them": """
            steps = list(trace(architecture))
            size = lambda s: torch.Size(s.input_shape).numel() * 4 * 2
            full = sum(size(s) for s in steps if isinstance(s.layer, Linear))
            conv = [s for s in steps if isinstance(s.layer, Conv)][1:]
            total, _, name = min((full + size(s), i, s.name) for i, s in enumerate(conv))
            return name, float(total)
        """,
    },
    "uneven-shares": {
        "means, weighed": SHARES,
        "means, weighed, of empty shares too": changed(
            SHARES, ("        if len(labels) == 0:\n            continue\n", "")
        ),
        "backward, from clean gradients": """
            network.zero_grad()
            count = sum(len(labels) for _, labels in shares)
            for images, labels in shares:
                loss = F.cross_entropy(network(images), labels, reduction="sum")
                (loss / count).backward()
            return [p.grad for p in network.parameters()]
        """,
        "sums, divided in the end": """
            total, count = None, 0
            for images, labels in shares:
                loss = -network(images).log_softmax(1)[torch.arange(len(labels)), labels].sum()
                found = torch.autograd.grad(loss, list(network.parameters()))
                total = found if total is None else [a + b for a, b in zip(total, found)]
                count += len(labels)
            return tuple(g / count for g in total)
        """,
    },
    "symptoms": {
        "by lists": SYMPTOMS,
        "entry by entry": """
            orders, met, first, masks, total, workers, change = {}, set(), set(), [], 0, 0, None
            for e in log:
                if e["rank"] == 0:
                    orders[e["epoch"]] = orders.get(e["epoch"], ()) + tuple(e["places"])
                    met |= set(e["places"])
                if e["epoch"] == 0:
                    first.update(e["places"])
                    if e["step"] == 0:
                        total, workers, change = total + e["gradient"], workers + 1, e["change"]
                masks += ["".join(map(str, row)) for row in e["kept"].int().tolist()]
            return {
                "different masks": len(set(masks)) / len(masks),
                "orders": len(set(orders.values())),
                "images of epoch 0": len(first),
                "images of worker 0": len(met),
                "times the rate": change.norm() / (rate * total / workers).norm(),
            }
        """,
    },
    "mended": {
        "three changes": MENDED,
        "a turn in own words, the mean on the way, seeds far apart": changed(
            MENDED,
            own_turn(),
            ('entry | {"gradient": gradient}', 'entry | {"gradient": gradient.clone()}'),
            ("for entry in entries)", "for entry in entries) / workers"),
            ("-rate * total / workers", "-rate * total"),
            ("100 * seed + rank", "seed + 7919 * (rank + 1)"),
        ),
        "seed plus rank, as PyTorch's examples have it": changed(
            MENDED, ("100 * seed + rank", "seed + rank")
        ),
        "an order for all, shared out by hand": changed(
            MENDED,
            (SAMPLERS, ""),
            (
                SET_EPOCH,
                """        draw = torch.Generator().manual_seed(1000 * seed + epoch)
        order = torch.randperm(len(images), generator=draw).tolist()
""",
            ),
            ("[list(sampler) for sampler in samplers]", "[order[rank::workers] for rank in ranks]"),
        ),
        "shares one after another, a generator for each epoch and worker": changed(
            MENDED,
            (SAMPLERS, ""),
            (
                SET_EPOCH,
                """        draw = torch.Generator().manual_seed(1000 * seed + epoch)
        order = torch.randperm(len(images), generator=draw)
        generators = [
            torch.Generator().manual_seed(10**6 * seed + 100 * epoch + rank) for rank in ranks
        ]
""",
            ),
            (
                "[list(sampler) for sampler in samplers]",
                "[part.tolist() for part in order.chunk(workers)]",
            ),
        ),
    },
}
