"""Answers to ex15 that students give: each takes the place of the solution in its cell."""

SIGNS = """
    signs["first loss"] = -math.log(1 / classes)
    signs["floor"] = math.log(math.e + classes - 1) - 1
    signs["times as far"] = (steps + 1) / 2
    signs["mean of batches"] = (160 + 600 / left) / 3
    signs["accuracy"] = 16600 / (200 + left)
"""

NETWORK = """
    def __init__(self, classes, side, width=8, p=0.5):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, 2 * width, 3, padding=1)
        self.fc3 = nn.Linear(2 * width * (side // 4) * (side // 4), 32)
        self.drop = nn.Dropout(p)
        self.fc4 = nn.Linear(32, classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = self.drop(F.relu(self.fc3(x.flatten(1))))
        return self.fc4(x)
"""

LOOP = """
    optimiser = torch.optim.SGD(network.parameters(), rate, momentum=0.9)
    schedule = torch.optim.lr_scheduler.StepLR(optimiser, every, gamma=0.1)
    history = []
    for _ in range(epochs):
        network.train()
        total, count = 0.0, 0
        for images, labels in batches:
            loss = cross_entropy(network(images), labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += loss.item() * len(labels)
            count += len(labels)
        schedule.step()
        history.append((total / count, test(network)))
    return history
"""

TEST = """
    modes = [(layer, layer.training) for layer in network.modules()]
    network.eval()
    right, total, count = 0, 0.0, 0
    with torch.no_grad():
        for images, labels in batches:
            logits = network(images)
            right += (logits.argmax(1) == labels).sum().item()
            total += cross_entropy(logits, labels).item() * len(labels)
            count += len(labels)
    for layer, mode in modes:
        layer.training = mode
    return 100 * right / count, total / count
"""

PREPARATION = """
    images = pixels.permute(0, 3, 1, 2).float() / 255
    tests = test_pixels.permute(0, 3, 1, 2).float() / 255
    mean = images.mean((0, 2, 3), keepdim=True)
    deviation = images.std((0, 2, 3), keepdim=True)
    order = torch.randperm(len(images), generator=generator)
    images, tests = (images - mean) / deviation, (tests - mean) / deviation
    return images[order], labels[order], tests
"""

RUN = """
    optimiser = torch.optim.SGD(network.parameters(), rate, momentum=0.9)
    first = 0
    if path.exists():
        kept = torch.load(path)
        network.load_state_dict(kept["network"])
        optimiser.load_state_dict(kept["optimiser"])
        torch.set_rng_state(kept["random"])
        first = kept["epoch"] + 1
    network.train()
    for epoch in range(first, epochs):
        for places in torch.randperm(len(images)).split(batch):
            optimiser.zero_grad()
            loss = cross_entropy(network(images[places]), labels[places])
            loss.backward()
            optimiser.step()
        kept = {"network": network.state_dict(), "epoch": epoch}
        kept["optimiser"] = optimiser.state_dict()
        kept["random"] = torch.get_rng_state()
        torch.save(kept, path)
"""

FIRST_LOSS = """
    modes = [(layer, layer.training) for layer in network.modules()]
    network.eval()
    with torch.no_grad():
        logits = network(images)
    for layer, mode in modes:
        layer.training = mode
    share = cross_entropy(logits, labels).item() / math.log(logits.shape[1])
    if math.isnan(share) or math.isinf(share):
        return "no number"
    if share < 0.5:
        return "low"
    if share > 8:
        return "high"
    return "fine"
"""

ONE_BATCH = """
    network = copy.deepcopy(network)
    network.eval()
    optimiser = torch.optim.Adam(network.parameters(), lr=rate)
    for _ in range(steps):
        loss = cross_entropy(network(images), labels)
        if not loss.requires_grad:
            break
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    logits = network(images)
    loss = cross_entropy(logits, labels).item()
    return loss < 0.1 * math.log(logits.shape[1])
"""

PASSES = """
    network = copy.deepcopy(network).eval()
    with torch.no_grad():
        first = network(images)
        limit = first.abs().max() / 1000
        for _ in range(15):
            if (network(images) - first).abs().max() > limit:
                return "random"
        for place in range(len(images)):
            alone = network(images[place : place + 1])[0]
            if (alone - first[place]).abs().max() > limit:
                return "company"
    return "alike"
"""

LEFT_BEHIND = """
    moved = set()
    for group in optimiser.param_groups:
        if group["lr"] != 0:
            moved |= {id(w) for w in group["params"]}
    modes = [(layer, layer.training) for layer in network.modules()]
    network.eval()
    loss = cross_entropy(network(images), labels)
    for layer, mode in modes:
        layer.training = mode
    learning = {n: w for n, w in network.named_parameters() if w.requires_grad}
    found = [None] * len(learning)
    if loss.requires_grad:
        found = torch.autograd.grad(loss, list(learning.values()), allow_unused=True)
    reached = {n for n, gradient in zip(learning, found) if gradient is not None}
    return [n for n, w in network.named_parameters() if not (n in reached and id(w) in moved)]
"""


def changed(text, *pairs):
    """A right answer with other pieces in it."""
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


WRONG = {
    "signs-by-hand": {
        "to the base of ten": changed(SIGNS, ("-math.log(1 / classes)", "math.log10(classes)")),
        "for ten classes": changed(SIGNS, ("-math.log(1 / classes)", "math.log(10)")),
        "the floor with all classes as others": changed(
            SIGNS, ("math.log(math.e + classes - 1) - 1", "math.log(1 + classes / math.e)")
        ),
        "the floor is one below the first loss": changed(
            SIGNS, ("math.log(math.e + classes - 1) - 1", "math.log(classes) - 1")
        ),
        "the floor with logits of 1 and -1": changed(
            SIGNS,
            ("math.log(math.e + classes - 1) - 1", "math.log(1 + (classes - 1) / math.e**2)"),
        ),
        "a floor of 0": changed(SIGNS, ("math.log(math.e + classes - 1) - 1", "0.0")),
        "as many times as steps": changed(SIGNS, ("(steps + 1) / 2", "steps")),
        "all gradients added up": changed(SIGNS, ("(steps + 1) / 2", "steps * (steps + 1) / 2")),
        "half as many times as steps": changed(SIGNS, ("(steps + 1) / 2", "steps / 2")),
        "the two means swapped": changed(
            SIGNS,
            ('signs["mean of batches"]', "other"),
            ('signs["accuracy"]', 'signs["mean of batches"]'),
            ("other", 'signs["accuracy"]'),
        ),
        "shares in place of per cents": changed(
            SIGNS, ("(160 + 600 / left) / 3", "(1.6 + 6 / left) / 3"), ("16600", "166")
        ),
        "of 300 images": changed(SIGNS, ("(200 + left)", "300")),
        "the last batch weighted by half": changed(SIGNS, ("16600", "(16000 + 300)")),
    },
    "a-network": {
        "the friend's": """
            def __init__(self, classes, side, width=8, p=0.5):
                super().__init__()
                self.p = p
                self.convs = [
                    nn.Conv2d(3, width, 3, padding=1),
                    nn.Conv2d(width, 2 * width, 3, padding=1),
                ]
                self.fc3 = nn.Linear(2 * width * (side // 4 * side // 4), 32)
                self.fc4 = nn.Linear(32, classes)

            def forward(self, x):
                for conv in self.convs:
                    x = F.max_pool2d(F.relu(conv(x)), 2)
                x = self.fc3(x.flatten(1))
                x = F.dropout(x, self.p)
                return F.softmax(self.fc4(x), dim=1)
        """,
        "no ReLU between the fully connected layers": changed(
            NETWORK, ("F.relu(self.fc3(x.flatten(1)))", "self.fc3(x.flatten(1))")
        ),
        "dropout in evaluation mode": changed(
            NETWORK, ("self.drop(F.relu", "F.dropout(F.relu"), ("flatten(1))))", "flatten(1))))")
        ),
        "a softmax at the end": changed(
            NETWORK, ("return self.fc4(x)", "return self.fc4(x).softmax(1)")
        ),
        "the logarithm of a softmax at the end": changed(
            NETWORK, ("return self.fc4(x)", "return F.log_softmax(self.fc4(x), 1)")
        ),
        "sides that are multiples of four": changed(
            NETWORK, ("(side // 4) * (side // 4)", "side * side // 16")
        ),
        "pooling that rounds up": changed(
            NETWORK,
            ("(side // 4) * (side // 4)", "math.ceil(math.ceil(side / 2) / 2) ** 2"),
            (", 2)\n", ", 2, ceil_mode=True)\n"),
        ),
        "always half of the values": changed(NETWORK, ("nn.Dropout(p)", "nn.Dropout(0.5)")),
        "p is what is kept": changed(NETWORK, ("nn.Dropout(p)", "nn.Dropout(1 - p)")),
        "no dropout": changed(NETWORK, ("self.drop(", "(")),
        "dropped by images": changed(
            NETWORK,
            ("self.drop(F.relu(self.fc3(x.flatten(1))))", "F.relu(self.fc3(x.flatten(1)))"),
            (
                "return self.fc4(x)",
                "return self.fc4(self.drop(torch.ones(len(x), 1)) * x)",
            ),
        ),
        "dropout before fc3": changed(
            NETWORK,
            (
                "self.drop(F.relu(self.fc3(x.flatten(1))))",
                "F.relu(self.fc3(self.drop(x.flatten(1))))",
            ),
        ),
        "nothing is scaled": changed(
            NETWORK,
            (
                "return self.fc4(x)",
                "return self.fc4(x * (1 - self.drop.p if self.training else 1))",
            ),
        ),
        "always eight maps": changed(
            NETWORK, ("width=8, p=0.5):", "width=8, p=0.5):\n        width = 8")
        ),
        "a ReLU at the end": changed(NETWORK, ("self.fc4(x)\n", "F.relu(self.fc4(x))\n")),
    },
    "a-loop": {
        "the friend's": """
            optimiser = torch.optim.SGD(network.parameters(), rate, momentum=0.9)
            schedule = torch.optim.lr_scheduler.StepLR(optimiser, every, gamma=0.1)
            history = []
            network.train()
            for _ in range(epochs):
                total, count = 0.0, 0
                for images, labels in batches:
                    loss = cross_entropy(network(images), labels)
                    loss.backward()
                    optimiser.step()
                    schedule.step()
                    total += loss.item() * len(labels)
                    count += len(labels)
                history.append((total / count, test(network)))
            return history
        """,
        "gradients are never zeroed": changed(LOOP, ("    optimiser.zero_grad()\n", "    pass\n")),
        "gradients zeroed once an epoch": changed(
            LOOP,
            ("            optimiser.zero_grad()\n", ""),
            (
                "        network.train()\n",
                "        network.train()\n        optimiser.zero_grad()\n",
            ),
        ),
        "gradients zeroed after the step": changed(
            LOOP,
            ("            optimiser.zero_grad()\n", ""),
            ("optimiser.step()\n", "optimiser.step()\n            optimiser.zero_grad()\n"),
        ),
        "gradients zeroed before the step": changed(
            LOOP,
            ("            optimiser.zero_grad()\n", ""),
            (
                "            optimiser.step()\n",
                "            optimiser.zero_grad(set_to_none=False)\n            optimiser.step()\n",
            ),
        ),
        "training mode once": changed(
            LOOP,
            ("        network.train()\n", ""),
            ("    history = []\n", "    history = []\n    network.train()\n"),
        ),
        "training mode again after the test": changed(
            LOOP,
            ("        network.train()\n", ""),
            ("test(network)))\n", "test(network)))\n        network.train()\n"),
        ),
        "the rate falls by steps": changed(
            LOOP,
            ("        schedule.step()\n", ""),
            (
                "            optimiser.step()\n",
                "            optimiser.step()\n            schedule.step()\n",
            ),
        ),
        "the rate falls every epoch": changed(LOOP, ("(optimiser, every,", "(optimiser, 1,")),
        "the rate stays": changed(LOOP, ("        schedule.step()\n", "")),
        "the rate is halved": changed(LOOP, ("gamma=0.1", "gamma=0.5")),
        "the rate falls once": changed(
            LOOP,
            (
                "lr_scheduler.StepLR(optimiser, every,",
                "lr_scheduler.MultiStepLR(optimiser, [every],",
            ),
        ),
        "the rate falls before the first epoch of all": changed(
            LOOP,
            ("        schedule.step()\n", ""),
            ("        network.train()\n", "        network.train()\n        schedule.step()\n"),
        ),
        "a new optimiser in each epoch": """
            history = []
            for epoch in range(epochs):
                network.train()
                now = rate * 0.1 ** (epoch // every)
                optimiser = torch.optim.SGD(network.parameters(), now, momentum=0.9)
                total, count = 0.0, 0
                for images, labels in batches:
                    optimiser.zero_grad()
                    loss = cross_entropy(network(images), labels)
                    loss.backward()
                    optimiser.step()
                    total += loss.item() * len(labels)
                    count += len(labels)
                history.append((total / count, test(network)))
            return history
        """,
        "no momentum": changed(LOOP, (", momentum=0.9", "")),
        "the loss as a mean of batches": changed(
            LOOP, ("* len(labels)", ""), ("count += len(labels)", "count += 1")
        ),
        "the gradient of the sum": changed(
            LOOP, ("            loss.backward()", "            (loss * len(labels)).backward()")
        ),
        "tested before the epoch": changed(
            LOOP,
            (
                "        network.train()\n",
                "        result = test(network)\n        network.train()\n",
            ),
            ("total / count, test(network)", "total / count, result"),
        ),
    },
    "a-test": {
        "the friend's": """
            accuracies, losses = [], []
            for images, labels in batches:
                logits = network(images)
                accuracies.append((logits.argmax(1) == labels).float().mean().item())
                losses.append(cross_entropy(logits, labels).item())
            accuracy = 100 * sum(accuracies) / len(accuracies)
            return accuracy, sum(losses) / len(losses)
        """,
        "training mode afterwards, always": changed(
            TEST,
            (
                "    for layer, mode in modes:\n        layer.training = mode\n",
                "    network.train()\n",
            ),
        ),
        "the network's own mode for all layers": changed(
            TEST,
            (
                "    for layer, mode in modes:\n        layer.training = mode\n",
                "    network.train(modes[0][1])\n",
            ),
        ),
        "evaluation mode left behind": changed(
            TEST, ("    for layer, mode in modes:\n        layer.training = mode\n", "")
        ),
        "in the mode that it comes in": changed(TEST, ("    network.eval()\n", "")),
        "recorded for gradients": changed(TEST, ("with torch.no_grad():", "if True:")),
        "the loss as a mean of batches": """
            modes = [(layer, layer.training) for layer in network.modules()]
            network.eval()
            right, losses, count = 0, [], 0
            with torch.no_grad():
                for images, labels in batches:
                    logits = network(images)
                    right += (logits.argmax(1) == labels).sum().item()
                    losses.append(cross_entropy(logits, labels).item())
                    count += len(labels)
            for layer, mode in modes:
                layer.training = mode
            return 100 * right / count, sum(losses) / len(losses)
        """,
        "walked through twice": changed(
            TEST,
            ("right, total, count = 0, 0.0, 0", "count = sum(len(y) for _, y in batches)"),
            ("    with torch", "    right, total = 0, 0.0\n    with torch"),
            ("            count += len(labels)\n", ""),
        ),
        "a share": changed(TEST, ("100 * right", "right")),
        "all batches as large as the first": """
            modes = [(layer, layer.training) for layer in network.modules()]
            network.eval()
            right, loss, steps, size = 0, 0.0, 0, None
            with torch.no_grad():
                for images, labels in batches:
                    size = size or len(labels)
                    logits = network(images)
                    right += (logits.argmax(1) == labels).sum().item()
                    loss += cross_entropy(logits, labels).item() * len(labels)
                    steps += 1
            for layer, mode in modes:
                layer.training = mode
            return 100 * right / (size * steps), loss / (size * steps)
        """,
        "the last batch alone": changed(TEST, ("right += ", "right = "), ("count += ", "count = ")),
        "gradients thrown away": changed(
            TEST, ("    network.eval()\n", "    network.eval().zero_grad()\n")
        ),
    },
    "a-preparation": {
        "the friend's": """
            def ready(pixels):
                count, height, width, channels = pixels.shape
                x = pixels.view(count, channels, height, width) / 255
                mean = x.mean((0, 2, 3), keepdim=True)
                return (x - mean) / x.std((0, 2, 3), keepdim=True)

            images, test_images = ready(pixels), ready(test_pixels)
            images = images[torch.randperm(len(images), generator=generator)]
            labels = labels[torch.randperm(len(labels), generator=generator)]
            return images, labels, test_images
        """,
        "reshape in place of permute": changed(
            PREPARATION,
            (
                "pixels.permute(0, 3, 1, 2).float()",
                "pixels.reshape(-1, pixels.shape[3], *pixels.shape[1:3]).float()",
            ),
        ),
        "width before height": changed(PREPARATION, ("(0, 3, 1, 2)", "(0, 3, 2, 1)")),
        "channels last": changed(
            PREPARATION, (".permute(0, 3, 1, 2)", ""), ("(0, 2, 3)", "(0, 1, 2)")
        ),
        "the test's own mean": changed(
            PREPARATION, ("(tests - mean)", "(tests - tests.mean((0, 2, 3), keepdim=True))")
        ),
        "the test's own deviation": changed(
            PREPARATION,
            ("(tests - mean) / deviation", "(tests - mean) / tests.std((0, 2, 3), keepdim=True)"),
        ),
        "one mean for all channels": changed(
            PREPARATION, ("images.mean((0, 2, 3), keepdim=True)", "images.mean()")
        ),
        "one deviation for all channels": changed(
            PREPARATION, ("images.std((0, 2, 3), keepdim=True)", "images.std()")
        ),
        "a mean of each image": changed(
            PREPARATION,
            ("(images - mean)", "(images - images.mean((2, 3), keepdim=True))"),
        ),
        "a mean of each pixel": changed(
            PREPARATION,
            ("images.mean((0, 2, 3), keepdim=True)", "images.mean(0)"),
            ("images.std((0, 2, 3), keepdim=True)", "images.std(0)"),
        ),
        "the mean of training and test images": changed(
            PREPARATION,
            ("images.mean((0, 2, 3)", "torch.cat([images, tests]).mean((0, 2, 3)"),
        ),
        "divided by the variance": changed(PREPARATION, ("images.std(", "images.var(")),
        "labels in the old order": changed(PREPARATION, ("labels[order]", "labels")),
        "labels in an order of their own": changed(
            PREPARATION,
            ("labels[order]", "labels[torch.randperm(len(labels), generator=generator)]"),
        ),
        "images in the old order": changed(
            PREPARATION, ("images[order], labels[order]", "images, labels")
        ),
        "labels the other way round": changed(
            PREPARATION, ("labels[order]", "labels[order.argsort()]")
        ),
        "drawn with everybody's numbers": changed(PREPARATION, (", generator=generator", "")),
        "turned round": changed(
            PREPARATION,
            (
                "torch.randperm(len(images), generator=generator)",
                "torch.arange(len(images)).flip(0)",
            ),
        ),
        "what is given is shuffled": changed(
            PREPARATION,
            ("return images", "labels.copy_(labels[order].clone())\n    return images"),
            ("labels[order], tests", "labels, tests"),
        ),
        "double precision": changed(PREPARATION, (".float()", ".double()")),
        "drawn with replacement": changed(
            PREPARATION,
            (
                "torch.randperm(len(images), generator=generator)",
                "torch.randint(len(images), (len(images),), generator=generator)",
            ),
        ),
    },
    "a-run": {
        "the friend's": """
            optimiser = torch.optim.SGD(network.parameters(), rate, momentum=0.9)
            first = 0
            if path.exists():
                kept = torch.load(path)
                network.load_state_dict(kept["network"])
                first = kept["epoch"]
            network.train()
            for epoch in range(first, epochs):
                for places in torch.randperm(len(images)).split(batch):
                    optimiser.zero_grad()
                    loss = cross_entropy(network(images[places]), labels[places])
                    loss.backward()
                    optimiser.step()
                torch.save({"network": network.state_dict(), "epoch": epoch}, path)
        """,
        "an epoch twice": changed(RUN, ('kept["epoch"] + 1', 'kept["epoch"]')),
        "an epoch left out": changed(RUN, ('kept["epoch"] + 1', 'kept["epoch"] + 2')),
        "the optimiser lost": changed(
            RUN, ('optimiser.load_state_dict(kept["optimiser"])', "pass")
        ),
        "the random numbers lost": changed(RUN, ('torch.set_rng_state(kept["random"])', "pass")),
        "the random numbers of the start": changed(
            RUN,
            ("    network.train()\n", "    random = torch.get_rng_state()\n    network.train()\n"),
            ("torch.get_rng_state()\n        torch", "random\n        torch"),
        ),
        "the same order in each epoch": changed(
            RUN,
            ("    network.train()\n", "    network.train()\n    order = None\n"),
            (
                "for places in torch.randperm(len(images)).split",
                "order = torch.randperm(len(images), generator=torch.Generator().manual_seed(1))\n"
                "        for places in order.split",
            ),
        ),
        "never shuffled": changed(
            RUN, ("torch.randperm(len(images))", "torch.arange(len(images))")
        ),
        "kept at the end only": changed(
            RUN,
            ("        kept = {", "    if first < epochs:\n        kept = {"),
        ),
        "kept after every second epoch": changed(
            RUN,
            (
                "        torch.save(kept, path)",
                "        if epoch % 2 or epoch + 1 == epochs:\n            torch.save(kept, path)",
            ),
        ),
        "batches of 16, always": changed(RUN, (".split(batch)", ".split(16)")),
        "no momentum": changed(RUN, (", momentum=0.9", "")),
        "trained for so many more epochs": changed(
            RUN, ("range(first, epochs)", "range(first, first + epochs)")
        ),
        "the last batch left out if it is small": changed(
            RUN,
            (
                "            optimiser.zero_grad()\n",
                "            if len(places) < batch:\n                continue\n            optimiser.zero_grad()\n",
            ),
        ),
        "weights only, but no running means": changed(
            RUN,
            ('"network": network.state_dict()', '"network": dict(network.named_parameters())'),
            (
                'network.load_state_dict(kept["network"])',
                'network.load_state_dict(kept["network"], strict=False)',
            ),
        ),
        "when all is done, the weights are not read": changed(
            RUN,
            (
                "    if path.exists():\n",
                '    if path.exists() and torch.load(path)["epoch"] + 1 >= epochs:\n'
                "        first = epochs\n    elif path.exists():\n",
            ),
        ),
    },
    "first-loss": {
        "classes of the batch": changed(
            FIRST_LOSS,
            ("math.log(logits.shape[1])", "math.log(labels.max() + 1 + (labels.max() == 0))"),
        ),
        "always ten classes": changed(FIRST_LOSS, ("math.log(logits.shape[1])", "math.log(10)")),
        "the sum of the losses": changed(
            FIRST_LOSS, ("(logits, labels).item()", '(logits, labels, reduction="sum").item()')
        ),
        "in the mode that it comes in": changed(FIRST_LOSS, ("    network.eval()\n", "")),
        "in training mode": changed(FIRST_LOSS, ("    network.eval()\n", "    network.train()\n")),
        "evaluation mode left behind": changed(
            FIRST_LOSS, ("    for layer, mode in modes:\n        layer.training = mode\n", "")
        ),
        "training mode left behind": changed(
            FIRST_LOSS,
            (
                "    for layer, mode in modes:\n        layer.training = mode\n",
                "    network.train()\n",
            ),
        ),
        "too strict with high ones": changed(FIRST_LOSS, ("share > 8", "share > 2")),
        "eight itself": changed(FIRST_LOSS, ("share > 8", "share * math.log(logits.shape[1]) > 8")),
        "low is below ln C": changed(FIRST_LOSS, ("share < 0.5", "share < 0.99")),
        "low is below one half": changed(
            FIRST_LOSS, ("share < 0.5", "share * math.log(logits.shape[1]) < 0.5")
        ),
        "infinite is high": changed(FIRST_LOSS, (" or math.isinf(share)", "")),
        "gradients left behind": changed(
            FIRST_LOSS,
            ("    share =", "    cross_entropy(network(images), labels).backward()\n    share ="),
        ),
        "a softmax of its own": changed(
            FIRST_LOSS, ("cross_entropy(logits,", "cross_entropy(logits.softmax(1),")
        ),
        "no word for a low loss": changed(
            FIRST_LOSS, ('    if share < 0.5:\n        return "low"\n', "")
        ),
    },
    "one-batch": {
        "the network itself": changed(ONE_BATCH, ("network = copy.deepcopy(network)", "pass")),
        "the network itself, its weights put back": changed(
            ONE_BATCH,
            ("network = copy.deepcopy(network)", "kept = copy.deepcopy(network.state_dict())"),
            ("    return loss", "    network.load_state_dict(kept)\n    return loss"),
        ),
        "a tenth": changed(ONE_BATCH, ("0.1 * math.log(logits.shape[1])", "0.1")),
        "a tenth of the first loss": changed(
            ONE_BATCH,
            (
                "    for _ in",
                "    first = cross_entropy(network(images), labels).item()\n    for _ in",
            ),
            ("0.1 * math.log(logits.shape[1])", "0.1 * first"),
        ),
        "classes of the batch": changed(
            ONE_BATCH, ("math.log(logits.shape[1])", "math.log(len(labels.unique()) + 1e-9)")
        ),
        "it has fallen": changed(
            ONE_BATCH, ("0.1 * math.log(logits.shape[1])", "0.9 * math.log(logits.shape[1])")
        ),
        "dropout on": changed(ONE_BATCH, ("network.eval()", "network.train()")),
        "trained with dropout, measured without": changed(
            ONE_BATCH,
            ("network.eval()", "network.train()"),
            ("    logits =", "    network.eval()\n    logits ="),
        ),
        "a hundred steps, always": changed(ONE_BATCH, ("range(steps)", "range(100)")),
        "a rate of 0.01, always": changed(ONE_BATCH, ("lr=rate", "lr=0.01")),
        "gradients are never zeroed": changed(ONE_BATCH, ("        optimiser.zero_grad()\n", "")),
        "thawed": changed(
            ONE_BATCH, ("    network.eval()\n", "    network.eval().requires_grad_(True)\n")
        ),
        "nothing can learn, so it doesn't": changed(
            ONE_BATCH, ("            break\n", "            return False\n")
        ),
        "right answers suffice": changed(
            ONE_BATCH,
            ("loss < 0.1 * math.log(logits.shape[1])", "bool((logits.argmax(1) == labels).all())"),
        ),
        "no number is none above": changed(
            ONE_BATCH,
            (
                "return loss < 0.1 * math.log(logits.shape[1])",
                "return not loss >= 0.1 * math.log(logits.shape[1])",
            ),
        ),
    },
    "passes": {
        "in the mode that it comes in": changed(PASSES, (".eval()", "")),
        "in training mode": changed(PASSES, (".eval()", ".train()")),
        "evaluation mode left behind": changed(
            PASSES, ("copy.deepcopy(network).eval()", "network.eval()")
        ),
        "two passes": changed(PASSES, ("range(15)", "range(1)")),
        "bit by bit": changed(PASSES, ("first.abs().max() / 1000", "0")),
        "a thousandth itself": changed(PASSES, ("first.abs().max() / 1000", "0.001")),
        "the first image only": changed(PASSES, ("range(len(images))", "range(1)")),
        "the last image only": changed(PASSES, ("range(len(images))", "[len(images) - 1]")),
        "company is not looked for": changed(PASSES, ('return "company"', "pass")),
        "company before chance": """
            network = copy.deepcopy(network).eval()
            with torch.no_grad():
                first = network(images)
                limit = first.abs().max() / 1000
                alone = torch.cat([network(image[None]) for image in images])
                if (alone - first).abs().max() > limit:
                    return "company"
                for _ in range(15):
                    if (network(images) - first).abs().max() > limit:
                        return "random"
            return "alike"
        """,
        "whether the module is there": """
            kinds = [type(layer) for layer in network.modules()]
            if Always in kinds:
                return "random"
            return "company" if Centred in kinds else "alike"
        """,
        "the answers' classes": """
            network = copy.deepcopy(network).eval()
            with torch.no_grad():
                first = network(images).argmax(1)
                for _ in range(15):
                    if (network(images).argmax(1) != first).any():
                        return "random"
                for place in range(len(images)):
                    if network(images[place : place + 1])[0].argmax() != first[place]:
                        return "company"
            return "alike"
        """,
        "the mean of all outputs": changed(
            PASSES,
            ("(network(images) - first).abs().max()", "(network(images) - first).mean().abs()"),
            ("(alone - first[place]).abs().max()", "(alone - first[place]).mean().abs()"),
        ),
        "images turned round": changed(
            PASSES, ("network(images[place : place + 1])[0]", "network(images.flip(0))[-1 - place]")
        ),
    },
    "left-behind": {
        "frozen ones only": """
            return [n for n, w in network.named_parameters() if not w.requires_grad]
        """,
        "unknown ones only": """
            known = {id(w) for group in optimiser.param_groups for w in group["params"]}
            return [n for n, w in network.named_parameters() if id(w) not in known]
        """,
        "no look at the loss": """
            moved = {id(w) for g in optimiser.param_groups if g["lr"] for w in g["params"]}
            return [
                n for n, w in network.named_parameters()
                if not w.requires_grad or id(w) not in moved
            ]
        """,
        "rates are not looked at": changed(LEFT_BEHIND, ('group["lr"] != 0', "True")),
        "a gradient of 0 is none": changed(
            LEFT_BEHIND, ("if gradient is not None", "if gradient is not None and gradient.any()")
        ),
        "the first group only": changed(
            LEFT_BEHIND, ("optimiser.param_groups:", "optimiser.param_groups[:1]:")
        ),
        "the optimiser's own rate": changed(
            LEFT_BEHIND, ('group["lr"] != 0', 'optimiser.defaults["lr"] != 0')
        ),
        "compared by their values": """
            known = [w for g in optimiser.param_groups if g["lr"] for w in g["params"]]
            return [
                n for n, w in network.named_parameters()
                if not w.requires_grad or not any(torch.equal(w, k) for k in known)
            ]
        """,
        "gradients as they are": changed(
            LEFT_BEHIND,
            (
                "    found = [None] * len(learning)\n",
                "    found = [w.grad for w in learning.values()]\n",
            ),
            ("    if loss.requires_grad:\n", "    if False:\n"),
        ),
        "gradients left behind": """
            moved = {id(w) for g in optimiser.param_groups if g["lr"] for w in g["params"]}
            network.zero_grad()
            loss = cross_entropy(network(images), labels)
            if loss.requires_grad:
                loss.backward()
            return [
                n for n, w in network.named_parameters() if w.grad is None or id(w) not in moved
            ]
        """,
        "a step, and what has moved": """
            before = {n: w.detach().clone() for n, w in network.named_parameters()}
            network.zero_grad()
            loss = cross_entropy(network(images), labels)
            if loss.requires_grad:
                loss.backward()
            optimiser.step()
            return [n for n, w in network.named_parameters() if torch.equal(w, before[n])]
        """,
        "a step of a copy": """
            network, optimiser = copy.deepcopy((network, optimiser))
            network.zero_grad()
            before = {n: w.detach().clone() for n, w in network.named_parameters()}
            loss = cross_entropy(network(images), labels)
            if loss.requires_grad:
                loss.backward()
            optimiser.step()
            return [n for n, w in network.named_parameters() if torch.equal(w, before[n])]
        """,
        "without biases": changed(
            LEFT_BEHIND,
            ("    return [n for", "    return [n for"),
            ("id(w) in moved)]", "id(w) in moved) and w.ndim > 1]"),
        ),
        "backwards": changed(
            LEFT_BEHIND, ("    return [", "    return sorted("), ("in moved)]", "in moved))")
        ),
        "evaluation mode left behind": changed(
            LEFT_BEHIND, ("        layer.training = mode\n", "        pass\n")
        ),
    },
}

RIGHT = {
    "signs-by-hand": {
        "otherwise": SIGNS,
        "four decimals": """
            signs["first loss"] = round(math.log(classes), 4)
            signs["floor"] = round(-math.log(math.e / (math.e + classes - 1)), 4)
            signs["times as far"] = (1 + steps) / 2
            signs["mean of batches"] = round((84 + 76 + 600 / left) / 3, 4)
            signs["accuracy"] = round(100 * 166 / (200 + left), 4)
        """,
    },
    "a-network": {
        "layers by name": NETWORK,
        "one row of layers": """
            def __init__(self, classes, side, width=8, p=0.5):
                super().__init__()
                self.layers = nn.Sequential(
                    nn.Conv2d(3, width, 3, padding="same"),
                    nn.ReLU(),
                    nn.MaxPool2d(2),
                    nn.Conv2d(width, 2 * width, 3, padding="same"),
                    nn.ReLU(),
                    nn.MaxPool2d(2),
                    nn.Flatten(),
                    nn.LazyLinear(32),
                    nn.ReLU(),
                    nn.Dropout(p),
                    nn.LazyLinear(classes),
                )

            def forward(self, x):
                return self.layers(x)
        """,
        "dropout before the ReLU, parts in another order": """
            def __init__(self, classes, side, width=8, p=0.5):
                super().__init__()
                self.head = nn.Linear(32, classes)
                self.neck = nn.Linear(2 * width * (side // 2 // 2) ** 2, 32)
                self.body = nn.ModuleDict(
                    {
                        "b": nn.Conv2d(width, 2 * width, (3, 3), padding=(1, 1)),
                        "a": nn.Conv2d(3, width, (3, 3), padding=(1, 1)),
                    }
                )
                self.p = p

            def forward(self, x):
                x = torch.relu(F.max_pool2d(self.body["a"](x), 2))
                x = torch.relu(F.max_pool2d(self.body["b"](x), 2))
                x = self.neck(x.reshape(len(x), -1))
                return self.head(torch.relu(F.dropout(x, self.p, self.training)))
        """,
    },
    "a-loop": {
        "zeroed at another moment": LOOP,
        "the rate by hand": """
            optimiser = torch.optim.SGD(network.parameters(), lr=rate, momentum=0.9)
            history = []
            for epoch in range(epochs):
                for group in optimiser.param_groups:
                    group["lr"] = rate / 10 ** (epoch // every)
                losses = []
                for images, labels in batches:
                    network.train()
                    network.zero_grad()
                    losses_of_images = cross_entropy(network(images), labels, reduction="none")
                    losses_of_images.mean().backward()
                    optimiser.step()
                    losses += losses_of_images.tolist()
                history.append((sum(losses) / len(losses), test(network)))
            return history
        """,
        "the optimiser by hand": """
            history, velocities = [], {}
            for epoch in range(epochs):
                network.train()
                total = count = 0
                for images, labels in batches:
                    loss = cross_entropy(network(images), labels)
                    weights = [w for w in network.parameters() if w.requires_grad]
                    with torch.no_grad():
                        for w, g in zip(weights, torch.autograd.grad(loss, weights)):
                            velocities[w] = 0.9 * velocities.get(w, 0) + g
                            w -= rate * 0.1 ** (epoch // every) * velocities[w]
                    total += float(loss) * len(images)
                    count += len(images)
                history.append((total / count, test(network)))
            return history
        """,
    },
    "a-test": {
        "modes in a list": TEST,
        "all logits first, in a copy": """
            network = copy.deepcopy(network).eval()
            with torch.inference_mode():
                pairs = [(network(images), labels) for images, labels in batches]
            logits, labels = (torch.cat(parts) for parts in zip(*pairs))
            accuracy = (logits.argmax(1) == labels).double().mean() * 100
            return [accuracy, cross_entropy(logits, labels)]
        """,
        "weighted": """
            before = [layer.training for layer in network.modules()]
            network.eval()
            rows = []
            with torch.no_grad():
                for x, y in batches:
                    z = network(x)
                    hits = (z.argmax(1) == y).float().mean().item()
                    rows.append((len(y), hits, F.cross_entropy(z, y).item()))
            for layer, mode in zip(network.modules(), before):
                layer.train(mode) if not list(layer.children()) else setattr(layer, "training", mode)
            n = sum(row[0] for row in rows)
            return tuple(f * sum(r[0] * r[i] for r in rows) / n for i, f in ((1, 100), (2, 1)))
        """,
    },
    "a-preparation": {
        "as floats": PREPARATION,
        "never divided by 255": """
            images = torch.moveaxis(pixels, 3, 1).float()
            tests = torch.moveaxis(test_pixels, 3, 1).float()
            deviation, mean = torch.std_mean(images, (0, 2, 3), correction=0, keepdim=True)
            order = torch.randperm(len(labels), generator=generator)
            return ((images - mean) / deviation)[order], labels[order], (tests - mean) / deviation
        """,
        "channel by channel": """
            order = torch.randperm(len(labels), generator=generator)
            train, test = [], []
            for c in range(pixels.shape[3]):
                channel = pixels[..., c].float()
                mean, deviation = channel.mean(), channel.std()
                train.append((channel - mean) / deviation)
                test.append((test_pixels[..., c].float() - mean) / deviation)
            return torch.stack(train, 1)[order], labels[order], torch.stack(test, 1)
        """,
    },
    "a-run": {
        "the last epoch's number": RUN,
        "a seed for each epoch": """
            optimiser = torch.optim.SGD(network.parameters(), rate, momentum=0.9)
            kept = torch.load(path) if path.exists() else {"done": 0}
            if kept["done"]:
                network.load_state_dict(kept["network"])
                optimiser.load_state_dict(kept["optimiser"])
            network.train()
            for epoch in range(kept["done"], epochs):
                torch.manual_seed(epoch)
                order = torch.randperm(len(images))
                for at in range(0, len(order), batch):
                    places = order[at : at + batch]
                    optimiser.zero_grad()
                    cross_entropy(network(images[places]), labels[places]).backward()
                    optimiser.step()
                states = {"network": network.state_dict(), "optimiser": optimiser.state_dict()}
                torch.save({"done": epoch + 1, **states}, path)
        """,
        "written aside, then moved": """
            optimiser = torch.optim.SGD(network.parameters(), rate, momentum=0.9)
            start = 1
            if path.exists():
                start, weights, velocities, numbers = torch.load(path, weights_only=False)
                network.load_state_dict(weights)
                optimiser.load_state_dict(velocities)
                torch.random.set_rng_state(numbers)
            for epoch in range(start, epochs + 1):
                network.train()
                for places in torch.split(torch.randperm(len(labels)), batch):
                    network.zero_grad()
                    cross_entropy(network(images[places]), labels[places]).backward()
                    optimiser.step()
                aside = path.with_suffix(".new")
                state = (network.state_dict(), optimiser.state_dict(), torch.random.get_rng_state())
                torch.save((epoch + 1, *state), aside)
                aside.replace(path)
        """,
    },
    "first-loss": {
        "modes put back": FIRST_LOSS,
        "by hand": """
            network = copy.deepcopy(network)
            network.eval()
            logits = network(images).detach().double()
            loss = -logits.log_softmax(1)[torch.arange(len(labels)), labels].mean()
            guess = math.log(logits.shape[-1])
            if not torch.isfinite(loss):
                return "no number"
            return "low" if loss < guess / 2 else "high" if loss > 8 * guess else "fine"
        """,
    },
    "one-batch": {
        "it stops when nothing can learn": ONE_BATCH,
        "learning parameters only": """
            model = copy.deepcopy(network).eval()
            weights = [w for w in model.parameters() if w.requires_grad]
            optimiser = torch.optim.Adam(weights, rate) if weights else None
            for _ in range(steps):
                loss = cross_entropy(model(images), labels)
                if optimiser is None or loss.grad_fn is None:
                    continue
                model.zero_grad()
                loss.backward()
                optimiser.step()
            with torch.no_grad():
                outputs = model(images)
                loss = cross_entropy(outputs, labels)
            return bool(loss < math.log(outputs.size(1)) / 10)
        """,
    },
    "passes": {
        "in a copy": PASSES,
        "an image among copies of itself": changed(
            PASSES,
            (
                "network(images[place : place + 1])[0]",
                "network(images[place : place + 1].expand_as(images))[0]",
            ),
        ),
        "all passes in a stack": """
            modes = {layer: layer.training for layer in network.modules()}
            network.eval()
            with torch.no_grad():
                passes = torch.stack([network(images) for _ in range(30)])
                alone = torch.cat([network(x) for x in images.split(1)])
            for layer in modes:
                layer.training = modes[layer]
            largest = passes[0].abs().max()
            if (passes - passes[0]).abs().max() > 1e-3 * largest:
                return "random"
            if (alone - passes[0]).abs().max() > 1e-3 * largest:
                return "company"
            return "alike"
        """,
    },
    "left-behind": {
        "by autograd": LEFT_BEHIND,
        "one by one": """
            model = copy.deepcopy(network).eval()
            for w in model.parameters():
                w.grad = None
            loss = cross_entropy(model(images), labels)
            if loss.grad_fn is not None:
                loss.backward()
            behind = []
            for (name, w), twin in zip(network.named_parameters(), model.parameters()):
                rates = [
                    float(g["lr"]) for g in optimiser.param_groups if any(w is k for k in g["params"])
                ]
                if not w.requires_grad or not any(rates) or twin.grad is None:
                    behind.append(name)
            return behind
        """,
    },
}


# Written when texts and tests stood, without a look at those above.
MORE_WRONG = {
    "signs-by-hand": {
        "the floor of a sigmoid": changed(
            SIGNS, ("math.log(math.e + classes - 1) - 1", "math.log(1 + math.exp(-1))")
        ),
        "momentum in it": changed(SIGNS, ("(steps + 1) / 2", "0.9 + 0.5 * (steps - 1)")),
    },
    "a-network": {
        "mean pooling": changed(NETWORK, ("max_pool2d", "avg_pool2d")),
        "dropout behind the conv layers too": changed(
            NETWORK, ("self.fc3(x.flatten(1))", "self.fc3(self.drop(x).flatten(1))")
        ),
        "one mask for all images": changed(
            NETWORK,
            ("self.drop(F.relu(self.fc3(x.flatten(1))))", "F.relu(self.fc3(x.flatten(1)))"),
            ("self.fc4(x)", "self.fc4(x * self.drop(torch.ones(1, 32)))"),
        ),
        "dropout of logits too": changed(NETWORK, ("self.fc4(x)\n", "self.drop(self.fc4(x))\n")),
    },
    "a-loop": {
        "batches kept from the first epoch": changed(
            LOOP, ("    history = []\n", "    history, batches = [], list(batches)\n")
        ),
        "loss measured after the step": changed(
            LOOP,
            ("total += loss.item()", "total += cross_entropy(network(images), labels).item()"),
        ),
        "Nesterov's momentum": changed(LOOP, ("momentum=0.9", "momentum=0.9, nesterov=True")),
        "training mode of the outermost module alone": changed(
            LOOP, ("        network.train()\n", "        network.training = True\n")
        ),
    },
    "a-test": {
        "modes put back from the leaves up": changed(
            TEST,
            ("in modes:\n        layer.training = mode", "modes[::-1]:\n        layer.train(mode)"),
            ("for layer, mode modes", "for layer, mode in modes"),
        ),
        "rounded": changed(TEST, ("100 * right / count", "round(100 * right / count)")),
    },
    "a-preparation": {
        "somebody else's numbers": changed(
            PREPARATION,
            ("images.mean((0, 2, 3), keepdim=True)", "0.5"),
            ("images.std((0, 2, 3), keepdim=True)", "0.25"),
        ),
        "always the same order": changed(
            PREPARATION, ("    order =", "    generator.manual_seed(0)\n    order =")
        ),
        "sorted by label": changed(
            PREPARATION, ("torch.randperm(len(images), generator=generator)", "labels.argsort()")
        ),
        "the test's own mean if it can have one": changed(
            PREPARATION,
            (
                "(tests - mean)",
                "(tests - (tests.mean((0, 2, 3), keepdim=True) if len(tests) > 1 else mean))",
            ),
        ),
    },
    "a-run": {
        "kept in memory": """
            optimiser = torch.optim.SGD(network.parameters(), rate, momentum=0.9)
            memory = vars(run).setdefault("memory", {})
            first = 0
            if path in memory:
                weights, velocities, numbers, first = memory[path]
                network.load_state_dict(weights)
                optimiser.load_state_dict(velocities)
                torch.set_rng_state(numbers)
            network.train()
            for epoch in range(first, epochs):
                for places in torch.randperm(len(images)).split(batch):
                    optimiser.zero_grad()
                    cross_entropy(network(images[places]), labels[places]).backward()
                    optimiser.step()
                states = copy.deepcopy((network.state_dict(), optimiser.state_dict()))
                memory[path] = (*states, torch.get_rng_state(), epoch + 1)
        """,
        "kept before the epoch": """
            optimiser = torch.optim.SGD(network.parameters(), rate, momentum=0.9)
            first = 0
            if path.exists():
                kept = torch.load(path)
                network.load_state_dict(kept["network"])
                optimiser.load_state_dict(kept["optimiser"])
                torch.set_rng_state(kept["random"])
                first = kept["epoch"]
            network.train()
            for epoch in range(first, epochs):
                kept = {"network": network.state_dict(), "epoch": epoch}
                kept["optimiser"] = optimiser.state_dict()
                kept["random"] = torch.get_rng_state()
                torch.save(kept, path)
                for places in torch.randperm(len(images)).split(batch):
                    optimiser.zero_grad()
                    cross_entropy(network(images[places]), labels[places]).backward()
                    optimiser.step()
        """,
        "another network trained": changed(
            RUN,
            (
                '        network.load_state_dict(kept["network"])\n',
                "        network = copy.deepcopy(network)\n"
                '        network.load_state_dict(kept["network"])\n'
                "        optimiser = torch.optim.SGD(network.parameters(), rate, momentum=0.9)\n",
            ),
        ),
    },
    "first-loss": {
        "the first image": changed(FIRST_LOSS, ("(logits, labels)", "(logits[:1], labels[:1])")),
        "bits": changed(FIRST_LOSS, ("math.log(", "math.log2(")),
    },
    "one-batch": {
        "a shallow copy": changed(ONE_BATCH, ("copy.deepcopy", "copy.copy")),
        "the last step's loss": """
            trained, loss = copy.deepcopy(network).eval(), math.inf
            optimiser = torch.optim.Adam(trained.parameters(), lr=rate)
            for _ in range(steps):
                logits = trained(images)
                loss = cross_entropy(logits, labels)
                optimiser.zero_grad()
                if loss.requires_grad:
                    loss.backward()
                    optimiser.step()
            return bool(loss < math.log(network(images).shape[1]) / 10)
        """,
        "SGD": changed(ONE_BATCH, ("optim.Adam", "optim.SGD")),
    },
    "passes": {
        "each output by its own size": """
            network = copy.deepcopy(network).eval()
            with torch.no_grad():
                first = network(images)
                limit = first.abs() / 1000
                for _ in range(15):
                    if ((network(images) - first).abs() > limit).any():
                        return "random"
                for place in range(len(images)):
                    alone = network(images[place : place + 1])[0]
                    if ((alone - first[place]).abs() > limit[place]).any():
                        return "company"
            return "alike"
        """,
        "in a batch of the same twice": changed(
            PASSES,
            ("network(images[place : place + 1])[0]", "network(images.repeat(2, 1, 1, 1))[place]"),
        ),
    },
    "left-behind": {
        "tiny rates": changed(LEFT_BEHIND, ('group["lr"] != 0', 'group["lr"] > 1e-6')),
        "a set": changed(
            LEFT_BEHIND, ("    return [", "    return {"), ("in moved)]", "in moved)}")
        ),
        "biases are not looked at": changed(
            LEFT_BEHIND, ("if gradient is not None", "if gradient is not None or '.bias' in n")
        ),
    },
}

MORE_RIGHT = {
    "signs-by-hand": {
        "by PyTorch": """
            guess = torch.zeros(classes).double()
            signs["first loss"] = -guess.log_softmax(0)[0].item()
            signs["floor"] = -torch.eye(classes).double().log_softmax(1)[0, 0]
            signs["times as far"] = torch.arange(1, steps + 1).sum() / steps
            signs["mean of batches"] = torch.tensor([84, 76, 600 / left]).double().mean()
            signs["accuracy"] = (84 + 76 + 6) / (100 + 100 + left) * 100
        """,
    },
    "a-network": {
        "sizes found by trying": """
            def __init__(self, classes, side, width=8, p=0.5):
                super().__init__()
                conv = {"kernel_size": 3, "stride": 1, "padding": 1}
                self.features = nn.Sequential(
                    *(nn.Conv2d(3, width, **conv), nn.ReLU(), nn.MaxPool2d(2, 2)),
                    *(nn.Conv2d(width, width * 2, **conv), nn.ReLU(), nn.MaxPool2d(2, 2)),
                )
                with torch.no_grad():
                    size = self.features(torch.zeros(1, 3, side, side)).numel()
                self.fc3, self.fc4 = nn.Linear(size, 32), nn.Linear(32, classes)
                self.dropout = nn.Dropout(p)

            def forward(self, x):
                x = torch.flatten(self.features(x), start_dim=1)
                return self.fc4(self.dropout(self.fc3(x).clamp(min=0)))
        """,
    },
    "a-loop": {
        "gradients removed, the rate by a rule": """
            optimiser = torch.optim.SGD(network.parameters(), rate, 0.9)
            rule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda e: 10.0 ** -(e // every))
            history = []
            while len(history) < epochs:
                total, count = 0, 0
                for pair in batches:
                    for w in network.train().parameters():
                        w.grad = None
                    loss = cross_entropy(network(pair[0]), pair[1])
                    loss.backward()
                    optimiser.step()
                    total += loss.detach() * len(pair[1])
                    count += len(pair[1])
                rule.step()
                history.append([total / count, test(network)])
            return history
        """,
    },
    "a-test": {
        "image by image": """
            losses, hits, modes = [], [], {}
            was_on = torch.is_grad_enabled()
            for name, layer in network.named_modules():
                modes[name], layer.training = layer.training, False
            torch.set_grad_enabled(False)
            try:
                for x, y in batches:
                    z = network(x)
                    losses.extend(cross_entropy(z, y, reduction="none").tolist())
                    hits.extend((z.max(dim=1).indices == y).tolist())
            finally:
                torch.set_grad_enabled(was_on)
                for name, layer in network.named_modules():
                    layer.training = modes[name]
            return sum(hits) / len(hits) * 100, sum(losses) / len(losses)
        """,
    },
    "a-preparation": {
        "by NumPy": """
            import numpy as np

            train = pixels.numpy().astype("float64")
            mean, deviation = train.mean(axis=(0, 1, 2)), train.std(axis=(0, 1, 2), ddof=1)
            made = [
                torch.from_numpy(((x - mean) / deviation).transpose(0, 3, 1, 2)).float()
                for x in (train, test_pixels.numpy())
            ]
            order = torch.randperm(pixels.shape[0], generator=generator)
            return made[0][order], labels[order], made[1]
        """,
    },
    "a-run": {
        "a generator of its own for the order": """
            optimiser = torch.optim.SGD(network.parameters(), lr=rate, momentum=0.9)
            state = {"epoch": 0}
            if path.is_file():
                state = torch.load(path)
                for name, one in (("weights", network), ("moves", optimiser)):
                    one.load_state_dict(state[name])
                torch.set_rng_state(state["masks"])
            while state["epoch"] < epochs:
                network.train()
                numbers = torch.Generator().manual_seed(1000 + state["epoch"])
                order = torch.randperm(len(images), generator=numbers)
                for i in range(-(-len(order) // batch)):
                    places = order[i * batch : (i + 1) * batch]
                    loss = cross_entropy(network(images[places]), labels[places])
                    optimiser.zero_grad()
                    loss.backward()
                    optimiser.step()
                state = {
                    "epoch": state["epoch"] + 1,
                    "weights": network.state_dict(),
                    "moves": optimiser.state_dict(),
                    "masks": torch.get_rng_state(),
                }
                torch.save(state, str(path))
        """,
    },
    "first-loss": {
        "by logsumexp": """
            inner = {name: layer.training for name, layer in network.named_modules()}
            for layer in network.modules():
                layer.training = False
            with torch.inference_mode():
                z = network(images).double()
                loss = (z.logsumexp(1) - z.gather(1, labels[:, None])[:, 0]).mean().item()
            for name, layer in network.named_modules():
                layer.training = inner[name]
            times = loss / math.log(z.size(1))
            if times != times or abs(times) == math.inf:
                return "no number"
            return ["low", "fine", "high"][(times >= 0.5) + (times > 8)]
        """,
    },
    "one-batch": {
        "the same network with other weights": """
            modes = {layer: layer.training for layer in network.modules()}
            network.eval()
            weights = {
                n: w.detach().clone().requires_grad_(w.requires_grad)
                for n, w in network.named_parameters()
            }

            def outputs():
                return torch.func.functional_call(network, weights, (images,))

            optimiser = torch.optim.Adam(weights.values(), lr=rate)
            for _ in range(steps):
                loss = cross_entropy(outputs(), labels)
                if loss.requires_grad:
                    optimiser.zero_grad()
                    loss.backward()
                    optimiser.step()
            last = outputs().detach()
            for layer, mode in modes.items():
                layer.training = mode
            return cross_entropy(last, labels).item() < math.log(last.shape[1]) / 10
        """,
    },
    "passes": {
        "in pairs": """
            network = copy.deepcopy(network).eval()
            with torch.no_grad():
                outputs = [network(images) for _ in range(12)]
                largest = outputs[0].abs().max().item()
                for other in outputs[1:]:
                    if (other - outputs[0]).abs().max().item() > largest * 0.001:
                        return "random"
                for i in range(len(images)):
                    for j in range(len(images)):
                        pair = network(images[[i, j]])
                        if (pair - outputs[0][[i, j]]).abs().max().item() > largest * 0.001:
                            return "company"
            return "alike"
        """,
    },
    "left-behind": {
        "network and optimiser copied together": """
            twin, doubled = copy.deepcopy((network, optimiser))
            twin.eval().zero_grad()
            loss = cross_entropy(twin(images), labels)
            if loss.requires_grad:
                loss.backward()
            moving = [
                w
                for g in doubled.param_groups
                if float(g["lr"])
                for w in g["params"]
                if w.grad is not None
            ]
            return [n for n, w in twin.named_parameters() if all(w is not m for m in moving)]
        """,
    },
}

for known, more in ((WRONG, MORE_WRONG), (RIGHT, MORE_RIGHT)):
    for name, bodies in more.items():
        known[name] |= bodies
