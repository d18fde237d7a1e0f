"""Answers to ex01 that students give: each takes the place of the solution in its cell."""

WRONG = {
    "by-hand": {
        "a place too few": """
            results["height of conv1"] = 28 - 5
            results["height of pool2"] = 3
            results["parameters of conv1"] = 26 * first_maps
            results["parameters of conv2"] = 16 * (25 * first_maps + 1)
            results["parameters of fc3"] = 100 * (16 * 9 + 1)
            results["parameters"] = 26 * first_maps + 16 * (25 * first_maps + 1) + 14_500 + 1010
        """,
        "biases forgotten": """
            results["height of conv1"] = 24
            results["height of pool2"] = 4
            results["parameters of conv1"] = 25 * first_maps
            results["parameters of conv2"] = 16 * 25 * first_maps
            results["parameters of fc3"] = 25_600
            results["parameters"] = 425 * first_maps + 26_600
        """,
        "the last layer forgotten": """
            results["height of conv1"] = 24
            results["height of pool2"] = 4
            results["parameters of conv1"] = 26 * first_maps
            results["parameters of conv2"] = 16 * (25 * first_maps + 1)
            results["parameters of fc3"] = 25_700
            results["parameters"] = 26 * first_maps + 16 * (25 * first_maps + 1) + 25_700
        """,
        "conv2 reads one map": """
            results["height of conv1"] = 24
            results["height of pool2"] = 4
            results["parameters of conv1"] = 26 * first_maps
            results["parameters of conv2"] = 16 * 26
            results["parameters of fc3"] = 25_700
            results["parameters"] = 26 * first_maps + 416 + 25_700 + 1010
        """,
        "fc3 reads a number for each map": """
            results["height of conv1"] = 24
            results["height of pool2"] = 4
            results["parameters of conv1"] = 26 * first_maps
            results["parameters of conv2"] = 16 * (25 * first_maps + 1)
            results["parameters of fc3"] = 1700
            results["parameters"] = 26 * first_maps + 16 * (25 * first_maps + 1) + 1700 + 1010
        """,
        "the second pooling forgotten": """
            results["height of conv1"] = 24
            results["height of pool2"] = 8
            results["parameters of conv1"] = 26 * first_maps
            results["parameters of conv2"] = 16 * (25 * first_maps + 1)
            results["parameters of fc3"] = 100 * (16 * 64 + 1)
            results["parameters"] = 26 * first_maps + 16 * (25 * first_maps + 1) + 102_500 + 1010
        """,
        "a bias for each map that conv2 reads": """
            results["height of conv1"] = 24
            results["height of pool2"] = 4
            results["parameters of conv1"] = 26 * first_maps
            results["parameters of conv2"] = 16 * 26 * first_maps
            results["parameters of fc3"] = 25_700
            results["parameters"] = 26 * first_maps + 416 * first_maps + 25_700 + 1010
        """,
        "another student's numbers, eight maps": """
            results["height of conv1"] = 24
            results["height of pool2"] = 4
            results["parameters of conv1"] = 26 * 8
            results["parameters of conv2"] = 16 * (25 * 8 + 1)
            results["parameters of fc3"] = 25_700
            results["parameters"] = 26 * 8 + 16 * (25 * 8 + 1) + 25_700 + 1010
        """,
    },
    "top-error": {
        "hits": """
            guesses = scores.argsort(dim=1, descending=True)[:, :k]
            return (guesses == right[:, None]).any(dim=1).float().mean().item()
        """,
        "a percentage": """
            guesses = scores.argsort(dim=1, descending=True)[:, :k]
            return 100 * (1 - (guesses == right[:, None]).any(dim=1).float().mean().item())
        """,
        "a number of images": """
            guesses = scores.argsort(dim=1, descending=True)[:, :k]
            return int((~(guesses == right[:, None]).any(dim=1)).sum())
        """,
        "the lowest scores first": """
            guesses = scores.argsort(dim=1)[:, :k]
            return 1 - (guesses == right[:, None]).any(dim=1).float().mean().item()
        """,
        "only the last of the k guesses": """
            guesses = scores.argsort(dim=1, descending=True)
            return (guesses[:, k - 1] != right).float().mean().item()
        """,
        "always four images": """
            guesses = scores.argsort(dim=1, descending=True)[:, :k]
            hits = sum(int(r in g) for g, r in zip(guesses.tolist(), right.tolist()))
            return 1 - hits / 4
        """,
        "never more than five guesses": """
            k = min(k, 5)
            guesses = scores.argsort(dim=1, descending=True)[:, :k]
            return 1 - (guesses == right[:, None]).any(dim=1).double().mean().item()
        """,
        "the best one set to 0 for the next guess": """
            left, missed = scores.clone(), torch.ones(len(scores), dtype=torch.bool)
            for _ in range(k):
                best = left.argmax(dim=1)
                missed &= best != right
                left[torch.arange(len(left)), best] = 0
            return missed.double().mean().item()
        """,
        "the scores crossed out in place": """
            missed = torch.ones(len(scores), dtype=torch.bool)
            for _ in range(k):
                best = scores.argmax(dim=1)
                missed &= best != right
                scores[torch.arange(len(scores)), best] = -torch.inf
            return missed.double().mean().item()
        """,
    },
    "growth": {
        "the old divided by the new": """
            one, other = layer_table(old), layer_table(new)
            values = [torch.Size(n.input_shape).numel() for n in (old, new)]
            layers = [int((t["parameters"][:-1] > 0).sum()) for t in (one, other)]
            made = {"values of an image": values[0] / values[1]}
            made["layers that learn"] = layers[0] / layers[1]
            for what in ("parameters", "multiply_adds"):
                made[what] = one[what].iloc[-1] / other[what].iloc[-1]
            return made
        """,
        "how much larger": """
            one, other = layer_table(old), layer_table(new)
            values = [torch.Size(n.input_shape).numel() for n in (old, new)]
            layers = [int((t["parameters"][:-1] > 0).sum()) for t in (one, other)]
            made = {"values of an image": values[1] - values[0]}
            made["layers that learn"] = layers[1] - layers[0]
            for what in ("parameters", "multiply_adds"):
                made[what] = int(other[what].iloc[-1] - one[what].iloc[-1])
            return made
        """,
        "rounded": """
            one, other = layer_table(old), layer_table(new)
            values = [torch.Size(n.input_shape).numel() for n in (old, new)]
            layers = [int((t["parameters"][:-1] > 0).sum()) for t in (one, other)]
            made = {"values of an image": round(values[1] / values[0])}
            made["layers that learn"] = round(layers[1] / layers[0])
            for what in ("parameters", "multiply_adds"):
                made[what] = round(other[what].iloc[-1] / one[what].iloc[-1])
            return made
        """,
        "the line of the sum counted as a layer": """
            one, other = layer_table(old), layer_table(new)
            values = [torch.Size(n.input_shape).numel() for n in (old, new)]
            layers = [int((t["parameters"] > 0).sum()) for t in (one, other)]
            made = {"values of an image": values[1] / values[0]}
            made["layers that learn"] = layers[1] / layers[0]
            for what in ("parameters", "multiply_adds"):
                made[what] = other[what].iloc[-1] / one[what].iloc[-1]
            return made
        """,
        "all layers": """
            one, other = layer_table(old), layer_table(new)
            values = [torch.Size(n.input_shape).numel() for n in (old, new)]
            made = {"values of an image": values[1] / values[0]}
            made["layers that learn"] = len(new.layers) / len(old.layers)
            for what in ("parameters", "multiply_adds"):
                made[what] = other[what].iloc[-1] / one[what].iloc[-1]
            return made
        """,
        "conv layers only": """
            one, other = layer_table(old), layer_table(new)
            values = [torch.Size(n.input_shape).numel() for n in (old, new)]
            layers = [sum(layer.kind == "conv" for layer in n.layers) for n in (old, new)]
            made = {"values of an image": values[1] / values[0]}
            made["layers that learn"] = layers[1] / layers[0]
            for what in ("parameters", "multiply_adds"):
                made[what] = other[what].iloc[-1] / one[what].iloc[-1]
            return made
        """,
        "pixels, without the channels": """
            one, other = layer_table(old), layer_table(new)
            values = [torch.Size(n.input_shape[1:]).numel() for n in (old, new)]
            layers = [int((t["parameters"][:-1] > 0).sum()) for t in (one, other)]
            made = {"values of an image": values[1] / values[0]}
            made["layers that learn"] = layers[1] / layers[0]
            for what in ("parameters", "multiply_adds"):
                made[what] = other[what].iloc[-1] / one[what].iloc[-1]
            return made
        """,
        "the largest layer": """
            one, other = layer_table(old)[:-1], layer_table(new)[:-1]
            values = [torch.Size(n.input_shape).numel() for n in (old, new)]
            layers = [int((t["parameters"] > 0).sum()) for t in (one, other)]
            made = {"values of an image": values[1] / values[0]}
            made["layers that learn"] = layers[1] / layers[0]
            made["parameters"] = other["parameters"].sum() / one["parameters"].sum()
            made["multiply_adds"] = other["multiply_adds"].max() / one["multiply_adds"].max()
            return made
        """,
    },
    "support": {
        "a letter that is none": """
            support = {1: "B", 2: "D", 3: "G", 4: "A", 5: "E", 6: "none"}
        """,
        "the larger collection taken from C": """
            support = {1: "B", 2: "D", 3: "C", 4: "A", 5: "E", 6: "none"}
        """,
        "the two GPUs taken from F": """
            support = {1: "B", 2: "D", 3: "none", 4: "A", 5: "E", 6: "F"}
        """,
        "one network taken from the winning seven": """
            support = {1: "B", 2: "D", 3: "none", 4: "E", 5: "E", 6: "none"}
        """,
        "the competition of 2012 on photographs of 2010": """
            support = {1: "B", 2: "D", 3: "none", 4: "A", 5: "A", 6: "none"}
        """,
        "several networks against another way": """
            support = {1: "E", 2: "D", 3: "none", 4: "A", 5: "E", 6: "none"}
        """,
        "nothing supports anything": """
            support = dict.fromkeys(range(1, 7), "none")
        """,
    },
    "interval": {
        "of one error": """
            p = first / 100
            wide = 196 * (p * (1 - p) / images) ** 0.5
            return first - second - wide, first - second + wide
        """,
        "deviations added": """
            wide = sum(196 * (e / 100 * (1 - e / 100) / images) ** 0.5 for e in (first, second))
            return first - second - wide, first - second + wide
        """,
        "shares": """
            p, q = first / 100, second / 100
            wide = 1.96 * ((p * (1 - p) + q * (1 - q)) / images) ** 0.5
            return p - q - wide, p - q + wide
        """,
        "without the 1.96": """
            p, q = first / 100, second / 100
            wide = 100 * ((p * (1 - p) + q * (1 - q)) / images) ** 0.5
            return first - second - wide, first - second + wide
        """,
        "the upper end first": """
            p, q = first / 100, second / 100
            wide = 196 * ((p * (1 - p) + q * (1 - q)) / images) ** 0.5
            return first - second + wide, first - second - wide
        """,
        "the other difference": """
            p, q = first / 100, second / 100
            wide = 196 * ((p * (1 - p) + q * (1 - q)) / images) ** 0.5
            return second - first - wide, second - first + wide
        """,
        "around 0": """
            p, q = first / 100, second / 100
            wide = 196 * ((p * (1 - p) + q * (1 - q)) / images) ** 0.5
            return -wide, wide
        """,
        "the first error taken twice": """
            p = first / 100
            wide = 196 * (2 * p * (1 - p) / images) ** 0.5
            return first - second - wide, first - second + wide
        """,
        "p where p (1 - p) should stand, halved": """
            wide = 196 * ((first + second) / 200 / images) ** 0.5
            return first - second - wide, first - second + wide
        """,
        "always of the worst case, 50 %": """
            wide = 196 * (0.5 / images) ** 0.5
            return first - second - wide, first - second + wide
        """,
    },
    "luck": {
        "percentages": """
            luck = {
                "more than chance on 50,000": False, "more than chance on 150,000": False,
                "share on 50,000": 67.4, "share on 150,000": 46.6,
            }
        """,
        "the two exchanged": """
            luck = {
                "more than chance on 50,000": False, "more than chance on 150,000": False,
                "share on 50,000": 0.466, "share on 150,000": 0.674,
            }
        """,
        "150,000 said to be enough": """
            luck = {
                "more than chance on 50,000": False, "more than chance on 150,000": True,
                "share on 50,000": 0.674, "share on 150,000": 0.466,
            }
        """,
        "only one of the two may be ahead": """
            for images in (50_000, 150_000):
                counts = torch.full((2, 20_000), float(images))
                first, second = torch.binomial(counts, torch.full_like(counts, 0.17))
                luck[f"share on {images:,}"] = ((first - second) >= images / 1000).float().mean()
                luck[f"more than chance on {images:,}"] = False
        """,
        "one network against the true error": """
            for images in (50_000, 150_000):
                counts = torch.full((20_000,), float(images))
                misses = torch.binomial(counts, torch.full_like(counts, 0.17))
                apart = (misses - 0.17 * images).abs() >= images / 1000
                luck[f"share on {images:,}"] = apart.float().mean()
                luck[f"more than chance on {images:,}"] = False
        """,
        "closer than 0.1 points": """
            for images in (50_000, 150_000):
                counts = torch.full((2, 20_000), float(images))
                first, second = torch.binomial(counts, torch.full_like(counts, 0.17))
                closer = (first - second).abs() < images / 1000
                luck[f"share on {images:,}"] = closer.float().mean()
                luck[f"more than chance on {images:,}"] = False
        """,
        "0.01 points for 0.1": """
            for images in (50_000, 150_000):
                counts = torch.full((2, 20_000), float(images))
                first, second = torch.binomial(counts, torch.full_like(counts, 0.17))
                apart = (first - second).abs() >= images / 10_000
                luck[f"share on {images:,}"] = apart.float().mean()
                luck[f"more than chance on {images:,}"] = False
        """,
    },
}

RIGHT = {
    "by-hand": {
        "read from the course's network": """
            from alexnet_course.architectures import Architecture
            from alexnet_course.layers import Conv, Flatten, Linear, Pool

            layers = (
                Conv("conv1", first_maps, 5), Pool("pool1", 2, 2), Conv("conv2", 16, 5),
                Pool("pool2", 2, 2), Flatten("flatten"), Linear("fc3", 100), Linear("fc4", 10),
            )
            table = layer_table(Architecture("digits", (1, 28, 28), layers)).set_index("name")
            for name in ("conv1", "pool2"):
                results[f"height of {name}"] = table.loc[name, "output_shape"][1]
            for name in ("conv1", "conv2", "fc3"):
                results[f"parameters of {name}"] = table.loc[name, "parameters"]
            results["parameters"] = table.loc["total", "parameters"]
        """,
        "floats": """
            results = dict(zip(results, (
                24.0, (24 / 2 - 4) / 2, 26.0 * first_maps, 400.0 * first_maps + 16, 25_700.0,
                426.0 * first_maps + 16 + 25_700 + 1010,
            )))
        """,
    },
    "top-error": {
        "by topk": """
            best = torch.topk(scores, k).indices
            hits = torch.tensor([label in row for row, label in zip(best, right)])
            return (~hits).float().mean()
        """,
        "by how many are guessed before": """
            missed = 0
            for row, label in zip(scores.tolist(), right.tolist()):
                missed += sum(score > row[label] for score in row) >= k
            return missed / len(right)
        """,
    },
    "growth": {
        "layer by layer": """
            def of(network):
                rows = [r for r in layer_table(network).to_dict("records") if r["name"] != "total"]
                c, h, w = network.input_shape
                return (
                    c * h * w,
                    len([r for r in rows if r["parameters"]]),
                    sum(r["parameters"] for r in rows),
                    sum(r["multiply_adds"] for r in rows),
                )

            names = ("values of an image", "layers that learn", "parameters", "multiply_adds")
            return {n: b / a for n, a, b in zip(names, of(old), of(new))}
        """,
        "as numbers of NumPy": """
            import numpy as np

            tables = [layer_table(n).set_index("name") for n in (old, new)]
            made = {
                what: np.divide(*[t.loc["total", what] for t in tables[::-1]], dtype=float)
                for what in ("parameters", "multiply_adds")
            }
            made["values of an image"] = np.prod(new.input_shape) / np.prod(old.input_shape)
            learned = [np.sum(t["weights"].to_numpy() > 0) - 1 for t in tables]
            made["layers that learn"] = learned[1] / learned[0]
            return made
        """,
    },
    "support": {
        "small letters": """
            support = {1: "b", 2: "d", 3: "None", 4: "a", 5: " e ", 6: "NONE"}
        """,
        "one after the other": """
            for sentence, letter in enumerate(["B", "D", "none", "A", "E", "none"], 1):
                support[sentence] = letter
        """,
    },
    "interval": {
        "in points from the start, as a list": """
            variances = [e * (100 - e) / images for e in (first, second)]
            return [first - second + sign * 1.96 * sum(variances) ** 0.5 for sign in (-1, 1)]
        """,
        "by torch": """
            shares = torch.tensor([first, second], dtype=torch.float64) / 100
            deviations = (shares * (1 - shares) / images).sqrt()
            middle = shares[0] - shares[1]
            wide = 1.96 * deviations.norm()
            return 100 * (middle - wide), 100 * (middle + wide)
        """,
    },
    "luck": {
        "by NumPy": """
            import numpy as np

            rng = np.random.default_rng(3)
            for n in (50_000, 150_000):
                errors = rng.binomial(n, 0.17, size=(2, 50_000)) / n * 100
                luck[f"share on {n:,}"] = np.mean(np.abs(errors[0] - errors[1]) >= 0.1)
                luck[f"more than chance on {n:,}"] = interval(17.1, 17.0, n)[0] > 0
        """,
        "worked out, and a seed of its own": """
            g = torch.Generator().manual_seed(7)
            for n in (50_000, 150_000):
                p = torch.full((10_000,), 0.17)
                draws = [torch.binomial(torch.full_like(p, n), p, generator=g) for _ in range(2)]
                d = (draws[0] - draws[1]) / n
                luck[f"share on {n:,}"] = float(((d >= 0.001) | (d <= -0.001)).double().mean())
                luck[f"more than chance on {n:,}"] = False
        """,
    },
}
