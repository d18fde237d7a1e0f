"""Answers to ex17 that students give: each takes the place of the solution in its cell."""

WRONG = {
    "by-hand": {
        "biases counted": """
            results.update(stack=27 * maps**2 + 3 * maps, window=49 * maps**2 + maps, sees=14)
            results.update(flattened=49_000 * maps + 1000, pooled=1000 * maps + 1000)
            results["block"] = 58 * maps**2 + 12 * maps
        """,
        "each window adds 2, strides forgotten": """
            results.update(stack=27 * maps**2, window=49 * maps**2, sees=10)
            results.update(flattened=49_000 * maps + 1000, pooled=1000 * maps + 1000)
            results["block"] = 56 * maps**2 + 12 * maps
        """,
        "the pooling's own window forgotten": """
            results.update(stack=27 * maps**2, window=49 * maps**2, sees=13)
            results.update(flattened=49_000 * maps + 1000, pooled=1000 * maps + 1000)
            results["block"] = 56 * maps**2 + 12 * maps
        """,
        "the shortcut's norm forgotten": """
            results.update(stack=27 * maps**2, window=49 * maps**2, sees=14)
            results.update(flattened=49_000 * maps + 1000, pooled=1000 * maps + 1000)
            results["block"] = 56 * maps**2 + 8 * maps
        """,
        "no shortcut": """
            results.update(stack=27 * maps**2, window=49 * maps**2, sees=14)
            results.update(flattened=49_000 * maps + 1000, pooled=1000 * maps + 1000)
            results["block"] = 54 * maps**2 + 8 * maps
        """,
        "no biases in the fully connected layers": """
            results.update(stack=27 * maps**2, window=49 * maps**2, sees=14)
            results.update(flattened=49_000 * maps, pooled=1000 * maps)
            results["block"] = 56 * maps**2 + 12 * maps
        """,
        "a window of one map": """
            results.update(stack=27, window=49, sees=14)
            results.update(flattened=49_000 * maps + 1000, pooled=1000 * maps + 1000)
            results["block"] = 56 * maps**2 + 12 * maps
        """,
        "the stack larger than the window": """
            results.update(stack=3 * 27 * maps**2, window=49 * maps**2, sees=14)
            results.update(flattened=49_000 * maps + 1000, pooled=1000 * maps + 1000)
            results["block"] = 56 * maps**2 + 12 * maps
        """,
        "another student's numbers, 72 maps": """
            results.update(stack=27 * 72**2, window=49 * 72**2, sees=14)
            results.update(flattened=49_000 * 72 + 1000, pooled=1000 * 72 + 1000)
            results["block"] = 56 * 72**2 + 12 * 72
        """,
    },
    "pointwise": {
        "a convolution by another name": """
            kernel = weight[:, :, None, None]
            return torch.conv2d(maps, kernel, bias, stride)
        """,
        "reshaped without permuting": """
            small = maps[:, :, ::stride, ::stride]
            n, c, h, w = small.shape
            made = F.linear(small.reshape(n, h, w, c), weight, bias)
            return made.reshape(n, len(weight), h, w)
        """,
        "width before height": """
            pixels = maps[:, :, ::stride, ::stride].permute(0, 3, 2, 1)
            return F.linear(pixels, weight, bias).permute(0, 3, 1, 2)
        """,
        "the bias forgotten": """
            return torch.einsum("nchw,oc->nohw", maps[:, :, ::stride, ::stride], weight)
        """,
        "the stride forgotten": """
            made = torch.einsum("nchw,oc->nohw", maps, weight)
            return made if bias is None else made + bias[:, None, None]
        """,
        "strides that leave out the last, incomplete window": """
            small = maps[:, :, ::stride, ::stride]
            small = small[:, :, : maps.shape[2] // stride or 1, : maps.shape[3] // stride or 1]
            made = torch.einsum("nchw,oc->nohw", small, weight)
            return made if bias is None else made + bias[:, None, None]
        """,
        "a mean over the channels": """
            made = torch.einsum("nchw,oc->nohw", maps[:, :, ::stride, ::stride], weight)
            made = made / maps.shape[1]
            return made if bias is None else made + bias[:, None, None]
        """,
        "the bias added in place, to what was given": """
            small = maps[:, :, ::stride, ::stride]
            made = torch.einsum("nchw,oc->nohw", small, weight)
            maps += 0 if bias is None else bias.mean()
            return made if bias is None else made + bias[:, None, None]
        """,
        "a ReLU behind it": """
            made = torch.einsum("nchw,oc->nohw", maps[:, :, ::stride, ::stride], weight)
            return (made if bias is None else made + bias[:, None, None]).relu()
        """,
    },
    "folded": {
        "eps forgotten": """
            made = copy.deepcopy(conv)
            factor = norm.weight / norm.running_var.sqrt()
            before = 0 if conv.bias is None else conv.bias
            made.weight = nn.Parameter(conv.weight * factor[:, None, None, None])
            made.bias = nn.Parameter(norm.bias + (before - norm.running_mean) * factor)
            return made
        """,
        "no root": """
            made = copy.deepcopy(conv)
            factor = norm.weight / (norm.running_var + norm.eps)
            before = 0 if conv.bias is None else conv.bias
            made.weight = nn.Parameter(conv.weight * factor[:, None, None, None])
            made.bias = nn.Parameter(norm.bias + (before - norm.running_mean) * factor)
            return made
        """,
        "eps added to the deviation": """
            made = copy.deepcopy(conv)
            factor = norm.weight / (norm.running_var.sqrt() + norm.eps)
            before = 0 if conv.bias is None else conv.bias
            made.weight = nn.Parameter(conv.weight * factor[:, None, None, None])
            made.bias = nn.Parameter(norm.bias + (before - norm.running_mean) * factor)
            return made
        """,
        "the convolution's own bias forgotten": """
            made = copy.deepcopy(conv)
            factor = norm.weight / (norm.running_var + norm.eps).sqrt()
            made.weight = nn.Parameter(conv.weight * factor[:, None, None, None])
            made.bias = nn.Parameter(norm.bias - norm.running_mean * factor)
            return made
        """,
        "the convolution's own bias not multiplied": """
            made = copy.deepcopy(conv)
            factor = norm.weight / (norm.running_var + norm.eps).sqrt()
            before = 0 if conv.bias is None else conv.bias
            made.weight = nn.Parameter(conv.weight * factor[:, None, None, None])
            made.bias = nn.Parameter(norm.bias - norm.running_mean * factor + before)
            return made
        """,
        "the mean forgotten": """
            made = copy.deepcopy(conv)
            factor = norm.weight / (norm.running_var + norm.eps).sqrt()
            before = 0 if conv.bias is None else conv.bias
            made.weight = nn.Parameter(conv.weight * factor[:, None, None, None])
            made.bias = nn.Parameter(norm.bias + before * factor)
            return made
        """,
        "into the convolution that was given": """
            factor = norm.weight / (norm.running_var + norm.eps).sqrt()
            before = 0 if conv.bias is None else conv.bias
            bias = norm.bias + (before - norm.running_mean) * factor
            conv.weight = nn.Parameter(conv.weight * factor[:, None, None, None])
            conv.bias = nn.Parameter(bias)
            return conv
        """,
        "a convolution of stride 1 without padding": """
            made = nn.Conv2d(
                conv.in_channels, conv.out_channels, conv.kernel_size, groups=conv.groups
            )
            factor = norm.weight / (norm.running_var + norm.eps).sqrt()
            before = 0 if conv.bias is None else conv.bias
            made.weight = nn.Parameter(conv.weight * factor[:, None, None, None])
            made.bias = nn.Parameter(norm.bias + (before - norm.running_mean) * factor)
            return made
        """,
        "one factor for all channels": """
            made = copy.deepcopy(conv)
            factor = (norm.weight / (norm.running_var + norm.eps).sqrt()).mean()
            before = 0 if conv.bias is None else conv.bias
            made.weight = nn.Parameter(conv.weight * factor)
            made.bias = nn.Parameter(norm.bias + (before - norm.running_mean) * factor)
            return made
        """,
        "the norm put into evaluation mode": """
            norm.eval()
            made = copy.deepcopy(conv)
            factor = norm.weight / (norm.running_var + norm.eps).sqrt()
            before = 0 if conv.bias is None else conv.bias
            made.weight = nn.Parameter(conv.weight * factor[:, None, None, None])
            made.bias = nn.Parameter(norm.bias + (before - norm.running_mean) * factor)
            return made
        """,
    },
    "through": {
        "the first input added to each": """
            first = x.detach().clone().requires_grad_()
            y = first
            for branch in branches:
                y = first + branch(y) if residual else branch(y)
            return torch.autograd.grad(y.sum(), first)[0]
        """,
        "one shortcut around all": """
            first = x.detach().clone().requires_grad_()
            y = first
            for branch in branches:
                y = branch(y)
            return torch.autograd.grad((first + y if residual else y).sum(), first)[0]
        """,
        "the mean": """
            first = x.detach().clone().requires_grad_()
            y = first
            for branch in branches:
                y = y + branch(y) if residual else branch(y)
            return torch.autograd.grad(y.mean(), first)[0]
        """,
        "always residual": """
            first = x.detach().clone().requires_grad_()
            y = first
            for branch in branches:
                y = y + branch(y)
            return torch.autograd.grad(y.sum(), first)[0]
        """,
        "from the last to the first": """
            first = x.detach().clone().requires_grad_()
            y = first
            for branch in reversed(branches):
                y = y + branch(y) if residual else branch(y)
            return torch.autograd.grad(y.sum(), first)[0]
        """,
        "gradients stored in the parameters": """
            first = x.detach().clone().requires_grad_()
            y = first
            for branch in branches:
                y = y + branch(y) if residual else branch(y)
            y.sum().backward()
            return first.grad
        """,
        "x itself made to require a gradient": """
            x.requires_grad_()
            y = x
            for branch in branches:
                y = y + branch(y) if residual else branch(y)
            return torch.autograd.grad(y.sum(), x)[0]
        """,
        "a ReLU after each sum": """
            first = x.detach().clone().requires_grad_()
            y = first
            for branch in branches:
                y = (y + branch(y)).relu() if residual else branch(y)
            return torch.autograd.grad(y.sum(), first)[0]
        """,
    },
    "deep": {
        "gradients never set back": """
            losses = []
            for step in range(steps + 1):
                loss = F.cross_entropy(network(inputs), labels)
                losses.append(loss.item())
                if step < steps:
                    loss.backward()
                    with torch.no_grad():
                        for p in network.parameters():
                            p -= rate * p.grad
            return losses
        """,
        "set back after the step only": """
            losses = []
            for step in range(steps + 1):
                loss = F.cross_entropy(network(inputs), labels)
                losses.append(loss.item())
                if step < steps:
                    loss.backward()
                    with torch.no_grad():
                        for p in network.parameters():
                            p -= rate * p.grad
                    network.zero_grad()
            return losses
        """,
        "with momentum": """
            optimiser = torch.optim.SGD(network.parameters(), lr=rate, momentum=0.5)
            losses = []
            for step in range(steps + 1):
                loss = F.cross_entropy(network(inputs), labels)
                losses.append(loss.item())
                if step < steps:
                    optimiser.zero_grad()
                    loss.backward()
                    optimiser.step()
            return losses
        """,
        "one step too many": """
            optimiser = torch.optim.SGD(network.parameters(), lr=rate)
            losses = []
            for _ in range(steps + 1):
                loss = F.cross_entropy(network(inputs), labels)
                losses.append(loss.item())
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
            return losses
        """,
        "no loss before the first step": """
            optimiser = torch.optim.SGD(network.parameters(), lr=rate)
            losses = []
            for _ in range(steps):
                optimiser.zero_grad()
                F.cross_entropy(network(inputs), labels).backward()
                optimiser.step()
                losses.append(F.cross_entropy(network(inputs), labels).item())
            return losses
        """,
        "tensors": """
            optimiser = torch.optim.SGD(network.parameters(), lr=rate)
            losses = []
            for step in range(steps + 1):
                loss = F.cross_entropy(network(inputs), labels)
                losses.append(loss.detach())
                if step < steps:
                    optimiser.zero_grad()
                    loss.backward()
                    optimiser.step()
            return losses
        """,
        "a copy is trained": """
            network = copy.deepcopy(network)
            optimiser = torch.optim.SGD(network.parameters(), lr=rate)
            losses = []
            for step in range(steps + 1):
                loss = F.cross_entropy(network(inputs), labels)
                losses.append(loss.item())
                if step < steps:
                    optimiser.zero_grad()
                    loss.backward()
                    optimiser.step()
            return losses
        """,
        "one half after the other": """
            optimiser = torch.optim.SGD(network.parameters(), lr=rate / 2)
            losses = []
            for step in range(steps + 1):
                losses.append(F.cross_entropy(network(inputs), labels).item())
                for half in torch.arange(len(labels) if step < steps else 0).chunk(2):
                    optimiser.zero_grad()
                    F.cross_entropy(network(inputs[half]), labels[half]).backward()
                    optimiser.step()
            return losses
        """,
        "the last layer only": """
            optimiser = torch.optim.SGD(network.last.parameters(), lr=rate)
            losses = []
            for step in range(steps + 1):
                loss = F.cross_entropy(network(inputs), labels)
                losses.append(loss.item())
                if step < steps:
                    optimiser.zero_grad()
                    loss.backward()
                    optimiser.step()
            return losses
        """,
    },
    "claims": {
        "protocols mixed": "claims = dict.fromkeys('cdeg', False) | dict.fromkeys('abf', True)",
        "cause read into it": "claims = dict.fromkeys('bcdg', False) | dict.fromkeys('aef', True)",
        "work taken for parameters": (
            "claims = dict.fromkeys('bdeg', False) | dict.fromkeys('acf', True)"
        ),
        "a rule out of two pairs": (
            "claims = dict.fromkeys('bceg', False) | dict.fromkeys('adf', True)"
        ),
        "an error that is not there": (
            "claims = dict.fromkeys('bcde', False) | dict.fromkeys('afg', True)"
        ),
        "the unlike columns trusted": (
            "claims = dict.fromkeys('abcdeg', False) | dict.fromkeys('f', True)"
        ),
        "all true": "claims = dict.fromkeys('abcdefg', True)",
        "numbers": "claims = dict.fromkeys('bcdeg', 0) | dict.fromkeys('af', 1)",
    },
}

RIGHT = {
    "by-hand": {
        "in numbers": """
            results = {
                "stack": 27 * maps * maps,
                "window": 7 * 7 * maps * maps,
                "sees": 14,
                "flattened": 1000 * (49 * maps + 1),
                "pooled": 1000 * (maps + 1),
                "block": 56 * maps**2 + 12 * maps,
            }
        """,
        "counted by PyTorch": """
            def count(*layers):
                return sum(p.numel() for layer in layers for p in layer.parameters())

            results["stack"] = 3 * count(nn.Conv2d(maps, maps, 3, bias=False))
            results["window"] = count(nn.Conv2d(maps, maps, 7, bias=False))
            results["sees"] = 5 + 1 + 4 + 4
            results["flattened"] = count(nn.Linear(49 * maps, 1000))
            results["pooled"] = count(nn.Linear(maps, 1000))
            results["block"] = count(
                nn.Conv2d(maps, 2 * maps, 3, bias=False),
                nn.Conv2d(2 * maps, 2 * maps, 3, bias=False),
                nn.Conv2d(maps, 2 * maps, 1, bias=False),
                *(nn.BatchNorm2d(2 * maps) for _ in range(3)),
            )
        """,
    },
    "pointwise": {
        "by einsum": """
            made = torch.einsum("nchw,oc->nohw", maps[..., ::stride, ::stride], weight)
            return made if bias is None else made + bias.view(1, -1, 1, 1)
        """,
        "by a matrix product": """
            small = maps[:, :, ::stride, ::stride]
            n, c, h, w = small.shape
            made = weight @ small.reshape(n, c, h * w)
            made = made.reshape(n, -1, h, w)
            return made if bias is None else made + bias[:, None, None]
        """,
        "by nn.Linear": """
            layer = nn.Linear(*weight.shape[::-1], bias=bias is not None)
            layer.weight.data = weight
            if bias is not None:
                layer.bias.data = bias
            with torch.no_grad():
                made = layer(maps[:, :, ::stride, ::stride].movedim(1, -1))
            return made.movedim(-1, 1)
        """,
    },
    "folded": {
        "by PyTorch": """
            return torch.nn.utils.fuse_conv_bn_eval(
                copy.deepcopy(conv).eval(), copy.deepcopy(norm).eval()
            )
        """,
        "a new convolution": """
            made = nn.Conv2d(
                conv.in_channels,
                conv.out_channels,
                conv.kernel_size,
                conv.stride,
                conv.padding,
                conv.dilation,
                conv.groups,
            )
            with torch.no_grad():
                deviation = torch.sqrt(norm.running_var + norm.eps)
                for channel in range(conv.out_channels):
                    times = norm.weight[channel] / deviation[channel]
                    own = 0 if conv.bias is None else conv.bias[channel]
                    made.weight[channel] = conv.weight[channel] * times
                    made.bias[channel] = (own - norm.running_mean[channel]) * times
                    made.bias[channel] += norm.bias[channel]
            return made
        """,
    },
    "through": {
        "by backward, on copies": """
            copies = copy.deepcopy(branches)
            first = x.clone().requires_grad_(True)
            y = first
            for branch in copies:
                y = branch(y) + (y if residual else 0)
            y.sum().backward()
            return first.grad
        """,
        "by torch.func": """
            def whole(y):
                for branch in branches:
                    y = y + branch(y) if residual else branch(y)
                return y.sum()

            return torch.func.grad(whole)(x).detach()
        """,
    },
    "deep": {
        "by torch.optim": """
            optimiser = torch.optim.SGD(network.parameters(), lr=rate)
            losses = [F.cross_entropy(network(inputs), labels).item()]
            for _ in range(steps):
                optimiser.zero_grad()
                F.cross_entropy(network(inputs), labels).backward()
                optimiser.step()
                losses.append(F.cross_entropy(network(inputs), labels).item())
            return losses
        """,
        "by autograd.grad": """
            weights = list(network.parameters())
            losses = []
            for _ in range(steps):
                loss = F.cross_entropy(network(inputs), labels)
                losses.append(loss.item())
                gradients = torch.autograd.grad(loss, weights)
                with torch.no_grad():
                    for weight, gradient in zip(weights, gradients):
                        weight.sub_(rate * gradient)
            losses.append(F.cross_entropy(network(inputs), labels).item())
            return losses
        """,
    },
    "claims": {
        "one by one": """
            claims["a"], claims["f"] = True, True
            for name in "bcdeg":
                claims[name] = False
        """,
        "by comparing": "claims = {name: name in 'af' for name in 'abcdefg'}",
    },
}
