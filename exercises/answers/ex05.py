"""Answers to ex05 that students give: each takes the place of the solution in its cell."""

WRONG = {
    "hand-gradients": {
        "tanh's slope missing": """
            at_t = -0.4 * 0.16 * 5
            gradients.update(u=-0.0384, v1=at_t * (x1 + 2), v2=0, w1=at_t * 2 * x1, w2=0)
            gradients["x1"] = at_t * (2 - 6)
        """,
        "0.6 taken for what tanh gets": """
            z = -0.4 * 0.16 * 5 * (1 - math.tanh(0.6) ** 2)
            gradients.update(u=-0.0384, v1=z * (x1 + 2), v2=0, w1=z * 2 * x1, w2=0, x1=z * (2 - 6))
        """,
        "0.8 taken for what the sigmoid gets": """
            s = 1 / (1 + math.exp(-0.8))
            at_z = -0.4 * s * (1 - s)
            z = at_z * 5 * 0.64
            gradients.update(u=at_z * 0.6, v1=z * (x1 + 2), v2=0, w1=z * 2 * x1, w2=0, x1=z * -4)
        """,
        "the unit at 0 treated like the others": """
            z = -0.2048
            gradients.update(u=-0.0384, v1=z * (x1 + 2), v2=z * (-2 * x1 - 1))
            gradients.update(w1=z * 2 * x1, w2=z * 5 * x1, x1=z * (2 - 10 - 6))
        """,
        "slope of the unit at 0 taken as 1": """
            z = -0.2048
            gradients.update(u=-0.0384, v1=z * (x1 + 2), v2=0, w1=z * 2 * x1, w2=z * 5 * x1)
            gradients["x1"] = z * (2 - 10 - 6)
        """,
        "x1 through h1 only": """
            z = -0.2048
            gradients.update(u=-0.0384, v1=z * (x1 + 2), v2=0, w1=z * 2 * x1, w2=0, x1=z * 2)
        """,
        "x1 without the weights of the first layer": """
            z = -0.2048
            gradients.update(u=-0.0384, v1=z * (x1 + 2), v2=0, w1=z * 2 * x1, w2=0, x1=z * (2 - 3))
        """,
        "the loss's factor of 2 missing": """
            z = -0.1024
            gradients.update(u=-0.0192, v1=z * (x1 + 2), v2=0, w1=z * 2 * x1, w2=0, x1=z * -4)
        """,
        "wrong sign": """
            z = 0.2048
            gradients.update(u=0.0384, v1=z * (x1 + 2), v2=0, w1=z * 2 * x1, w2=0, x1=z * -4)
        """,
        "weights in place of what they multiply": """
            z = -0.2048
            gradients.update(u=-0.064 * 5, v1=z * 2, v2=z * 5, w1=z * 2, w2=0, x1=z * -4)
        """,
        "u goes through tanh's slope": """
            z = -0.2048
            gradients.update(u=-0.0384 * 0.64, v1=z * (x1 + 2), v2=0, w1=z * 2 * x1, w2=0, x1=-4 * z)
        """,
        "constant of h1 forgotten": """
            z = -0.2048
            gradients.update(u=-0.0384, v1=z * (x1 + 6), v2=0, w1=z * 2 * x1, w2=0, x1=-4 * z)
        """,
        "nothing for what is 0": """
            z = -0.2048
            gradients.update(u=-0.0384, v1=z * (x1 + 2), w1=z * 2 * x1, x1=-4 * z)
        """,
    },
    "times-sooner": {
        "whole epochs": """
            if start <= target:
                raise ValueError("reached at once")
            a = next((i for i, e in enumerate(slow, 1) if e <= target), None)
            b = next((i for i, e in enumerate(fast, 1) if e <= target), None)
            low = (a or len(slow)) / b if b else 0
            return low, (a / (b or len(fast)) if a else math.inf)
        """,
        "the first epoch is epoch 0": """
            def need(errors):
                for i in range(1, len(errors)):
                    if errors[i] <= target:
                        return i - 1 + (errors[i - 1] - target) / (errors[i - 1] - errors[i])
            a, b = need(slow), need(fast)
            return (a or len(slow)) / b, (a / b if a else math.inf)
        """,
        "start always 90": """
            if start <= target:
                raise ValueError("reached at once")
            def need(errors):
                line = [90.0, *errors]
                for i, e in enumerate(errors, 1):
                    if e <= target:
                        return i - 1 + (line[i - 1] - target) / (line[i - 1] - e)
            a, b = need(slow), need(fast)
            low = (a or len(slow)) / b if b else 0
            return low, (a / (b or len(fast)) if a else math.inf)
        """,
        "whole first epoch if the target is reached in it": """
            if start <= target:
                raise ValueError("reached at once")
            def need(errors):
                if errors[0] <= target:
                    return 1.0
                for i in range(1, len(errors)):
                    if errors[i] <= target:
                        return i + (errors[i - 1] - target) / (errors[i - 1] - errors[i])
            a, b = need(slow), need(fast)
            low = (a or len(slow)) / b if b else 0
            return low, (a / (b or len(fast)) if a else math.inf)
        """,
        "the last time it comes down": """
            if start <= target:
                raise ValueError("reached at once")
            def need(errors):
                line, found = [start, *errors], None
                for i in range(1, len(line)):
                    if line[i] <= target < line[i - 1]:
                        found = i - 1 + (line[i - 1] - target) / (line[i - 1] - line[i])
                return found
            a, b = need(slow), need(fast)
            low = (a or len(slow)) / b if b else 0
            return low, (a / (b or len(fast)) if a else math.inf)
        """,
        "below, not at": """
            if start <= target:
                raise ValueError("reached at once")
            def need(errors):
                line = [start, *errors]
                for i in range(1, len(line)):
                    if line[i] < target:
                        return i - 1 + (line[i - 1] - target) / (line[i - 1] - line[i])
            a, b = need(slow), need(fast)
            low = (a or len(slow)) / b if b else 0
            return low, (a / (b or len(fast)) if a else math.inf)
        """,
        "np.interp on errors as if they always fell": """
            import numpy as np

            if start <= target:
                raise ValueError("reached at once")
            def need(errors):
                if min(errors) > target:
                    return None
                line = [start, *errors]
                return float(np.interp(target, line[::-1], range(len(errors), -1, -1)))
            a, b = need(slow), need(fast)
            low = (a or len(slow)) / b if b else 0
            return low, (a / (b or len(fast)) if a else math.inf)
        """,
        "never is infinitely long": """
            if start <= target:
                raise ValueError("reached at once")
            def need(errors):
                line = [start, *errors]
                for i in range(1, len(line)):
                    if line[i] <= target:
                        return i - 1 + (line[i - 1] - target) / (line[i - 1] - line[i])
                return math.inf
            return need(slow) / need(fast), need(slow) / need(fast)
        """,
        "nothing known if the fast one never gets there": """
            if start <= target:
                raise ValueError("reached at once")
            def need(errors):
                line = [start, *errors]
                for i in range(1, len(line)):
                    if line[i] <= target:
                        return i - 1 + (line[i - 1] - target) / (line[i - 1] - line[i])
            a, b = need(slow), need(fast)
            if b is None:
                return 0, math.inf
            return (a / b, a / b) if a else (len(slow) / b, math.inf)
        """,
        "length over length if neither gets there": """
            if start <= target:
                raise ValueError("reached at once")
            def need(errors):
                line = [start, *errors]
                for i in range(1, len(line)):
                    if line[i] <= target:
                        return i - 1 + (line[i - 1] - target) / (line[i - 1] - line[i])
            a, b = need(slow), need(fast)
            low = (a or len(slow)) / (b or len(fast)) if a is None else (a / b if b else 0)
            return low, (a / (b or len(fast)) if a else math.inf)
        """,
        "no error if there is nothing to learn": """
            def need(errors):
                line = [start, *errors]
                for i in range(len(line)):
                    if line[i] <= target:
                        return i - 1 + (line[i - 1] - target) / (line[i - 1] - line[i]) if i else 0
            a, b = need(slow), need(fast)
            low = (a or len(slow)) / b if b else 0
            return low, (a / (b or len(fast)) if a else math.inf)
        """,
        "upside down": """
            if start <= target:
                raise ValueError("reached at once")
            def need(errors):
                line = [start, *errors]
                for i in range(1, len(line)):
                    if line[i] <= target:
                        return i - 1 + (line[i - 1] - target) / (line[i - 1] - line[i])
            a, b = need(slow), need(fast)
            return (b / a, b / a) if a and b else (0, math.inf)
        """,
        "hard-coded": """
            ratio = 4.625 / (11 / 6)
            return (ratio, ratio) if len(slow) == 5 else (len(slow) / (11 / 6), math.inf)
        """,
    },
    "flat-and-stuck": {
        "a tenth for the sigmoid, whatever its largest slope": """
            rules = {
                "sigmoid": lambda y: y * (1 - y) < 0.1, "tanh": lambda y: 1 - y**2 < 0.1,
                "relu": lambda y: y == 0,
            }
            if activation not in rules:
                raise ValueError(activation)
            flat = rules[activation](torch.cat(list(batches))).transpose(0, 1).flatten(1)
            return 100 * flat.float().mean().item(), 100 * flat.all(1).float().mean().item()
        """,
        "the sigmoid at its upper end only": """
            if activation not in ("sigmoid", "tanh", "relu"):
                raise ValueError(activation)
            y = torch.cat(list(batches)).transpose(0, 1).flatten(1)
            flat = {"sigmoid": y > 0.974, "tanh": y.abs() > 0.9487, "relu": y == 0}[activation]
            return 100 * flat.float().mean().item(), 100 * flat.all(1).float().mean().item()
        """,
        "any other name is ReLU": """
            y = torch.cat(list(batches)).transpose(0, 1).flatten(1)
            flat = y <= 0
            if activation == "sigmoid":
                flat = y * (1 - y) < 0.025
            elif activation == "tanh":
                flat = 1 - y * y < 0.1
            return 100 * flat.float().mean().item(), 100 * flat.all(1).float().mean().item()
        """,
        "gone through twice": """
            slopes = {
                "sigmoid": lambda y: 4 * y * (1 - y), "tanh": lambda y: 1 - y**2,
                "relu": lambda y: (y > 0).float(),
            }
            if activation not in slopes:
                raise ValueError(activation)
            values = torch.cat([y.flatten() for y in batches])
            share = (slopes[activation](values) < 0.1).float().mean().item()
            units = None
            for y in batches:
                flat = (slopes[activation](y) < 0.1).transpose(0, 1).flatten(1).all(1)
                units = flat if units is None else units & flat
            stuck = 0.0 if units is None else units.float().mean().item()
            return 100 * share, 100 * stuck
        """,
        "outputs changed on the way": """
            if activation not in ("sigmoid", "tanh", "relu"):
                raise ValueError(activation)
            rows = []
            for y in batches:
                if activation == "sigmoid":
                    y.mul_(1 - y).mul_(4)
                elif activation == "tanh":
                    y.square_().neg_().add_(1)
                rows.append((y < 0.1 if activation != "relu" else y <= 0).transpose(0, 1).flatten(1))
            flat = torch.cat(rows, 1)
            return 100 * flat.float().mean().item(), 100 * flat.all(1).float().mean().item()
        """,
        "small values of ReLU are flat": """
            if activation not in ("sigmoid", "tanh", "relu"):
                raise ValueError(activation)
            y = torch.cat(list(batches)).transpose(0, 1).flatten(1)
            flat = {
                "sigmoid": y * (1 - y) < 0.025, "tanh": 1 - y**2 < 0.1, "relu": y < 0.1
            }[activation]
            return 100 * flat.float().mean().item(), 100 * flat.all(1).float().mean().item()
        """,
        "shares averaged over batches": """
            rules = {
                "sigmoid": lambda y: y * (1 - y) < 0.025, "tanh": lambda y: 1 - y**2 < 0.1,
                "relu": lambda y: y <= 0,
            }
            if activation not in rules:
                raise ValueError(activation)
            flats = [rules[activation](y).transpose(0, 1).flatten(1) for y in batches]
            n = len(flats)
            return (
                100 * sum(f.float().mean().item() for f in flats) / n,
                100 * sum(f.all(1).float().mean().item() for f in flats) / n,
            )
        """,
        "a unit for each position": """
            rules = {
                "sigmoid": lambda y: y * (1 - y) < 0.025, "tanh": lambda y: 1 - y**2 < 0.1,
                "relu": lambda y: y <= 0,
            }
            if activation not in rules:
                raise ValueError(activation)
            flat = rules[activation](torch.cat(list(batches))).flatten(1)
            return 100 * flat.float().mean().item(), 100 * flat.all(0).float().mean().item()
        """,
        "images in place of units": """
            rules = {
                "sigmoid": lambda y: y * (1 - y) < 0.025, "tanh": lambda y: 1 - y**2 < 0.1,
                "relu": lambda y: y <= 0,
            }
            if activation not in rules:
                raise ValueError(activation)
            flat = rules[activation](torch.cat(list(batches))).flatten(1)
            return 100 * flat.float().mean().item(), 100 * flat.all(1).float().mean().item()
        """,
        "outputs taken for inputs": """
            functions = {"sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu}
            if activation not in functions:
                raise ValueError(activation)
            z = torch.cat(list(batches)).requires_grad_()
            (slope,) = torch.autograd.grad(functions[activation](z).sum(), z)
            limit = 0.025 if activation == "sigmoid" else 0.1
            flat = (slope < limit).transpose(0, 1).flatten(1)
            return 100 * flat.float().mean().item(), 100 * flat.all(1).float().mean().item()
        """,
        "tanh within a tenth of its ends": """
            if activation not in ("sigmoid", "tanh", "relu"):
                raise ValueError(activation)
            y = torch.cat(list(batches)).transpose(0, 1).flatten(1)
            flat = {
                "sigmoid": (y < 0.1) | (y > 0.9), "tanh": y.abs() > 0.9, "relu": y <= 0
            }[activation]
            return 100 * flat.float().mean().item(), 100 * flat.all(1).float().mean().item()
        """,
        "hard-coded": """
            return (50.0, 100 / 3) if activation == "tanh" else (100 * 19 / 24, 100 / 3)
        """,
    },
    "tanh-twin": {
        "halved in between as well": """
            twin = copy.deepcopy(network)
            first = True
            with torch.no_grad():
                for i, m in enumerate(twin):
                    if isinstance(m, nn.Sigmoid):
                        twin[i] = nn.Tanh()
                    elif isinstance(m, (nn.Linear, nn.Conv2d)):
                        if not first:
                            m.bias += m.weight.flatten(1).sum(1) / 2
                        if len(network) > 1:
                            m.weight /= 2
                        if i < len(network) - 1:
                            m.bias /= 2
                        first = False
            return twin
        """,
        "biases in between not halved": """
            twin = copy.deepcopy(network)
            learned = [m for m in twin if isinstance(m, (nn.Linear, nn.Conv2d))]
            with torch.no_grad():
                for n, m in enumerate(learned):
                    if n == 0 and len(learned) > 1:
                        m.weight /= 2
                        m.bias /= 2
                    elif n:
                        m.bias += m.weight.flatten(1).sum(1) / 2
                        m.weight /= 2 if n == len(learned) - 1 else 4
            for i, m in enumerate(network):
                if isinstance(m, nn.Sigmoid):
                    twin[i] = nn.Tanh()
            return twin
        """,
        "fully connected layers only": """
            twin = copy.deepcopy(network)
            learned = [m for m in twin if isinstance(m, nn.Linear)]
            with torch.no_grad():
                for n, m in enumerate(learned):
                    if n:
                        m.bias += m.weight.sum(1) / 2
                        m.weight /= 2
                    if n < len(learned) - 1:
                        m.weight /= 2
                        m.bias /= 2
            for i, m in enumerate(network):
                if isinstance(m, nn.Sigmoid):
                    twin[i] = nn.Tanh()
            return twin
        """,
        "the given network is changed": """
            learned = [m for m in network if isinstance(m, (nn.Linear, nn.Conv2d))]
            with torch.no_grad():
                for n, m in enumerate(learned):
                    if n:
                        m.bias += m.weight.flatten(1).sum(1) / 2
                        m.weight /= 2
                    if n < len(learned) - 1:
                        m.weight /= 2
                        m.bias /= 2
            for i, m in enumerate(network):
                if isinstance(m, nn.Sigmoid):
                    network[i] = nn.Tanh()
            return network
        """,
        "a new sequence of the old layers": """
            twin = nn.Sequential(*[nn.Tanh() if isinstance(m, nn.Sigmoid) else m for m in network])
            learned = [m for m in twin if isinstance(m, (nn.Linear, nn.Conv2d))]
            with torch.no_grad():
                for n, m in enumerate(learned):
                    if n:
                        m.bias += m.weight.flatten(1).sum(1) / 2
                        m.weight /= 2
                    if n < len(learned) - 1:
                        m.weight /= 2
                        m.bias /= 2
            return twin
        """,
        "only the module right after a layer is looked at": """
            twin = copy.deepcopy(network)
            modules = list(twin)
            with torch.no_grad():
                for i, m in enumerate(modules):
                    if isinstance(m, (nn.Linear, nn.Conv2d)):
                        if i and isinstance(network[i - 1], nn.Sigmoid):
                            m.bias += m.weight.flatten(1).sum(1) / 2
                            m.weight /= 2
                        if i + 1 < len(modules) and isinstance(network[i + 1], nn.Sigmoid):
                            m.weight /= 2
                            m.bias /= 2
                    elif isinstance(m, nn.Sigmoid):
                        twin[i] = nn.Tanh()
            return twin
        """,
        "not trainable": """
            twin = copy.deepcopy(network).requires_grad_(False)
            learned = [m for m in twin if isinstance(m, (nn.Linear, nn.Conv2d))]
            for n, m in enumerate(learned):
                if n:
                    m.bias += m.weight.flatten(1).sum(1) / 2
                    m.weight /= 2
                if n < len(learned) - 1:
                    m.weight /= 2
                    m.bias /= 2
            for i, m in enumerate(network):
                if isinstance(m, nn.Sigmoid):
                    twin[i] = nn.Tanh()
            return twin
        """,
        "a single layer halved too": """
            twin = copy.deepcopy(network)
            learned = [m for m in twin if isinstance(m, (nn.Linear, nn.Conv2d))]
            with torch.no_grad():
                for n, m in enumerate(learned):
                    if n:
                        m.bias += m.weight.flatten(1).sum(1) / 2
                        m.weight /= 2
                    if n == 0 or n < len(learned) - 1:
                        m.weight /= 2
                        m.bias /= 2
            for i, m in enumerate(network):
                if isinstance(m, nn.Sigmoid):
                    twin[i] = nn.Tanh()
            return twin
        """,
        "sums after the weights were halved": """
            twin = copy.deepcopy(network)
            learned = [m for m in twin if isinstance(m, (nn.Linear, nn.Conv2d))]
            with torch.no_grad():
                for n, m in enumerate(learned):
                    if n:
                        m.weight /= 2
                        m.bias += m.weight.flatten(1).sum(1) / 2
                    if n < len(learned) - 1:
                        m.weight /= 2
                        m.bias /= 2
            for i, m in enumerate(network):
                if isinstance(m, nn.Sigmoid):
                    twin[i] = nn.Tanh()
            return twin
        """,
        "summed over the outputs": """
            twin = copy.deepcopy(network)
            learned = [m for m in twin if isinstance(m, (nn.Linear, nn.Conv2d))]
            with torch.no_grad():
                for n, m in enumerate(learned):
                    if n:
                        m.bias += m.weight.sum(0).flatten()[: m.bias.numel()] / 2
                        m.weight /= 2
                    if n < len(learned) - 1:
                        m.weight /= 2
                        m.bias /= 2
            for i, m in enumerate(network):
                if isinstance(m, nn.Sigmoid):
                    twin[i] = nn.Tanh()
            return twin
        """,
        "biases of the next layers left alone": """
            twin = copy.deepcopy(network)
            learned = [m for m in twin if isinstance(m, (nn.Linear, nn.Conv2d))]
            with torch.no_grad():
                for n, m in enumerate(learned):
                    if n:
                        m.weight /= 2
                    if n < len(learned) - 1:
                        m.weight /= 2
                        m.bias /= 2
            for i, m in enumerate(network):
                if isinstance(m, nn.Sigmoid):
                    twin[i] = nn.Tanh()
            return twin
        """,
        "only the activation replaced": """
            twin = copy.deepcopy(network)
            for i, m in enumerate(network):
                if isinstance(m, nn.Sigmoid):
                    twin[i] = nn.Tanh()
            return twin
        """,
    },
}

RIGHT = {
    "hand-gradients": {
        "typed in": """
            if x1 == 3:
                gradients = {
                    "u": -0.0384, "v1": -1.024, "v2": 0, "w1": -1.2288, "w2": 0, "x1": 0.8192
                }
        """,
        "by PyTorch": """
            u, x = torch.tensor(5.0).double(), torch.tensor([x1, x2]).double()
            v = torch.tensor([2.0, 5.0, -3.0]).double()
            w = torch.tensor([[1.0, 3.0], [-2.0, -1.0], [2.0, -1.0]]).double()
            for one in (u, v, w, x):
                one.requires_grad_()
            z = v @ torch.relu(w @ x + torch.tensor([-4.0, 1.0, -1.0]))
            t = torch.tanh(z - z.item() + math.log(2))
            y = torch.sigmoid(u * t + math.log(4) - 3)
            ((1 - y) ** 2).backward()
            gradients.update(u=u.grad, v1=v.grad[0], v2=v.grad[1], w1=w.grad[0, 0])
            gradients.update(w2=w.grad[1, 0], x1=x.grad[0])
        """,
        "zeros with a sign, NumPy's numbers": """
            import numpy as np

            z = np.float64(-2 * 0.2 * 0.8 * 0.2) * 5 * 0.64
            gradients.update(u=np.float64(-0.0384), v1=z * (x1 + 2), v2=-0.0, w1=2 * x1 * z)
            gradients.update(w2=z * 5 * 0 * x1, x1=2 * z * 1 - 3 * z * 2)
        """,
    },
    "times-sooner": {
        "neighbours in pairs": """
            if not start > target:
                raise ValueError("nothing to learn")
            found = []
            for errors in (slow, fast):
                line = [start] + list(errors)
                crossings = [
                    i + (a - target) / (a - b)
                    for i, (a, b) in enumerate(zip(line, line[1:])) if a > target >= b
                ]
                found.append(crossings[0] if crossings else None)
            a, b = found
            if a is not None and b is not None:
                return [a / b, a / b]
            if a is not None:
                return [0, a / len(fast)]
            if b is not None:
                return [len(slow) / b, math.inf]
            return [0, math.inf]
        """,
        "np.interp between two epochs": """
            import numpy as np

            if start <= target:
                raise ValueError("nothing to learn")

            def need(errors):
                line = np.array([start, *errors])
                if not (line <= target).any():
                    return None
                after = int(np.argmax(line <= target))
                two = [line[after], line[after - 1]]
                return np.interp(target, two, [after, after - 1])

            a, b = need(slow), need(fast)
            low = 0.0 if b is None else (len(slow) if a is None else a) / b
            high = float("inf") if a is None else a / (len(fast) if b is None else b)
            return low, high
        """,
        "counted from the epoch reached, backwards": """
            if target >= start:
                raise ValueError("nothing to learn")

            def need(errors):
                n = 0
                while n < len(errors) and errors[n] > target:
                    n += 1
                if n == len(errors):
                    return n, float("inf")
                before = errors[n - 1] if n else start
                at = n + 1 - (target - errors[n]) / (before - errors[n])
                return at, at

            a, b = need(slow), need(fast)
            return a[0] / b[1], a[1] / b[0]
        """,
    },
    "flat-and-stuck": {
        "all images at once": """
            if activation == "sigmoid":
                slope = lambda y: 4 * y * (1 - y)
            elif activation == "tanh":
                slope = lambda y: (1 - y) * (1 + y)
            elif activation == "relu":
                slope = lambda y: (y > 0).float()
            else:
                raise ValueError(f"no such activation: {activation}")
            flat = slope(torch.cat([*batches])) < 0.1
            stuck = [flat[:, unit].all() for unit in range(flat.shape[1])]
            return flat.double().mean() * 100, sum(stuck) / len(stuck) * 100
        """,
        "by the outputs at which it becomes flat": """
            low, high = {
                "sigmoid": (0.5 - math.sqrt(0.225), 0.5 + math.sqrt(0.225)),
                "tanh": (-math.sqrt(0.9), math.sqrt(0.9)),
                "relu": (0.0, math.inf),
            }.get(activation, (None, None))
            if low is None:
                raise ValueError(activation)
            flat, total, alive = 0, 0, 0
            for y in batches:
                steep = (y > low) & (y < high)
                flat += (~steep).sum()
                total += y.numel()
                alive = alive + steep.sum(dim=[d for d in range(y.dim()) if d != 1])
            return [100 * flat / total, 100 * (alive == 0).sum() / len(alive)]
        """,
        "by NumPy": """
            import numpy as np

            if activation not in ("sigmoid", "tanh", "relu"):
                raise ValueError(activation)
            y = np.concatenate([one.numpy() for one in batches])
            if activation == "sigmoid":
                flat = y - y * y < 0.025
            elif activation == "tanh":
                flat = y * y > 0.9
            else:
                flat = y == 0
            stuck = np.moveaxis(flat, 1, 0).reshape(flat.shape[1], -1).all(axis=1)
            return 100 * flat.mean(), 100 * stuck.mean()
        """,
    },
    "tanh-twin": {
        "rebuilt with the chapter's factors": """
            twin = copy.deepcopy(network)
            for i, m in enumerate(network):
                if isinstance(m, nn.Sigmoid):
                    twin[i] = nn.Tanh()
            learned = [m for m in twin if hasattr(m, "weight")]
            last = len(learned) - 1
            for n, m in enumerate(learned):
                w, b = m.weight.data.clone(), m.bias.data.clone()
                if n > 0:
                    b = b + w.sum(tuple(range(1, w.dim()))) / 2
                into, out = (1 if n == 0 else 2), (1 if n == last else 2)
                m.weight.data = w / (into * out)
                m.bias.data = b / out
            return twin
        """,
        "from the last layer to the first": """
            modules, halve = [], False
            for m in reversed(list(network)):
                m = copy.deepcopy(m)
                if isinstance(m, nn.Sigmoid):
                    m, halve = nn.Tanh(), True
                elif isinstance(m, (nn.Linear, nn.Conv2d)):
                    w, b = m.weight.detach(), m.bias.detach()
                    if halve:
                        w, b = w / 2, b / 2
                    m.weight, m.bias = nn.Parameter(w.clone()), nn.Parameter(b.clone())
                    halve = False
                modules.insert(0, m)
            behind = False
            for m in modules:
                if isinstance(m, nn.Tanh):
                    behind = True
                elif behind and isinstance(m, (nn.Linear, nn.Conv2d)):
                    m.bias.data += m.weight.data.reshape(m.weight.shape[0], -1).sum(1) * 0.5
                    m.weight.data *= 0.5
            return nn.Sequential(*modules)
        """,
        "the bias by what the layer makes of ones": """
            twin = copy.deepcopy(network)
            layers = [i for i, m in enumerate(network) if isinstance(m, (nn.Linear, nn.Conv2d))]
            with torch.no_grad():
                for i in layers:
                    m = twin[i]
                    if i != layers[0]:
                        if isinstance(m, nn.Linear):
                            ones = torch.ones(1, m.in_features, dtype=m.weight.dtype)
                        else:
                            ones = torch.ones(1, m.in_channels, *m.kernel_size, dtype=m.weight.dtype)
                        m.bias.copy_((m(ones).flatten() + m.bias) / 2)
                        m.weight.mul_(0.5)
                    if i != layers[-1]:
                        m.weight.mul_(0.5)
                        m.bias.mul_(0.5)
                for i, m in enumerate(network):
                    if isinstance(m, nn.Sigmoid):
                        twin[i] = nn.Tanh()
            return twin
        """,
    },
}
