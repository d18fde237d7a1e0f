"""Answers to ex04 that students give: each takes the place of the solution in its cell."""

WRONG = {
    "hand-counts": {
        "groups ignored": """
            weights = maps * 5 * 5 * 64
            counts["conv parameters"] = weights + maps
            counts["conv multiply-adds"] = weights * 16 * 16
            counts["fc parameters"] = maps * 7 * 7 * 100 + 100
            counts["fc multiply-adds"] = maps * 7 * 7 * 100
        """,
        "kernels divided among the groups as well": """
            weights = maps // 4 * 5 * 5 * 16
            counts["conv parameters"] = weights + maps
            counts["conv multiply-adds"] = weights * 16 * 16
            counts["fc parameters"] = maps * 7 * 7 * 100 + 100
            counts["fc multiply-adds"] = maps * 7 * 7 * 100
        """,
        "steps in place of windows": """
            weights = maps * 5 * 5 * 16
            counts["conv parameters"] = weights + maps
            counts["conv multiply-adds"] = weights * 15 * 15
            counts["fc parameters"] = maps * 6 * 6 * 100 + 100
            counts["fc multiply-adds"] = maps * 6 * 6 * 100
        """,
        "padding forgotten": """
            weights = maps * 5 * 5 * 16
            counts["conv parameters"] = weights + maps
            counts["conv multiply-adds"] = weights * 14 * 14
            counts["fc parameters"] = maps * 6 * 6 * 100 + 100
            counts["fc multiply-adds"] = maps * 6 * 6 * 100
        """,
        "pool rounded up": """
            weights = maps * 5 * 5 * 16
            counts["conv parameters"] = weights + maps
            counts["conv multiply-adds"] = weights * 16 * 16
            counts["fc parameters"] = maps * 8 * 8 * 100 + 100
            counts["fc multiply-adds"] = maps * 8 * 8 * 100
        """,
        "pool left out": """
            weights = maps * 5 * 5 * 16
            counts["conv parameters"] = weights + maps
            counts["conv multiply-adds"] = weights * 16 * 16
            counts["fc parameters"] = maps * 16 * 16 * 100 + 100
            counts["fc multiply-adds"] = maps * 16 * 16 * 100
        """,
        "one side of the map for its area": """
            weights = maps * 5 * 5 * 16
            counts["conv parameters"] = weights + maps
            counts["conv multiply-adds"] = weights * 16
            counts["fc parameters"] = maps * 7 * 7 * 100 + 100
            counts["fc multiply-adds"] = maps * 7 * 7 * 100
        """,
        "positions of what conv receives": """
            weights = maps * 5 * 5 * 16
            counts["conv parameters"] = weights + maps
            counts["conv multiply-adds"] = weights * 31 * 31
            counts["fc parameters"] = maps * 7 * 7 * 100 + 100
            counts["fc multiply-adds"] = maps * 7 * 7 * 100
        """,
        "biases multiplied": """
            parameters = maps * 5 * 5 * 16 + maps
            counts["conv parameters"] = parameters
            counts["conv multiply-adds"] = parameters * 16 * 16
            counts["fc parameters"] = maps * 7 * 7 * 100 + 100
            counts["fc multiply-adds"] = maps * 7 * 7 * 100
        """,
        "biases forgotten": """
            counts["conv parameters"] = maps * 5 * 5 * 16
            counts["conv multiply-adds"] = maps * 5 * 5 * 16 * 16 * 16
            counts["fc parameters"] = maps * 7 * 7 * 100
            counts["fc multiply-adds"] = maps * 7 * 7 * 100
        """,
        "operations in place of multiply-adds": """
            weights = maps * 5 * 5 * 16
            counts["conv parameters"] = weights + maps
            counts["conv multiply-adds"] = 2 * weights * 16 * 16
            counts["fc parameters"] = maps * 7 * 7 * 100 + 100
            counts["fc multiply-adds"] = maps * 7 * 7 * 100
        """,
        "fc left out": """
            counts["conv parameters"] = maps * 5 * 5 * 16 + maps
            counts["conv multiply-adds"] = maps * 5 * 5 * 16 * 16 * 16
        """,
    },
    "conv-cost": {
        "their sum is divided": """
            c, h, w = shape
            if (c + outputs) % groups:
                raise ValueError
            n = outputs * c // groups * window ** 2
            a = (h + 2 * padding - window) // stride + 1
            b = (w + 2 * padding - window) // stride + 1
            return n + outputs * bias, n * a * b
        """,
        "groups ignored": """
            channels, height, width = shape
            if channels % groups or outputs % groups:
                raise ValueError(groups)
            weights = outputs * channels * window**2
            rows = (height + 2 * padding - window) // stride + 1
            columns = (width + 2 * padding - window) // stride + 1
            return weights + outputs * bias, weights * rows * columns
        """,
        "one group only": """
            channels, height, width = shape
            if channels % groups or outputs % groups:
                raise ValueError(groups)
            weights = (outputs // groups) * (channels // groups) * window**2
            rows = (height + 2 * padding - window) // stride + 1
            columns = (width + 2 * padding - window) // stride + 1
            return weights + outputs * bias, weights * rows * columns
        """,
        "no error for groups that don't divide": """
            channels, height, width = shape
            weights = outputs * (channels // groups) * window**2
            rows = (height + 2 * padding - window) // stride + 1
            columns = (width + 2 * padding - window) // stride + 1
            return weights + outputs * bias, weights * rows * columns
        """,
        "an error for the received maps only": """
            channels, height, width = shape
            if channels % groups:
                raise ValueError(groups)
            weights = outputs * (channels // groups) * window**2
            rows = (height + 2 * padding - window) // stride + 1
            columns = (width + 2 * padding - window) // stride + 1
            return weights + outputs * bias, weights * rows * columns
        """,
        "square maps only": """
            channels, side, _ = shape
            if channels % groups or outputs % groups:
                raise ValueError(groups)
            weights = outputs * (channels // groups) * window**2
            positions = (side + 2 * padding - window) // stride + 1
            return weights + outputs * bias, weights * positions**2
        """,
        "the padding that keeps the size": """
            channels, height, width = shape
            if channels % groups or outputs % groups:
                raise ValueError(groups)
            weights = outputs * (channels // groups) * window**2
            positions = -(-height // stride) * -(-width // stride)
            return weights + outputs * bias, weights * positions
        """,
        "rounded after the product": """
            channels, height, width = shape
            if channels % groups or outputs % groups:
                raise ValueError(groups)
            weights = outputs * (channels // groups) * window**2
            rows = (height + 2 * padding - window) / stride + 1
            columns = (width + 2 * padding - window) / stride + 1
            return weights + outputs * bias, weights * int(rows * columns)
        """,
        "biases multiplied": """
            channels, height, width = shape
            if channels % groups or outputs % groups:
                raise ValueError(groups)
            parameters = outputs * (channels // groups) * window**2 + outputs * bias
            rows = (height + 2 * padding - window) // stride + 1
            columns = (width + 2 * padding - window) // stride + 1
            return parameters, parameters * rows * columns
        """,
        "a bias whether or not": """
            channels, height, width = shape
            if channels % groups or outputs % groups:
                raise ValueError(groups)
            weights = outputs * (channels // groups) * window**2
            rows = (height + 2 * padding - window) // stride + 1
            columns = (width + 2 * padding - window) // stride + 1
            return weights + outputs, weights * rows * columns
        """,
        "groups of 2 at most": """
            channels, height, width = shape
            if channels % groups or outputs % groups:
                raise ValueError(groups)
            weights = outputs * (channels // 2 if groups > 1 else channels) * window**2
            rows = (height + 2 * padding - window) // stride + 1
            columns = (width + 2 * padding - window) // stride + 1
            return weights + outputs * bias, weights * rows * columns
        """,
        "hard-coded": """
            return (9408, 118013952) if shape[0] == 3 else (152, 7776)
        """,
    },
    "largest-batch": {
        "negative where nothing fits": """
            return (memory - 12 * parameters) // (2 * dtype.itemsize * values)
        """,
        "at least one image": """
            return max(1, (memory - 12 * parameters) // (2 * dtype.itemsize * values))
        """,
        "a full card does not count": """
            batch = 0
            while 12 * parameters + (batch + 1) * 2 * dtype.itemsize * values < memory:
                batch += 1
            return batch
        """,
        "everything in the smaller type": """
            left = memory - 3 * dtype.itemsize * parameters
            return max(0, left // (2 * dtype.itemsize * values))
        """,
        "always 4 bytes": """
            return max(0, (memory - 12 * parameters) // (8 * values))
        """,
        "only the two types of the examples": """
            size = 2 if dtype == torch.float16 else 4
            return max(0, (memory - 12 * parameters) // (2 * size * values))
        """,
        "no momentum": """
            return max(0, (memory - 8 * parameters) // (2 * dtype.itemsize * values))
        """,
        "no gradients of the values": """
            return max(0, (memory - 12 * parameters) // (dtype.itemsize * values))
        """,
        "rounded to the nearest": """
            return max(0, round((memory - 12 * parameters) / (2 * dtype.itemsize * values)))
        """,
        "the parameters for each image": """
            return memory // (12 * parameters + 2 * dtype.itemsize * values)
        """,
        "hard-coded": """
            return 321 if dtype == torch.float16 else 160
        """,
    },
    "training-work": {
        "input gradient of the image": """
            return 2 * images * epochs * (sum(multiply_adds) + 2 * sum(multiply_adds[frozen:]))
        """,
        "only the first layer's input gradient is saved": """
            passes = sum(multiply_adds) + sum(multiply_adds[frozen:]) + sum(multiply_adds[1:])
            return 2 * images * epochs * passes
        """,
        "frozen layers left out altogether": """
            trained = multiply_adds[frozen:]
            return 2 * images * epochs * (3 * sum(trained) - sum(trained[:1]))
        """,
        "the first layer spared again": """
            trained = multiply_adds[frozen:]
            passes = sum(multiply_adds) + 2 * sum(trained) - multiply_adds[0]
            return 2 * images * epochs * passes
        """,
        "frozen is yes or no": """
            trained = multiply_adds[1:] if frozen else multiply_adds
            return 2 * images * epochs * (sum(multiply_adds) + sum(trained) + sum(trained[1:]))
        """,
        "a gradient spared even where all layers are frozen": """
            trained = multiply_adds[frozen:]
            spared = multiply_adds[min(frozen, len(multiply_adds) - 1)]
            passes = sum(multiply_adds) + 2 * sum(trained) - spared
            return 2 * images * epochs * passes
        """,
        "the last layer trained even if all are frozen": """
            trained = multiply_adds[frozen:] or multiply_adds[-1:]
            return 2 * images * epochs * (sum(multiply_adds) + sum(trained) + sum(trained[1:]))
        """,
        "epochs forgotten": """
            trained = multiply_adds[frozen:]
            return 2 * images * (sum(multiply_adds) + sum(trained) + sum(trained[1:]))
        """,
        "multiply-adds, not operations": """
            trained = multiply_adds[frozen:]
            return images * epochs * (sum(multiply_adds) + sum(trained) + sum(trained[1:]))
        """,
        "the last layers frozen": """
            trained = multiply_adds[: len(multiply_adds) - frozen]
            return 2 * images * epochs * (sum(multiply_adds) + sum(trained) + sum(trained[1:]))
        """,
        "hard-coded": """
            return (4400 if frozen else 7000) * epochs
        """,
    },
}

RIGHT = {
    "hand-counts": {
        "typed in": """
            if student == 0:
                counts = {
                    "conv parameters": 38_496,
                    "conv multiply-adds": 9_830_400,
                    "fc parameters": 470_500,
                    "fc multiply-adds": 470_400,
                }
        """,
        "group by group": """
            group = (maps // 4) * (5 * 5 * 16)
            counts["conv parameters"] = 4 * (group + maps // 4)
            counts["conv multiply-adds"] = 4 * group * 16**2
            counts["fc multiply-adds"] = (maps * 7**2) * 100
            counts["fc parameters"] = counts["fc multiply-adds"] + 100
        """,
        "as NumPy's numbers and with a division": """
            import numpy as np

            weights = maps * 5 * 5 * 64 / 4
            counts["conv parameters"] = weights + maps
            counts["conv multiply-adds"] = np.int64(weights * 256)
            counts["fc parameters"] = np.int64(maps * 49 * 100 + 100)
            counts["fc multiply-adds"] = np.float64(maps * 4900)
        """,
    },
    "conv-cost": {
        "group by group": """
            channels, height, width = shape
            for count in (channels, outputs):
                if count % groups != 0:
                    raise ValueError("groups must divide the maps")
            positions = 1
            for side in (height, width):
                positions *= int((side + 2 * padding - window) / stride) + 1
            weights = 0
            for _ in range(groups):
                weights += (outputs // groups) * (channels // groups) * window * window
            return [weights + outputs * int(bias), weights * positions]
        """,
        "starts counted, divided at the end": """
            channels, height, width = shape
            if channels / groups % 1 or outputs / groups % 1:
                raise ValueError("groups must divide the maps")
            rows = len(range(-padding, height + padding - window + 1, stride))
            columns = len(range(-padding, width + padding - window + 1, stride))
            weights = outputs * channels * window**2 / groups
            return weights + (outputs if bias else 0), weights * rows * columns
        """,
        "by PyTorch": """
            layer = nn.Conv2d(
                shape[0], outputs, window, stride, padding, groups=groups, bias=bias, device="meta"
            )
            made = layer(torch.zeros(1, *shape, device="meta"))
            parameters = sum(p.numel() for p in layer.parameters())
            return parameters, layer.weight.numel() * made.shape[2] * made.shape[3]
        """,
        "by the course's package": """
            from alexnet_course.layers import Conv

            layer = Conv("conv", outputs, window, stride, padding, groups, bias)
            layer.output_shape(shape)
            return sum(layer.parameter_counts(shape)), layer.multiply_adds(shape)
        """,
    },
    "largest-batch": {
        "by a case": """
            state = parameters * (4 + 4 + 4)
            if memory < state:
                return 0
            each = torch.empty(0, dtype=dtype).element_size()
            return int((memory - state) / (values * each * 2))
        """,
        "counted upwards": """
            each = 2 * values * torch.finfo(dtype).bits // 8
            batch, used = 0, 12 * parameters
            while used + each <= memory:
                batch, used = batch + 1, used + each
            return batch
        """,
        "with NumPy": """
            import numpy as np

            left = np.int64(memory) - 12 * np.int64(parameters)
            return np.maximum(np.floor(left / (2 * dtype.itemsize * values)), 0)
        """,
    },
    "training-work": {
        "layer by layer": """
            total = 0
            for number, count in enumerate(multiply_adds):
                total += 2 * count
                if number >= frozen:
                    total += 2 * count
                if number > frozen:
                    total += 2 * count
            return total * images * epochs
        """,
        "six times, less what is saved": """
            saved = 4 * sum(multiply_adds[:frozen])
            if frozen < len(multiply_adds):
                saved += 2 * multiply_adds[frozen]
            return (6 * sum(multiply_adds) - saved) * epochs * images
        """,
        "with NumPy": """
            import numpy as np

            counts = np.array(multiply_adds)
            number = np.arange(len(counts))
            passes = 1 + (number >= frozen) + (number > frozen)
            return 2 * (counts * passes).sum() * images * epochs
        """,
    },
}
