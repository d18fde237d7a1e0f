"""Answers to ex16 that students give: each takes the place of the solution in its cell."""

WRONG = {
    "by-hand": {
        "pool1 rounded down": """
            a = -(-(size - 3) // 3) + 1
            numbers = {"conv1": a, "pool1": -(-(a - 3) // 2) + 1, "conv1 by PyTorch": (size - 3) // 3 + 1, "pieces": 2 * (spare + 1) ** 2}
            numbers['pool1'] = (a - 3) // 2 + 1
        """,
        "the two rules swapped": """
            low, high = 1 + (size - 3) // 3, 1 - (-(size - 3) // 3)
            numbers["conv1"], numbers["conv1 by PyTorch"] = low, high
            numbers["pool1"], numbers["pieces"] = 1 - (-(low - 3) // 2), 2 * (spare + 1) ** 2
        """,
        "rounded down in both": """
            numbers["conv1"] = numbers["conv1 by PyTorch"] = 1 + (size - 3) // 3
            numbers["pool1"] = 1 - (-(numbers["conv1"] - 3) // 2)
            numbers["pieces"] = 2 * (spare + 1) ** 2
        """,
        "padding on one side": """
            numbers["conv1"] = 1 - (-(size + 1 - 5) // 3)
            numbers["conv1 by PyTorch"] = 1 + (size - 3) // 3
            numbers["pool1"] = 1 - (-(numbers["conv1"] - 3) // 2)
            numbers["pieces"] = 2 * (spare + 1) ** 2
        """,
        "pool1 begins from PyTorch's conv1": """
            numbers["conv1 by PyTorch"] = 1 + (size - 3) // 3
            numbers["conv1"] = 1 - (-(size - 3) // 3)
            numbers["pool1"] = (numbers["conv1 by PyTorch"] - 3) // 2
            numbers["pieces"] = 2 * (spare + 1) ** 2
        """,
        "pieces as the paper counts them": """
            numbers["conv1 by PyTorch"] = 1 + (size - 3) // 3
            numbers["conv1"] = 1 - (-(size - 3) // 3)
            numbers["pool1"] = 1 - (-(numbers["conv1"] - 3) // 2)
            numbers["pieces"] = 2 * spare**2
        """,
        "pieces without their mirror images": """
            numbers["conv1 by PyTorch"] = 1 + (size - 3) // 3
            numbers["conv1"] = 1 - (-(size - 3) // 3)
            numbers["pool1"] = 1 - (-(numbers["conv1"] - 3) // 2)
            numbers["pieces"] = (spare + 1) ** 2
        """,
        "not rounded": """
            numbers["conv1"] = 1 + (size - 3) / 3
            numbers["conv1 by PyTorch"] = 1 + (size - 3) // 3
            numbers["pool1"], numbers["pieces"] = 7, 2 * (spare + 1) ** 2
        """,
    },
    "two-norms": {
        "the two rules swapped": """
            c = {"code": scale, "paper": scale / size}[rule]
            theirs = nn.LocalResponseNorm(size, alpha=c * size, beta=beta, k=k)
            return torch.cat([theirs(x) for x in maps.chunk(groups, 1)], 1)
        """,
        "PyTorch's layer by both rules": """
            theirs = nn.LocalResponseNorm(size, alpha=scale, beta=beta, k=k)
            return torch.cat([theirs(x) for x in maps.chunk(groups, 1)], 1)
        """,
        "one window over both towers": """
            c = {"paper": scale, "code": scale / size}[rule]
            return nn.LocalResponseNorm(size, alpha=c * size, beta=beta, k=k)(maps)
        """,
        "a mean at the ends": """
            c = {"paper": scale, "code": scale / size}[rule]
            done = []
            for tower in maps.chunk(groups, dim=1):
                for i in range(tower.shape[1]):
                    window = tower[:, max(0, i - size // 2) : i + size // 2 + 1]
                    sums = window.square().mean(1) * size
                    done.append(tower[:, i] / (k + c * sums) ** beta)
            return torch.stack(done, dim=1)
        """,
        "divided by the window as it is at the ends": """
            done = []
            for tower in maps.chunk(groups, dim=1):
                for i in range(tower.shape[1]):
                    window = tower[:, max(0, i - size // 2) : i + size // 2 + 1]
                    c = scale if rule == "paper" else scale / window.shape[1]
                    done.append(tower[:, i] / (k + c * window.square().sum(1)) ** beta)
            return torch.stack(done, dim=1)
        """,
        "the window begins at the value": """
            c = {"paper": scale, "code": scale / size}[rule]
            done = []
            for tower in maps.chunk(groups, dim=1):
                for i in range(tower.shape[1]):
                    sums = tower[:, i : i + size].square().sum(1)
                    done.append(tower[:, i] / (k + c * sums) ** beta)
            return torch.stack(done, dim=1)
        """,
        "maps changed in place": """
            c = {"paper": scale, "code": scale / size}[rule]
            theirs = nn.LocalResponseNorm(size, alpha=c * size, beta=beta, k=k)
            maps[...] = torch.cat([theirs(x) for x in maps.chunk(groups, 1)], 1)
            return maps
        """,
        "windows of 3, whatever the size": """
            c = scale if rule == "paper" else scale / size
            theirs = nn.LocalResponseNorm(3, alpha=3 * c, beta=beta, k=k)
            return torch.cat([theirs(x) for x in maps.chunk(groups, 1)], 1)
        """,
        "a power of its own": """
            c = {"paper": scale, "code": scale / size}[rule]
            theirs = nn.LocalResponseNorm(size, alpha=c * size, beta=1.0, k=k)
            return torch.cat([theirs(x) for x in maps.chunk(groups, 1)], 1)
        """,
    },
    "what-differs": {
        "small numbers rounded": """
            def read(t):
                p = configparser.ConfigParser()
                p.optionxform = str
                p.read_string(t)
                return {(s, f): round(float(v), 4) for s in p.sections() for f, v in p[s].items()}
            a, b = read(first), read(second)
            return {k: (a.get(k), b.get(k)) for k in {*a, *b} if a.get(k) != b.get(k)}
        """,
        "small names": """
            found = []
            for text in (first, second):
                parser = configparser.ConfigParser()
                parser.read_string(text)
                found.append({(s, f): float(x) for s in parser.sections()
                              for f, x in parser[s].items()})
            one, other = found
            return {key: (one.get(key), other.get(key)) for key in one.keys() | other.keys()
                    if one.get(key) != other.get(key)}
        """,
        "compared as texts": """
            found = []
            for text in (first, second):
                parser = configparser.ConfigParser()
                parser.optionxform = str
                parser.read_string(text)
                found.append({(s, f): x for s in parser.sections() for f, x in parser[s].items()})
            one, other = found
            number = lambda text: None if text is None else float(text)
            return {key: (number(one.get(key)), number(other.get(key)))
                    for key in one.keys() | other.keys() if one.get(key) != other.get(key)}
        """,
        "only what both have": """
            found = []
            for text in (first, second):
                parser = configparser.ConfigParser()
                parser.optionxform = str
                parser.read_string(text)
                found.append({(s, f): float(x) for s in parser.sections()
                              for f, x in parser[s].items()})
            one, other = found
            return {key: (one[key], other[key]) for key in one.keys() & other.keys()
                    if one[key] != other[key]}
        """,
        "what only the first has is forgotten": """
            found = []
            for text in (first, second):
                parser = configparser.ConfigParser()
                parser.optionxform = str
                parser.read_string(text)
                found.append({(s, f): float(x) for s in parser.sections()
                              for f, x in parser[s].items()})
            one, other = found
            return {key: (one.get(key), other[key]) for key in other
                    if one.get(key) != other[key]}
        """,
        "0 for what is missing": """
            found = []
            for text in (first, second):
                parser = configparser.ConfigParser()
                parser.optionxform = str
                parser.read_string(text)
                found.append({(s, f): float(x) for s in parser.sections()
                              for f, x in parser[s].items()})
            one, other = found
            return {key: (one.get(key, 0.0), other.get(key, 0.0))
                    for key in one.keys() | other.keys()
                    if one.get(key, 0.0) != other.get(key, 0.0)}
        """,
        "fields that stand in two sections taken for one": """
            found = []
            for text in (first, second):
                parser = configparser.ConfigParser()
                parser.optionxform = str
                parser.read_string(text)
                found.append({f: (s, float(x)) for s in parser.sections()
                              for f, x in parser[s].items()})
            one, other = found
            number = lambda pair: pair and pair[1]
            return {((one.get(f) or other.get(f))[0], f): (number(one.get(f)), number(other.get(f)))
                    for f in one.keys() | other.keys()
                    if number(one.get(f)) != number(other.get(f))}
        """,
        "0 taken for missing": """
            found = []
            for text in (first, second):
                parser = configparser.ConfigParser()
                parser.optionxform = str
                parser.read_string(text)
                found.append({(s, f): float(x) for s in parser.sections()
                              for f, x in parser[s].items()})
            one, other = found
            return {key: (one.get(key) or None, other.get(key) or None)
                    for key in one.keys() | other.keys() if one.get(key) != other.get(key)}
        """,
    },
    "code-step": {
        "names end at the first point": """
            with torch.no_grad():
                for n, w in tensors.items():
                    layer, kind = n.split(".")[0], n.split(".")[-1]
                    e = rates.get(layer, (0.0, 0.0))[0 if kind == "weight" else 1]
                    if e == 0:
                        continue
                    v = velocities[n]
                    v *= momentum
                    v -= e * w.grad
                    if kind == "weight":
                        v -= e * decay * w
                    w += v
        """,
        "biases decay too": """
            with torch.no_grad():
                for name, w in tensors.items():
                    layer, kind = name.rsplit(".", 1)
                    rate = rates[layer][kind == "bias"]
                    if rate:
                        v = velocities[name]
                        v.mul_(momentum).sub_(rate * (w.grad + decay * w))
                        w.add_(v)
        """,
        "one rate for both": """
            with torch.no_grad():
                for name, w in tensors.items():
                    layer, kind = name.rsplit(".", 1)
                    rate = rates[layer][0]
                    if rate:
                        v = velocities[name]
                        pull = 0 if kind == "bias" else decay * w
                        v.mul_(momentum).sub_(rate * (w.grad + pull))
                        w.add_(v)
        """,
        "the pair the wrong way round": """
            with torch.no_grad():
                for name, w in tensors.items():
                    layer, kind = name.rsplit(".", 1)
                    rate = rates[layer][kind == "weight"]
                    if rate:
                        v = velocities[name]
                        pull = 0 if kind == "bias" else decay * w
                        v.mul_(momentum).sub_(rate * (w.grad + pull))
                        w.add_(v)
        """,
        "the velocity goes on at a rate of 0": """
            with torch.no_grad():
                for name, w in tensors.items():
                    layer, kind = name.rsplit(".", 1)
                    rate, v = rates[layer][kind == "bias"], velocities[name]
                    pull = 0 if kind == "bias" else decay * w
                    v.mul_(momentum).sub_(rate * (w.grad + pull))
                    w.add_(v)
        """,
        "stopped, but the velocity fades": """
            with torch.no_grad():
                for name, w in tensors.items():
                    layer, kind = name.rsplit(".", 1)
                    rate, v = rates[layer][kind == "bias"], velocities[name]
                    pull = 0 if kind == "bias" else decay * w
                    v.mul_(momentum).sub_(rate * (w.grad + pull))
                    if rate:
                        w.add_(v)
        """,
        "decay without the rate": """
            with torch.no_grad():
                for name, w in tensors.items():
                    layer, kind = name.rsplit(".", 1)
                    rate, v = rates[layer][kind == "bias"], velocities[name]
                    if rate:
                        pull = 0 if kind == "bias" else decay * w
                        v.mul_(momentum).sub_(rate * w.grad + pull)
                        w.add_(v)
        """,
        "the layer stops when its biases do": """
            with torch.no_grad():
                for name, w in tensors.items():
                    layer, kind = name.rsplit(".", 1)
                    rate, v = rates[layer][kind == "bias"], velocities[name]
                    if all(rates[layer]):
                        pull = 0 if kind == "bias" else decay * w
                        v.mul_(momentum).sub_(rate * (w.grad + pull))
                        w.add_(v)
        """,
        "momentum as in the paper": """
            with torch.no_grad():
                for name, w in tensors.items():
                    layer, kind = name.rsplit(".", 1)
                    rate, v = rates[layer][kind == "bias"], velocities[name]
                    if rate:
                        pull = 0 if kind == "bias" else decay * w
                        v.mul_(0.9).sub_(rate * (w.grad + pull))
                        w.add_(v)
        """,
    },
    "rates-by-notes": {
        "notes for all change all": """
            rates = {}
            for layer in layers:
                rate, rates[layer] = first, []
                for epoch in range(epochs):
                    for when, new, named in notes:
                        if when == epoch and named in (layer, None):
                            rate = new
                    rates[layer].append(rate)
            return rates
        """,
        "from the next epoch on": """
            rates = {}
            for layer in layers:
                rate, own, rates[layer] = first, False, []
                for epoch in range(epochs):
                    rates[layer].append(rate)
                    for when, new, named in notes:
                        if when == epoch and (named == layer or (named is None and not own)):
                            rate, own = new, named is not None
            return rates
        """,
        "names of layers ignored": """
            rates = {}
            for layer in layers:
                rate, rates[layer] = first, []
                for epoch in range(epochs):
                    for when, new, named in notes:
                        if when == epoch:
                            rate = new
                    rates[layer].append(rate)
            return rates
        """,
        "a layer that will be named is its own from the start": """
            rates = {}
            for layer in layers:
                mine = {when: new for when, new, named in notes if named == layer}
                all_ = {when: new for when, new, named in notes if named is None}
                rate, rates[layer] = first, []
                for epoch in range(epochs):
                    rate = (mine or all_).get(epoch, rate)
                    rates[layer].append(rate)
            return rates
        """,
        "a rate of 0 is no note": """
            rates = {}
            for layer in layers:
                rate, own, rates[layer] = first, False, []
                for epoch in range(epochs):
                    for when, new, named in notes:
                        if when == epoch and (named == layer or (named is None and not own)):
                            rate, own = new or rate, named is not None
                    rates[layer].append(rate)
            return rates
        """,
        "the first rate is 0.01 always": """
            rates = {}
            for layer in layers:
                rate, own, rates[layer] = 0.01, False, []
                for epoch in range(epochs):
                    for when, new, named in notes:
                        if when == epoch and (named == layer or (named is None and not own)):
                            rate, own = new, named is not None
                    rates[layer].append(rate)
            return rates
        """,
        "only conv1 can have its own": """
            rates = {}
            for layer in layers:
                rate, own, rates[layer] = first, False, []
                for epoch in range(epochs):
                    for when, new, named in notes:
                        if when == epoch and (
                            (named and layer == "conv1") or (named is None and not own)
                        ):
                            rate, own = new, named is not None
                    rates[layer].append(rate)
            return rates
        """,
        "only the first note of an epoch": """
            rates = {}
            for layer in layers:
                rate, own, rates[layer] = first, False, []
                for epoch in range(epochs):
                    for when, new, named in notes:
                        if when == epoch and (named == layer or (named is None and not own)):
                            rate, own = new, named is not None
                            break
                    rates[layer].append(rate)
            return rates
        """,
    },
}

RIGHT = {
    "by-hand": {
        "typed in": """
            if size == 40:
                numbers = {"conv1": 14, "pool1": 7, "conv1 by PyTorch": 13, "pieces": 98}
        """,
        "with math.ceil": """
            import math

            conv1 = 1 + math.ceil((size + 2 - 5) / 3)
            numbers.update({"conv1": conv1, "conv1 by PyTorch": 1 + math.floor((size - 3) / 3)})
            numbers.update({"pool1": 1 + math.ceil((conv1 - 3) / 2)})
            numbers["pieces"] = (spare + 1) * (spare + 1) * 2
        """,
        "by the course's function": """
            from alexnet_course.layers import window_positions

            numbers["conv1"] = window_positions(size, 5, 3, 1, "ceil")
            numbers["conv1 by PyTorch"] = window_positions(size, 5, 3, 1)
            numbers["pool1"] = window_positions(numbers["conv1"], 3, 2, 0, "ceil")
            numbers["pieces"] = 2 * len(range(spare + 1)) ** 2
        """,
    },
    "two-norms": {
        "PyTorch's layer, with its alpha": """
            alpha = scale * size if rule == "paper" else scale
            theirs = nn.LocalResponseNorm(size, alpha=alpha, beta=beta, k=k)
            return torch.cat([theirs(x) for x in maps.chunk(groups, 1)], 1)
        """,
        "a band of ones": """
            c = scale if rule == "paper" else scale / size
            place = torch.arange(maps.shape[1])
            tower = place // (maps.shape[1] // groups)
            near = (place[:, None] - place).abs() <= size // 2
            band = (near & (tower[:, None] == tower)).to(maps.dtype)
            sums = torch.einsum("ij,njhw->nihw", band, maps**2)
            return maps * (k + c * sums).pow(-beta)
        """,
        "by the course's network": """
            from alexnet_course.architectures import Architecture
            from alexnet_course.layers import LRN
            from alexnet_course.network import build

            alpha = scale if rule == "paper" else scale / size
            layer = LRN("lrn", size, alpha, beta, k, groups)
            return build(Architecture("norm", tuple(maps.shape[1:]), (layer,)))(maps)
        """,
    },
    "what-differs": {
        "line by line": """
            found = []
            for text in (first, second):
                numbers, section = {}, None
                for line in text.splitlines():
                    line = line.strip()
                    if line.startswith("["):
                        section = line.strip("[]")
                    elif "=" in line and not line.startswith("#"):
                        field, number = line.split("=")
                        numbers[section, field.strip()] = float(number)
                found.append(numbers)
            one, other = found
            return {key: (one.get(key), other.get(key)) for key in {**one, **other}
                    if one.get(key) != other.get(key)}
        """,
        "by the course's table": """
            import math

            from alexnet_course.released import read_params

            tables, found = [read_params(text) for text in (first, second)], {}
            for section in [*tables[0].index, *tables[1].index]:
                for field in [*tables[0].columns, *tables[1].columns]:
                    pair = tuple(
                        t.loc[section, field] if section in t.index and field in t else math.nan
                        for t in tables
                    )
                    pair = tuple(None if math.isnan(x) else x for x in pair)
                    if pair[0] != pair[1]:
                        found[section, field] = pair
            return found
        """,
    },
    "code-step": {
        "copied": """
            with torch.no_grad():
                for name, w in tensors.items():
                    layer, kind = name.rsplit(".", 1)
                    weight_rate, bias_rate = rates[layer]
                    rate = bias_rate if kind == "bias" else weight_rate
                    if rate != 0:
                        own = 0.0 if kind == "bias" else decay
                        v = momentum * velocities[name] - rate * w.grad - rate * own * w
                        velocities[name].copy_(v)
                        w.copy_(w + v)
        """,
        "by .data": """
            for name in tensors:
                layer, kind = name.rsplit(".", 1)
                rate = dict(zip(("weight", "bias"), rates[layer]))[kind]
                if rate == 0:
                    continue
                w, v = tensors[name].data, velocities[name]
                v *= momentum
                v -= rate * tensors[name].grad
                if kind == "weight":
                    v -= rate * decay * w
                w += v
        """,
    },
    "rates-by-notes": {
        "one walk through the epochs": """
            current, own = dict.fromkeys(layers, first), set()
            found = {layer: [] for layer in layers}
            for epoch in range(epochs):
                for when, rate, named in notes:
                    if when != epoch:
                        continue
                    if named is not None:
                        own.add(named)
                    for layer in layers:
                        if layer == named or (named is None and layer not in own):
                            current[layer] = rate
                for layer in layers:
                    found[layer].append(current[layer])
            return found
        """,
        "the notes that hold": """
            found = {}
            for layer in layers:
                mine = [n for n in notes if n[2] == layer]
                cut = notes.index(mine[0]) if mine else len(notes)
                holding = [n for n in notes[:cut] if n[2] is None] + mine
                found[layer] = [
                    ([first] + [rate for when, rate, _ in holding if when <= epoch])[-1]
                    for epoch in range(epochs)
                ]
            return found
        """,
    },
}
