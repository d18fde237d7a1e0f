"""Answers to ex08 that students give: each takes the place of the solution in its cell."""

WRONG = {
    "hand-masks": {
        "the bias is dropped, too": """
            total = 9 + fourth
            squares = 36 + 16 + 4 + fourth**2
            results["2012 mean"], results["today mean"] = 0.8 * total, total
            results["2012 variance"], results["today variance"] = 0.16 * squares, 0.25 * squares
            results["one pass"] = odds**0.5 / (odds**0.5 + 1)
            results["mean of both"] = (odds / (odds + 1) + 0.5) / 2
        """,
        "0.2 as the probability of keeping": """
            squares = 36 + 16 + 4 + fourth**2
            results["2012 mean"], results["today mean"] = 0.2 * (4 + fourth) + 5, 9 + fourth
            results["2012 variance"], results["today variance"] = 0.16 * squares, 4 * squares
            results["one pass"] = odds**0.5 / (odds**0.5 + 1)
            results["mean of both"] = (odds / (odds + 1) + 0.5) / 2
        """,
        "the square of the sum": """
            square = (4 + fourth) ** 2
            results["2012 mean"], results["today mean"] = 0.8 * (4 + fourth) + 5, 9 + fourth
            results["2012 variance"], results["today variance"] = 0.16 * square, 0.25 * square
            results["one pass"] = odds**0.5 / (odds**0.5 + 1)
            results["mean of both"] = (odds / (odds + 1) + 0.5) / 2
        """,
        "the sign of a weight overlooked": """
            total, squares = 12 + fourth, 56 + fourth**2
            results["2012 mean"], results["today mean"] = 0.8 * total + 5, total + 5
            results["2012 variance"], results["today variance"] = 0.16 * squares, 0.25 * squares
            results["one pass"] = odds**0.5 / (odds**0.5 + 1)
            results["mean of both"] = (odds / (odds + 1) + 0.5) / 2
        """,
        "the weights left out of the variance": """
            squares = 9 + 1 + 4 + fourth**2
            results["2012 mean"], results["today mean"] = 0.8 * (4 + fourth) + 5, 9 + fourth
            results["2012 variance"], results["today variance"] = 0.16 * squares, 0.25 * squares
            results["one pass"] = odds**0.5 / (odds**0.5 + 1)
            results["mean of both"] = (odds / (odds + 1) + 0.5) / 2
        """,
        "the variance scaled once": """
            squares = 56 + fourth**2
            results["2012 mean"], results["today mean"] = 0.8 * (4 + fourth) + 5, 9 + fourth
            results["2012 variance"], results["today variance"] = 0.16 * squares, 0.2 * squares
            results["one pass"] = odds**0.5 / (odds**0.5 + 1)
            results["mean of both"] = (odds / (odds + 1) + 0.5) / 2
        """,
        "mean squares for variances": """
            squares = 56 + fourth**2
            results["2012 mean"], results["today mean"] = 0.8 * (4 + fourth) + 5, 9 + fourth
            results["2012 variance"], results["today variance"] = 0.8 * squares, 1.25 * squares
            results["one pass"] = odds**0.5 / (odds**0.5 + 1)
            results["mean of both"] = (odds / (odds + 1) + 0.5) / 2
        """,
        "deviations for variances": """
            deviation = (56 + fourth**2) ** 0.5
            results["2012 mean"], results["today mean"] = 0.8 * (4 + fourth) + 5, 9 + fourth
            results["2012 variance"], results["today variance"] = 0.4 * deviation, 0.5 * deviation
            results["one pass"] = odds**0.5 / (odds**0.5 + 1)
            results["mean of both"] = (odds / (odds + 1) + 0.5) / 2
        """,
        "the odds halved in one pass": """
            squares = 56 + fourth**2
            results["2012 mean"], results["today mean"] = 0.8 * (4 + fourth) + 5, 9 + fourth
            results["2012 variance"], results["today variance"] = 0.16 * squares, 0.25 * squares
            results["one pass"] = (odds / 2 + 0.5) / (odds / 2 + 1.5)
            results["mean of both"] = (odds / (odds + 1) + 0.5) / 2
        """,
        "geometric mean of the probabilities, not scaled to add up to 1": """
            squares = 56 + fourth**2
            results["2012 mean"], results["today mean"] = 0.8 * (4 + fourth) + 5, 9 + fourth
            results["2012 variance"], results["today variance"] = 0.16 * squares, 0.25 * squares
            results["one pass"] = (odds / (odds + 1) / 2) ** 0.5
            results["mean of both"] = (odds / (odds + 1) + 0.5) / 2
        """,
    },
    "repaired-layer": {
        "the colleague's": """
            mask = torch.rand(x.shape[1:], generator=self.generator) < self.p
            return x * mask / self.p
        """,
        "p kept right, the rest as it was": """
            mask = torch.rand(x.shape[1:], generator=self.generator) >= self.p
            return x * mask / (1 - self.p)
        """,
        "goes on in evaluation mode": """
            if self.p == 1:
                return torch.zeros_like(x)
            mask = torch.rand(x.shape, generator=self.generator) >= self.p
            return x * mask / (1 - self.p)
        """,
        "one mask for the batch": """
            if not self.training:
                return x
            if self.p == 1:
                return torch.zeros_like(x)
            mask = torch.rand(x.shape[1:], generator=self.generator) >= self.p
            return x * mask / (1 - self.p)
        """,
        "keeps with p": """
            if not self.training:
                return x
            mask = torch.rand(x.shape, generator=self.generator) < self.p
            return x * mask / self.p if self.p > 0 else torch.zeros_like(x)
        """,
        "nothing is left of p = 1": """
            if not self.training:
                return x
            mask = torch.rand(x.shape, generator=self.generator) >= self.p
            return x * mask / (1 - self.p)
        """,
        "from everybody's generator": """
            if not self.training:
                return x
            if self.p == 1:
                return torch.zeros_like(x)
            mask = torch.rand_like(x) >= self.p
            return x * mask / (1 - self.p)
        """,
        "PyTorch's own": """
            return nn.functional.dropout(x, self.p, self.training)
        """,
        "always the same number of values": """
            if not self.training:
                return x
            if self.p == 1:
                return torch.zeros_like(x)
            order = torch.randperm(x.numel(), generator=self.generator).reshape(x.shape)
            return x * (order >= self.p * x.numel()) / (1 - self.p)
        """,
        "changes its input": """
            if not self.training:
                return x
            mask = torch.rand(x.shape, generator=self.generator) >= self.p
            with torch.no_grad():
                x *= mask
                if self.p < 1:
                    x /= 1 - self.p
            return x
        """,
        "the same mask in every call": """
            if not self.training:
                return x
            if self.p == 1:
                return torch.zeros_like(x)
            generator = torch.Generator().manual_seed(self.generator.initial_seed())
            mask = torch.rand(x.shape, generator=generator) >= self.p
            return x * mask / (1 - self.p)
        """,
        "2012's way": """
            if not self.training:
                return x * (1 - self.p)
            return x * (torch.rand(x.shape, generator=self.generator) >= self.p)
        """,
        "whole maps": """
            if not self.training:
                return x
            if self.p == 1:
                return torch.zeros_like(x)
            shape = [*x.shape[:2], *[1] * (x.dim() - 2)]
            mask = torch.rand(shape, generator=self.generator) >= self.p
            return x * mask / (1 - self.p)
        """,
        "the same mask for all maps of an image": """
            if not self.training:
                return x
            if self.p == 1:
                return torch.zeros_like(x)
            shape = [len(x), 1, *x.shape[2:]] if x.dim() > 2 else x.shape
            mask = torch.rand(shape, generator=self.generator) >= self.p
            return x * mask / (1 - self.p)
        """,
        "scaled by the share that is left": """
            if not self.training:
                return x
            mask = torch.rand(x.shape, generator=self.generator) >= self.p
            return x * mask / mask.double().mean().clamp(min=1e-9)
        """,
        "gradients for the dropped ones": """
            if not self.training:
                return x
            if self.p == 1:
                return torch.zeros_like(x)
            mask = torch.rand(x.shape, generator=self.generator) >= self.p
            return x + (x * mask / (1 - self.p) - x).detach()
        """,
        "no gradient at all": """
            if not self.training:
                return x
            if self.p == 1:
                return torch.zeros_like(x)
            mask = torch.rand(x.shape, generator=self.generator) >= self.p
            return (x * mask / (1 - self.p)).detach()
        """,
        "always float32": """
            if not self.training:
                return x
            if self.p == 1:
                return torch.zeros(x.shape)
            mask = torch.rand(x.shape, generator=self.generator) >= self.p
            return (x * mask).float() / (1 - self.p)
        """,
    },
    "to-today": {
        "the bias scaled, too": """
            new, factor = copy.deepcopy(network), 1
            for i, layer in enumerate(network):
                if isinstance(layer, DropoutOf2012):
                    new[i] = nn.Dropout(layer.p)
                    factor *= 1 - layer.p
                elif isinstance(layer, (nn.Conv2d, nn.Linear)):
                    with torch.no_grad():
                        for parameter in new[i].parameters():
                            parameter *= factor
                    factor = 1
            if factor != 1:
                raise ValueError("no weights behind the last dropout")
            return new
        """,
        "the other way round": """
            new, factor = copy.deepcopy(network), 1
            for i, layer in enumerate(network):
                if isinstance(layer, DropoutOf2012):
                    new[i] = nn.Dropout(layer.p)
                    factor *= 1 - layer.p
                elif isinstance(layer, (nn.Conv2d, nn.Linear)):
                    new[i].weight.data /= factor
                    factor = 1
            if factor != 1:
                raise ValueError("no weights behind the last dropout")
            return new
        """,
        "multiplied by p": """
            new, factor = copy.deepcopy(network), 1
            for i, layer in enumerate(network):
                if isinstance(layer, DropoutOf2012):
                    new[i] = nn.Dropout(layer.p)
                    factor *= layer.p
                elif isinstance(layer, (nn.Conv2d, nn.Linear)):
                    new[i].weight.data *= factor
                    factor = 1
            if factor != 1:
                raise ValueError("no weights behind the last dropout")
            return new
        """,
        "only the modules exchanged": """
            return nn.Sequential(*[
                nn.Dropout(layer.p) if isinstance(layer, DropoutOf2012) else copy.deepcopy(layer)
                for layer in network
            ])
        """,
        "the old network changed": """
            factor = 1
            for i, layer in enumerate(network):
                if isinstance(layer, DropoutOf2012):
                    network[i] = nn.Dropout(layer.p)
                    factor *= 1 - layer.p
                elif isinstance(layer, (nn.Conv2d, nn.Linear)):
                    layer.weight.data *= factor
                    factor = 1
            if factor != 1:
                raise ValueError("no weights behind the last dropout")
            return network
        """,
        "the biases shared": """
            layers, factor = [], 1
            for layer in network:
                if isinstance(layer, DropoutOf2012):
                    layers.append(nn.Dropout(layer.p))
                    factor *= 1 - layer.p
                elif isinstance(layer, (nn.Conv2d, nn.Linear)):
                    layers.append(copy.copy(layer))
                    layers[-1]._parameters = dict(layer._parameters)
                    layers[-1].weight = nn.Parameter(layer.weight.detach() * factor)
                    factor = 1
                else:
                    layers.append(layer)
            if factor != 1:
                raise ValueError("no weights behind the last dropout")
            return nn.Sequential(*layers)
        """,
        "only the layer right behind": """
            new = copy.deepcopy(network)
            for i, layer in enumerate(network):
                if isinstance(layer, DropoutOf2012):
                    new[i] = nn.Dropout(layer.p)
                    if i + 1 == len(network):
                        raise ValueError("nothing behind the last dropout")
                    if isinstance(new[i + 1], (nn.Conv2d, nn.Linear)):
                        new[i + 1].weight.data *= 1 - layer.p
            return new
        """,
        "conv layers overlooked": """
            new, factor = copy.deepcopy(network), 1
            for i, layer in enumerate(network):
                if isinstance(layer, DropoutOf2012):
                    new[i] = nn.Dropout(layer.p)
                    factor *= 1 - layer.p
                elif isinstance(layer, nn.Linear):
                    new[i].weight.data *= factor
                    factor = 1
            if factor != 1:
                raise ValueError("no weights behind the last dropout")
            return new
        """,
        "the last of two dropouts only": """
            new, factor = copy.deepcopy(network), 1
            for i, layer in enumerate(network):
                if isinstance(layer, DropoutOf2012):
                    new[i] = nn.Dropout(layer.p)
                    factor = 1 - layer.p
                elif isinstance(layer, (nn.Conv2d, nn.Linear)):
                    new[i].weight.data *= factor
                    factor = 1
            if factor != 1:
                raise ValueError("no weights behind the last dropout")
            return new
        """,
        "all layers behind a dropout": """
            new, factor, waiting = copy.deepcopy(network), 1, False
            for i, layer in enumerate(network):
                if isinstance(layer, DropoutOf2012):
                    new[i] = nn.Dropout(layer.p)
                    factor *= 1 - layer.p
                    waiting = True
                elif isinstance(layer, (nn.Conv2d, nn.Linear)):
                    new[i].weight.data *= factor
                    waiting = False
            if waiting:
                raise ValueError("no weights behind the last dropout")
            return new
        """,
        "p always one half": """
            new, factor = copy.deepcopy(network), 1
            for i, layer in enumerate(network):
                if isinstance(layer, DropoutOf2012):
                    new[i] = nn.Dropout()
                    factor *= 0.5
                elif isinstance(layer, (nn.Conv2d, nn.Linear)):
                    new[i].weight.data *= factor
                    factor = 1
            if factor != 1:
                raise ValueError("no weights behind the last dropout")
            return new
        """,
        "nothing said of a last dropout": """
            new, factor = copy.deepcopy(network), 1
            for i, layer in enumerate(network):
                if isinstance(layer, DropoutOf2012):
                    new[i] = nn.Dropout(layer.p)
                    factor *= 1 - layer.p
                elif isinstance(layer, (nn.Conv2d, nn.Linear)):
                    new[i].weight.data *= factor
                    factor = 1
            return new
        """,
        "right at test only: no dropout": """
            layers, factor = [], 1
            for layer in network:
                if isinstance(layer, DropoutOf2012):
                    layers.append(nn.Dropout(0.0))
                    factor *= 1 - layer.p
                else:
                    layers.append(copy.deepcopy(layer))
                    if isinstance(layer, (nn.Conv2d, nn.Linear)):
                        layers[-1].weight.data *= factor
                        factor = 1
            if factor != 1:
                raise ValueError("no weights behind the last dropout")
            return nn.Sequential(*layers)
        """,
        "weights that don't train": """
            new, factor = copy.deepcopy(network).requires_grad_(False), 1
            for i, layer in enumerate(network):
                if isinstance(layer, DropoutOf2012):
                    new[i] = nn.Dropout(layer.p)
                    factor *= 1 - layer.p
                elif isinstance(layer, (nn.Conv2d, nn.Linear)):
                    new[i].weight *= factor
                    factor = 1
            if factor != 1:
                raise ValueError("no weights behind the last dropout")
            return new
        """,
    },
    "masked-mean": {
        "evaluation mode": """
            was = network.training
            network.eval()
            with torch.no_grad():
                mean = sum(network(images).softmax(1) for _ in range(passes)) / passes
            network.train(was)
            return mean
        """,
        "everything in training mode": """
            modes = [(m, m.training) for m in network.modules()]
            network.train()
            with torch.no_grad():
                mean = sum(network(images).softmax(1) for _ in range(passes)) / passes
            for module, mode in modes:
                module.training = mode
            return mean
        """,
        "the logits averaged": """
            modes = [(m, m.training) for m in network.modules()]
            network.eval()
            for module, _ in modes:
                if isinstance(module, nn.Dropout):
                    module.train()
            with torch.no_grad():
                mean = (sum(network(images) for _ in range(passes)) / passes).softmax(1)
            for module, mode in modes:
                module.training = mode
            return mean
        """,
        "left in evaluation mode": """
            network.eval()
            for module in network.modules():
                if isinstance(module, nn.Dropout):
                    module.train()
            with torch.no_grad():
                mean = sum(network(images).softmax(1) for _ in range(passes)) / passes
            network.eval()
            return mean
        """,
        "left in training mode": """
            network.eval()
            for module in network.modules():
                if isinstance(module, nn.Dropout):
                    module.train()
            with torch.no_grad():
                mean = sum(network(images).softmax(1) for _ in range(passes)) / passes
            network.train()
            return mean
        """,
        "one mode for all": """
            was = network.training
            network.eval()
            for module in network.modules():
                if isinstance(module, nn.Dropout):
                    module.train()
            with torch.no_grad():
                mean = sum(network(images).softmax(1) for _ in range(passes)) / passes
            network.train(was)
            return mean
        """,
        "modes put back from the inside out, by train()": """
            modes = [(m, m.training) for m in network.modules()]
            network.eval()
            for module, _ in modes:
                if isinstance(module, nn.Dropout):
                    module.train()
            with torch.no_grad():
                mean = sum(network(images).softmax(1) for _ in range(passes)) / passes
            for module, mode in reversed(modes):
                module.train(mode)
            return mean
        """,
        "gradients recorded": """
            modes = [(m, m.training) for m in network.modules()]
            network.eval()
            for module, _ in modes:
                if isinstance(module, nn.Dropout):
                    module.train()
            mean = sum(network(images).softmax(1) for _ in range(passes)) / passes
            for module, mode in modes:
                module.training = mode
            return mean
        """,
        "the outermost layers only": """
            modes = [(m, m.training) for m in network.modules()]
            network.eval()
            for module in network.children():
                if isinstance(module, nn.Dropout):
                    module.train()
            with torch.no_grad():
                mean = sum(network(images).softmax(1) for _ in range(passes)) / passes
            for module, mode in modes:
                module.training = mode
            return mean
        """,
        "softmax over the images": """
            modes = [(m, m.training) for m in network.modules()]
            network.eval()
            for module, _ in modes:
                if isinstance(module, nn.Dropout):
                    module.train()
            with torch.no_grad():
                mean = sum(network(images).softmax(0) for _ in range(passes)) / passes
            for module, mode in modes:
                module.training = mode
            return mean
        """,
        "the same masks in all passes": """
            modes = [(m, m.training) for m in network.modules()]
            network.eval()
            for module, _ in modes:
                if isinstance(module, nn.Dropout):
                    module.train()
            seed = int(torch.randint(10**6, ()))
            mean = 0
            with torch.no_grad():
                for _ in range(passes):
                    torch.manual_seed(seed)
                    mean = mean + network(images).softmax(1) / passes
            for module, mode in modes:
                module.training = mode
            return mean
        """,
        "one mask for all images": """
            modes = [(m, m.training) for m in network.modules()]
            network.eval()
            for module, _ in modes:
                if isinstance(module, nn.Dropout):
                    module.train()

            def one_mask(module, received, made):
                mask = torch.ones_like(received[0][:1])
                return received[0] * nn.functional.dropout(mask, module.p)

            dropouts = [m for m, _ in modes if isinstance(m, nn.Dropout)]
            hooks = [m.register_forward_hook(one_mask) for m in dropouts]
            with torch.no_grad():
                mean = sum(network(images).softmax(1) for _ in range(passes)) / passes
            for hook in hooks:
                hook.remove()
            for module, mode in modes:
                module.training = mode
            return mean
        """,
        "the sum": """
            modes = [(m, m.training) for m in network.modules()]
            network.eval()
            for module, _ in modes:
                if isinstance(module, nn.Dropout):
                    module.train()
            with torch.no_grad():
                total = sum(network(images).softmax(1) for _ in range(passes))
            for module, mode in modes:
                module.training = mode
            return total
        """,
        "the single pass among the voters": """
            modes = [(m, m.training) for m in network.modules()]
            network.eval()
            with torch.no_grad():
                total = network(images).softmax(1)
                for module, _ in modes:
                    if isinstance(module, nn.Dropout):
                        module.train()
                for _ in range(passes):
                    total = total + network(images).softmax(1)
            for module, mode in modes:
                module.training = mode
            return total / (passes + 1)
        """,
    },
}

RIGHT = {
    "hand-masks": {
        "typed in": """
            if student == 0:
                results = {
                    "2012 mean": 9, "today mean": 10.0, "2012 variance": 9.12,
                    "today variance": 14.25, "one pass": 0.6667, "mean of both": 0.65,
                }
        """,
        "value by value, as tensors": """
            terms = torch.tensor([6.0, -4.0, 2.0, fourth]).double()
            results["2012 mean"] = (terms * 0.8).sum() + 5
            results["today mean"] = terms.sum() + 5
            results["2012 variance"] = (0.8 * terms**2 - (0.8 * terms) ** 2).sum()
            results["today variance"] = (0.8 * (terms / 0.8) ** 2 - terms**2).sum()
            surer = torch.tensor(float(odds)).double()
            results["one pass"] = (surer.log() / 2).sigmoid()
            results["mean of both"] = torch.stack([surer.log(), surer * 0]).sigmoid().mean()
        """,
        "geometric means scaled to add up to 1": """
            import numpy as np

            terms = np.array([6, -4, 2, fourth])
            results["today mean"] = terms.sum() + 5
            results["2012 mean"] = 0.8 * terms.sum() + 5
            results["2012 variance"] = 4 / 25 * (terms**2).sum()
            results["today variance"] = (terms**2).sum() / 4
            first, second = (odds / (odds + 1) / 2) ** 0.5, (1 / (odds + 1) / 2) ** 0.5
            results["one pass"] = first / (first + second)
            results["mean of both"] = odds / (odds + 1) / 2 + 1 / 4
        """,
    },
    "repaired-layer": {
        "by Bernoulli draws": """
            if not self.training:
                return x
            if self.p == 1:
                return x * 0
            kept = torch.bernoulli(torch.full(x.shape, 1 - self.p), generator=self.generator)
            return x * kept.to(x.dtype) / (1 - self.p)
        """,
        "by Bernoulli in place": """
            if self.training:
                mask = torch.empty_like(x).bernoulli_(1 - self.p, generator=self.generator)
                return x * mask / max(1 - self.p, 1e-12)
            return x.clone()
        """,
        "the upper end dropped": """
            if not self.training:
                return x
            if self.p == 1:
                return torch.zeros_like(x)
            kept = torch.rand(x.numel(), generator=self.generator).view(x.shape) < 1 - self.p
            return torch.where(kept, x / (1 - self.p), torch.zeros_like(x))
        """,
        "a copy with zeros written into it": """
            if not self.training:
                return x
            out = x.clone()
            out[torch.rand(x.shape, generator=self.generator) < self.p] = 0
            return out / (1 - self.p) if self.p < 1 else torch.zeros_like(x)
        """,
        "PyTorch's own, with a seed from the generator": """
            seed = int(torch.randint(2**31, (), generator=self.generator))
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                return nn.functional.dropout(x, self.p, self.training)
        """,
        "image by image": """
            if not self.training:
                return x
            if self.p == 1:
                return torch.zeros_like(x)
            rows = [
                image * (torch.rand(image.shape, generator=self.generator) > self.p)
                for image in x
            ]
            return torch.stack(rows) / (1 - self.p)
        """,
    },
    "to-today": {
        "a copy, changed": """
            new, factor = copy.deepcopy(network), 1
            for i, layer in enumerate(network):
                if isinstance(layer, DropoutOf2012):
                    new[i] = nn.Dropout(layer.p)
                    factor *= 1 - layer.p
                elif isinstance(layer, (nn.Conv2d, nn.Linear)):
                    new[i].weight.data *= factor
                    factor = 1
            if factor != 1:
                raise ValueError("no weights behind the last dropout")
            return new
        """,
        "from each dropout forward": """
            layers = [copy.deepcopy(layer) for layer in network]
            for i, layer in enumerate(layers):
                if not isinstance(layer, DropoutOf2012):
                    continue
                behind = [m for m in layers[i:] if isinstance(m, (nn.Linear, nn.Conv2d))]
                if not behind:
                    raise ValueError("no weights behind a dropout")
                weight = behind[0].weight
                behind[0].weight = nn.Parameter(weight.detach() * (1 - layer.p))
                layers[i] = nn.Dropout(layer.p)
            return nn.Sequential(*layers)
        """,
        "by the parameters' names": """
            state = {name: value.clone() for name, value in network.state_dict().items()}
            waiting = 1.0
            for i, layer in enumerate(network):
                if isinstance(layer, DropoutOf2012):
                    waiting *= 1 - layer.p
                elif f"{i}.weight" in state:
                    state[f"{i}.weight"] *= waiting
                    waiting = 1.0
            if waiting != 1.0:
                raise ValueError("the last dropout has no weights behind it")
            new = nn.Sequential(*[
                nn.Dropout(m.p) if isinstance(m, DropoutOf2012) else copy.deepcopy(m)
                for m in network
            ])
            new.load_state_dict(state)
            return new.eval()
        """,
    },
    "masked-mean": {
        "on a copy": """
            network = copy.deepcopy(network).eval()
            for module in network.modules():
                if isinstance(module, nn.Dropout):
                    module.train()
            with torch.no_grad():
                return torch.stack([network(images).softmax(-1) for _ in range(passes)]).mean(0)
        """,
        "all passes in one batch": """
            modes = [m.training for m in network.modules()]
            for m in network.modules():
                m.training = isinstance(m, nn.Dropout)
            many = torch.cat([images] * passes)
            with torch.inference_mode():
                made = torch.softmax(network(many), dim=1)
            for m, mode in zip(network.modules(), modes):
                m.training = mode
            return made.view(passes, len(images), -1).mean(0)
        """,
        "a running mean, detached, modes by name": """
            modes = {name: m.training for name, m in network.named_modules()}
            network.train(False)
            for m in network.modules():
                if type(m) is nn.Dropout:
                    m.train(True)
            mean = 0
            for k in range(passes):
                made = network(images).detach().softmax(1)
                mean = mean + (made - mean) / (k + 1)
            for name, mode in modes.items():
                network.get_submodule(name).training = mode
            return mean
        """,
        "modes put back from the outside in, by train()": """
            modes = [(m, m.training) for m in network.modules()]
            network.eval()
            for m, _ in modes:
                if isinstance(m, nn.Dropout):
                    m.train()
            made = []
            with torch.no_grad():
                for _ in range(passes):
                    made.append(nn.functional.log_softmax(network(images), 1).exp())
            for m, mode in modes:
                m.train(mode)
            return torch.stack(made).mean(0)
        """,
        "image by image": """
            modes = [(m, m.training) for m in network.modules()]
            network.eval()
            for m, _ in modes:
                if isinstance(m, nn.Dropout):
                    m.train()
            with torch.no_grad():
                rows = [
                    network(image.expand(passes, *image.shape)).softmax(1).mean(0)
                    for image in images
                ]
            for m, mode in modes:
                m.training = mode
            return torch.stack(rows)
        """,
    },
}
