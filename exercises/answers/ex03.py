"""Answers to ex03 that students give: each takes the place of the solution in its cell."""

WRONG = {
    "hand-sizes": {
        "pool2 forgets the last step": """
            sizes["conv1"] = (side - 11) // 4 + 1
            sizes["pool1"] = (sizes["conv1"] - 3) // 2 + 1
            sizes["conv2"] = sizes["pool1"]
            sizes["pool2"] = (sizes["conv2"] - 3) // 2
            sizes["conv5"] = sizes["pool2"]
            sizes["pool5"] = (sizes["conv5"] - 3) // 2 + 1
        """,
        "conv2 without its padding": """
            sizes["conv1"] = (side - 11) // 4 + 1
            sizes["pool1"] = (sizes["conv1"] - 3) // 2 + 1
            sizes["conv2"] = sizes["pool1"] - 4
            sizes["pool2"] = (sizes["conv2"] - 3) // 2 + 1
            sizes["conv5"] = sizes["pool2"]
            sizes["pool5"] = (sizes["conv5"] - 3) // 2 + 1
        """,
        "steps in place of windows": """
            sizes["conv1"] = (side - 11) // 4
            sizes["pool1"] = (sizes["conv1"] - 3) // 2
            sizes["conv2"] = sizes["pool1"]
            sizes["pool2"] = (sizes["conv2"] - 3) // 2
            sizes["conv5"] = sizes["pool2"]
            sizes["pool5"] = (sizes["conv5"] - 3) // 2
        """,
        "pooling halves": """
            sizes["conv1"] = (side - 11) // 4 + 1
            sizes["pool1"] = sizes["conv1"] // 2 + 1
            sizes["conv2"] = sizes["pool1"]
            sizes["pool2"] = sizes["conv2"] // 2 + 1
            sizes["conv5"] = sizes["pool2"]
            sizes["pool5"] = sizes["conv5"] // 2 + 1
        """,
        "fractions": """
            sizes["conv1"] = (side - 11) / 4 + 1
            sizes["pool1"] = (sizes["conv1"] - 3) / 2 + 1
            sizes["conv2"] = sizes["pool1"]
            sizes["pool2"] = (sizes["conv2"] - 3) / 2 + 1
            sizes["conv5"] = sizes["pool2"]
            sizes["pool5"] = (sizes["conv5"] - 2) / 2 + 1
        """,
        "channels in place of widths": """
            sizes.update(conv1=96, pool1=96, conv2=256, pool2=256, conv5=256, pool5=256)
        """,
        "one entry left out": """
            sizes["conv1"] = (side - 11) // 4 + 1
            sizes["pool1"] = (sizes["conv1"] - 3) // 2 + 1
        """,
    },
    "positions": {
        "another error": """
            r = size + 2 * padding - window
            return {"down": r // stride + 1, "up": -(-r // stride) + 1}[rounding]
        """,
        "no rounding is down": """
            r = size + 2 * padding - window
            if rounding in ("down", None, ""):
                return r // stride + 1
            if rounding == "up":
                return -(-r // stride) + 1
            raise ValueError
        """,
        "small and capital letters alike": """
            r = size + 2 * padding - window
            if rounding.lower() not in ("down", "up"):
                raise ValueError
            return r // stride + 1 if rounding.lower() == "down" else -(-r // stride) + 1
        """,
        "padding ignored when up": """
            if rounding == "up":
                return -(-(size - window) // stride) + 1
            if rounding != "down":
                raise ValueError
            return (size + 2 * padding - window) // stride + 1
        """,
        "rounds before the padding": """
            if rounding == "down":
                return (size - window) // stride + 1 + 2 * padding // stride
            return -(-(size - window) // stride) + 1 + 2 * padding // stride
        """,
        "padding on one side": """
            room = size + padding - window
            return room // stride + 1 if rounding == "down" else -(-room // stride) + 1
        """,
        "no last window": """
            room = size + 2 * padding - window
            return room // stride if rounding == "down" else -(-room // stride)
        """,
        "always down": """
            return (size + 2 * padding - window) // stride + 1
        """,
        "up is down plus one": """
            room = size + 2 * padding - window
            if rounding == "down":
                return room // stride + 1
            if rounding == "up":
                return room // stride + 2
            raise ValueError("rounding must be 'down' or 'up'")
        """,
        "anything but down is up": """
            room = size + 2 * padding - window
            return room // stride + 1 if rounding == "down" else -(-room // stride) + 1
        """,
        "fractions": """
            room = size + 2 * padding - window
            return room / stride + 1
        """,
        "hard-coded": """
            known = {(8, 3, 2, 0, "down"): 3, (224, 11, 4, 2, "down"): 55, (224, 11, 4, 0, "up"): 55}
            return known.get((size, window, stride, padding, rounding), 55)
        """,
        "rounds to the nearest": """
            room = size + 2 * padding - window
            if rounding not in ("down", "up"):
                raise ValueError(rounding)
            return round(room / stride - 0.01 if rounding == "down" else room / stride + 0.49) + 1
        """,
    },
    "sides-that-give": {
        "search up to 500": """
            return [s for s in range(1, 500) if s + 2 * padding >= window and (s + 2 * padding - window) // stride + 1 == wanted]
        """,
        "only the one that fits": """
            return [(wanted - 1) * stride + window - 2 * padding]
        """,
        "padding forgotten": """
            smallest = (wanted - 1) * stride + window
            return list(range(smallest, smallest + stride))
        """,
        "padding on one side": """
            smallest = (wanted - 1) * stride + window - padding
            return list(range(smallest, smallest + stride))
        """,
        "one too many": """
            smallest = (wanted - 1) * stride + window - 2 * padding
            return list(range(smallest, smallest + stride + 1))
        """,
        "windows for steps": """
            smallest = wanted * stride + window - 2 * padding
            return list(range(smallest, smallest + stride))
        """,
        "sides below 1": """
            smallest = (wanted - 1) * stride + window - 2 * padding
            return list(range(smallest, smallest + stride))
        """,
        "largest first": """
            smallest = (wanted - 1) * stride + window - 2 * padding
            return [s for s in range(smallest + stride - 1, smallest - 1, -1) if s >= 1]
        """,
        "always four": """
            smallest = (wanted - 1) * stride + window - 2 * padding
            return list(range(smallest, smallest + 4)) if stride > 1 else [smallest]
        """,
        "hard-coded": """
            return [227, 228, 229, 230] if stride == 4 else [57]
        """,
    },
    "receptive-field": {
        "the list emptied": """
            f = 1
            while layers:
                w, s = layers.pop()
                f = (f - 1) * s + w
            return f
        """,
        "at most 300 pixels": """
            f, d = 1, 1
            for w, s in layers:
                f += (w - 1) * d
                d *= s
            return min(f, 300)
        """,
        "strides ignored": """
            return 1 + sum(window - 1 for window, _ in layers)
        """,
        "a layer's own stride": """
            field, distance = 1, 1
            for window, stride in layers:
                distance *= stride
                field += (window - 1) * distance
            return field
        """,
        "only the last stride": """
            field, before = 1, 1
            for window, stride in layers:
                field += (window - 1) * before
                before = stride
            return field
        """,
        "whole windows": """
            field, distance = 0, 1
            for window, stride in layers:
                field += window * distance
                distance *= stride
            return field
        """,
        "windows multiplied": """
            field = 1
            for window, _ in layers:
                field *= window
            return field
        """,
        "strides added": """
            field, distance = 1, 0
            for window, stride in layers:
                field += (window - 1) * max(distance, 1)
                distance += stride
            return field
        """,
        "hard-coded": """
            return {1: 11, 2: 19}.get(len(layers), 163)
        """,
        "nothing for no layers": """
            field = distance = 0
            for window, stride in layers:
                field, distance = (field + (window - 1) * distance, distance * stride) if field else (window, stride)
            return field
        """,
    },
}

RIGHT = {
    "hand-sizes": {
        "by a loop": """
            width = side
            for name, window, stride, padding in [
                ("conv1", 11, 4, 0), ("pool1", 3, 2, 0), ("conv2", 5, 1, 2), ("pool2", 3, 2, 0),
                ("conv5", 3, 1, 1), ("pool5", 3, 2, 0),
            ]:
                width = (width + 2 * padding - window) // stride + 1
                sizes[name] = width
        """,
        "typed in": """
            if side == 227:
                sizes = {"conv1": 55, "pool1": 27, "conv2": 27, "pool2": 13, "conv5": 13, "pool5": 6}
        """,
        "by PyTorch, as NumPy's numbers": """
            import numpy as np

            x = torch.zeros(1, 1, side, side)
            for name, module in [
                ("conv1", nn.Conv2d(1, 1, 11, 4)), ("pool1", nn.MaxPool2d(3, 2)),
                ("conv2", nn.Conv2d(1, 1, 5, padding=2)), ("pool2", nn.MaxPool2d(3, 2)),
                ("conv5", nn.Conv2d(1, 1, 3, padding=1)), ("pool5", nn.MaxPool2d(3, 2)),
            ]:
                x = module(x)
                sizes[name] = np.int64(x.shape[-1])
        """,
    },
    "positions": {
        "with math": """
            if rounding not in ("down", "up"):
                raise ValueError(rounding)
            rounded = {"down": math.floor, "up": math.ceil}[rounding]
            return rounded((size + 2 * padding - window) / stride) + 1
        """,
        "counted": """
            if rounding not in ("down", "up"):
                raise ValueError(rounding)
            size = size + 2 * padding
            starts = [start for start in range(0, size, stride) if start + window <= size]
            if rounding == "up" and starts[-1] + window < size:
                starts.append(starts[-1] + stride)
            return len(starts)
        """,
        "padded to fit": """
            size += 2 * padding
            if rounding == "up":
                while (size - window) % stride:
                    size += 1
            elif rounding != "down":
                raise ValueError("down or up?")
            return (size - window) // stride + 1
        """,
    },
    "sides-that-give": {
        "tried one after the other": """
            return [
                s for s in range(1, wanted * stride + window + 1)
                if s + 2 * padding >= window and (s + 2 * padding - window) // stride + 1 == wanted
            ]
        """,
        "with the function from above": """
            largest = (wanted + 2) * (stride + window)
            fits = [s for s in range(1, largest) if s + 2 * padding >= window]
            return [s for s in fits if positions(s, window, stride, padding) == wanted]
        """,
        "as a range": """
            smallest = (wanted - 1) * stride + window - 2 * padding
            return list(range(max(smallest, 1), max(smallest + stride, 1)))
        """,
    },
    "receptive-field": {
        "backwards": """
            field = 1
            for window, stride in reversed(layers):
                field = (field - 1) * stride + window
            return field
        """,
        "as a sum": """
            field = 1
            for i, (window, _) in enumerate(layers):
                field += (window - 1) * math.prod(stride for _, stride in layers[:i])
            return field
        """,
    },
}
