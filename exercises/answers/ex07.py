"""Answers to ex07 that students give: each takes the place of the solution in its cell."""

WRONG = {
    "hand-pooling": {
        "the first gradient stays": """
            x = torch.tensor(small_map).double()
            for name, w in (("z = 2", 2), ("z = 3", 3)):
                out, back = [], {}
                for n, (r, c) in enumerate(((0, 0), (0, 2), (2, 0), (2, 2))):
                    m = int(x[r:r + w, c:c + w].max())
                    out.append(m)
                    back.setdefault(m, 10 ** n)
                pooled[name], passed_back[name] = out, back
        """,
        "the stride is the window": """
            x = torch.tensor(small_map).double()
            for name, w in (("z = 2", 2), ("z = 3", 3)):
                out, back = [], {}
                for n, (r, c) in enumerate(((0, 0), (0, w), (w, 0), (w, w))):
                    m = int(x[r:r + w, c:c + w].max())
                    out.append(m)
                    back[m] = back.get(m, 0) + 10 ** n
                pooled[name], passed_back[name] = out, back
        """,
        "the later gradient takes the place of the earlier": """
            for name, z in [("z = 2", 2), ("z = 3", 3)]:
                corners = [(0, 0), (0, 2), (2, 0), (2, 2)]
                pooled[name] = [max(max(r[c : c + z]) for r in small_map[t : t + z]) for t, c in corners]
                passed_back[name] = dict(zip(pooled[name], [1, 10, 100, 1000]))
        """,
        "column by column": """
            for name, z in [("z = 2", 2), ("z = 3", 3)]:
                corners = [(0, 0), (2, 0), (0, 2), (2, 2)]
                pooled[name] = [max(max(r[c : c + z]) for r in small_map[t : t + z]) for t, c in corners]
                passed_back[name] = {}
                for value, g in zip(pooled[name], [1, 10, 100, 1000]):
                    passed_back[name][value] = passed_back[name].get(value, 0) + g
        """,
        "gradients in the opposite order": """
            for name, z in [("z = 2", 2), ("z = 3", 3)]:
                corners = [(0, 0), (0, 2), (2, 0), (2, 2)]
                pooled[name] = [max(max(r[c : c + z]) for r in small_map[t : t + z]) for t, c in corners]
                passed_back[name] = {}
                for value, g in zip(pooled[name], [1000, 100, 10, 1]):
                    passed_back[name][value] = passed_back[name].get(value, 0) + g
        """,
        "the first row and column left out in place of the last": """
            for name, z in [("z = 2", 2), ("z = 3", 3)]:
                off = 3 - z
                corners = [(off, off), (off, 2 + off), (2 + off, off), (2 + off, 2 + off)]
                pooled[name] = [max(max(r[c : c + z]) for r in small_map[t : t + z]) for t, c in corners]
                passed_back[name] = {}
                for value, g in zip(pooled[name], [1, 10, 100, 1000]):
                    passed_back[name][value] = passed_back[name].get(value, 0) + g
        """,
        "the same for both": """
            pooled["z = 2"] = pooled["z = 3"] = [6, 7, 8, 7]
            passed_back["z = 2"] = passed_back["z = 3"] = {6: 1, 7: 1010, 8: 100}
        """,
        "smallest in place of largest": """
            for name, z in [("z = 2", 2), ("z = 3", 3)]:
                corners = [(0, 0), (0, 2), (2, 0), (2, 2)]
                pooled[name] = [min(min(r[c : c + z]) for r in small_map[t : t + z]) for t, c in corners]
                passed_back[name] = {}
                for value, g in zip(pooled[name], [1, 10, 100, 1000]):
                    passed_back[name][value] = passed_back[name].get(value, 0) + g
        """,
        "negative values taken for zeros": """
            for name, z in [("z = 2", 2), ("z = 3", 3)]:
                corners = [(0, 0), (0, 2), (2, 0), (2, 2)]
                pooled[name] = [max(0, *(max(r[c : c + z]) for r in small_map[t : t + z])) for t, c in corners]
                passed_back[name] = {}
                for value, g in zip(pooled[name], [1, 10, 100, 1000]):
                    passed_back[name][value] = passed_back[name].get(value, 0) + g
        """,
        "rounded up": """
            for name, z in [("z = 2", 2), ("z = 3", 3)]:
                corners = [(t, c) for t in (0, 2, 4) for c in (0, 2, 4)]
                pooled[name] = [max(max(r[c : c + z]) for r in small_map[t : t + z]) for t, c in corners]
                passed_back[name] = dict.fromkeys(pooled[name], 1)
        """,
        "gradients not done": """
            pooled["z = 2"], pooled["z = 3"] = [6, -3, 8, 7], [6, 7, 8, 7]
        """,
    },
    "max-pool": {
        "padded with zeros": """
            if rounding == "up":
                extra = [-(size - window) % stride for size in maps.shape[2:]]
                maps = nn.functional.pad(maps, (0, extra[1], 0, extra[0]))
            return maps.unfold(2, window, stride).unfold(3, window, stride).amax((-2, -1))
        """,
        "padded with a number that isn't small enough": """
            if rounding == "up":
                extra = [-(size - window) % stride for size in maps.shape[2:]]
                maps = nn.functional.pad(maps, (0, extra[1], 0, extra[0]), value=-1000)
            return maps.unfold(2, window, stride).unfold(3, window, stride).amax((-2, -1))
        """,
        "always rounded down": """
            return maps.unfold(2, window, stride).unfold(3, window, stride).amax((-2, -1))
        """,
        "up is one more": """
            rows, columns = ((size - window) // stride + 1 for size in maps.shape[2:])
            if rounding == "up":
                rows, columns = rows + 1, columns + 1
            made = torch.full((*maps.shape[:2], rows, columns), -math.inf)
            for i in range(rows):
                for j in range(columns):
                    seen = maps[:, :, i * stride : i * stride + window, j * stride : j * stride + window]
                    if seen.numel():
                        made[:, :, i, j] = seen.amax((2, 3))
            return made
        """,
        "square maps only": """
            side = maps.shape[2]
            starts = list(range(0, side - window + 1, stride))
            if rounding == "up" and starts[-1] + window < side:
                starts.append(starts[-1] + stride)
            lines = [
                torch.stack([maps[:, :, i : i + window, j : j + window].amax((2, 3)) for j in starts], -1)
                for i in starts
            ]
            return torch.stack(lines, -2)
        """,
        "padded by one whatever the window": """
            if rounding == "up":
                maps = nn.functional.pad(maps, (0, 1, 0, 1), value=-math.inf)
            return maps.unfold(2, window, stride).unfold(3, window, stride).amax((-2, -1))
        """,
        "the largest of all channels": """
            rounded = math.floor if rounding == "down" else math.ceil
            rows, columns = (rounded((size - window) / stride) + 1 for size in maps.shape[2:])
            made = torch.empty(*maps.shape[:2], rows, columns)
            for i in range(rows):
                for j in range(columns):
                    seen = maps[:, :, i * stride : i * stride + window, j * stride : j * stride + window]
                    made[:, :, i, j] = seen.amax((1, 2, 3))[:, None]
            return made
        """,
        "the last window pushed back into the map": """
            rounded = math.floor if rounding == "down" else math.ceil
            rows, columns = (rounded((size - window) / stride) + 1 for size in maps.shape[2:])
            made = torch.empty(*maps.shape[:2], rows, columns)
            for i in range(rows):
                for j in range(columns):
                    top = min(i * stride, maps.shape[2] - window)
                    left = min(j * stride, maps.shape[3] - window)
                    made[:, :, i, j] = maps[:, :, top : top + window, left : left + window].amax((2, 3))
            return made
        """,
        "the maximum begins at 0": """
            rounded = math.floor if rounding == "down" else math.ceil
            rows, columns = (rounded((size - window) / stride) + 1 for size in maps.shape[2:])
            made = torch.zeros(*maps.shape[:2], rows, columns)
            for i in range(rows):
                for j in range(columns):
                    seen = maps[:, :, i * stride : i * stride + window, j * stride : j * stride + window]
                    made[:, :, i, j] = torch.maximum(made[:, :, i, j], seen.amax((2, 3)))
            return made
        """,
        "stride always 2": """
            rounded = math.floor if rounding == "down" else math.ceil
            rows, columns = (rounded((size - window) / 2) + 1 for size in maps.shape[2:])
            made = torch.empty(*maps.shape[:2], rows, columns)
            for i in range(rows):
                for j in range(columns):
                    made[:, :, i, j] = maps[:, :, 2 * i : 2 * i + window, 2 * j : 2 * j + window].amax((2, 3))
            return made
        """,
        "by PyTorch's pooling": """
            return nn.functional.max_pool2d(maps, window, stride, ceil_mode=rounding == "up")
        """,
        "the maps are written over": """
            rounded = math.floor if rounding == "down" else math.ceil
            rows, columns = (rounded((size - window) / stride) + 1 for size in maps.shape[2:])
            for i in range(rows):
                for j in range(columns):
                    seen = maps[:, :, i * stride : i * stride + window, j * stride : j * stride + window]
                    maps[:, :, i, j] = seen.amax((2, 3))
            return maps[:, :, :rows, :columns].clone()
        """,
        "hard-coded": """
            if window == 3 and rounding == "down":
                return torch.tensor([[[[-1.0]]]])
            return torch.tensor([[[[-1.0, -3.0], [-9.0, -11.0]]]])
        """,
    },
    "max-pool-backward": {
        "overwritten in place of added": """
            back = torch.zeros_like(maps)
            images, channels, rows, columns = gradient.shape
            for n in range(images):
                for c in range(channels):
                    for i in range(rows):
                        for j in range(columns):
                            seen = maps[n, c, i * stride : i * stride + window, j * stride : j * stride + window]
                            at = int(seen.argmax())
                            width = seen.shape[1]
                            back[n, c, i * stride + at // width, j * stride + at % width] = gradient[n, c, i, j]
            return back
        """,
        "all that are equally large": """
            back = torch.zeros_like(maps)
            for i in range(gradient.shape[2]):
                for j in range(gradient.shape[3]):
                    at = (..., slice(i * stride, i * stride + window), slice(j * stride, j * stride + window))
                    largest = maps[at] == maps[at].amax((2, 3), keepdim=True)
                    back[at] += largest * gradient[:, :, i, j, None, None]
            return back
        """,
        "equally large ones share": """
            back = torch.zeros_like(maps)
            for i in range(gradient.shape[2]):
                for j in range(gradient.shape[3]):
                    at = (..., slice(i * stride, i * stride + window), slice(j * stride, j * stride + window))
                    largest = (maps[at] == maps[at].amax((2, 3), keepdim=True)).to(maps.dtype)
                    largest = largest / largest.sum((2, 3), keepdim=True)
                    back[at] += largest * gradient[:, :, i, j, None, None]
            return back
        """,
        "found by its value in the whole map": """
            back = torch.zeros_like(maps)
            images, channels, rows, columns = gradient.shape
            for n in range(images):
                for c in range(channels):
                    for i in range(rows):
                        for j in range(columns):
                            top, left = i * stride, j * stride
                            largest = maps[n, c, top : top + window, left : left + window].max()
                            at = int((maps[n, c] == largest).flatten().int().argmax())
                            back[n, c].view(-1)[at] += gradient[n, c, i, j]
            return back
        """,
        "a window at the edge taken for whole": """
            back = torch.zeros_like(maps)
            images, channels, rows, columns = gradient.shape
            height, width = maps.shape[2:]
            for n in range(images):
                for c in range(channels):
                    for i in range(rows):
                        for j in range(columns):
                            top, left = i * stride, j * stride
                            at = int(maps[n, c, top : top + window, left : left + window].argmax())
                            row, column = top + at // window, left + at % window
                            back[n, c, min(row, height - 1), min(column, width - 1)] += gradient[n, c, i, j]
            return back
        """,
        "windows that hang over the edge left out": """
            back = torch.zeros_like(maps)
            for i in range((maps.shape[2] - window) // stride + 1):
                for j in range((maps.shape[3] - window) // stride + 1):
                    at = (..., slice(i * stride, i * stride + window), slice(j * stride, j * stride + window))
                    first = maps[at].flatten(2).argmax(2)
                    mask = nn.functional.one_hot(first, window**2).reshape(maps[at].shape)
                    back[at] += mask * gradient[:, :, i, j, None, None]
            return back
        """,
        "edge filled with zeros": """
            down = (gradient.shape[2] - 1) * stride + window
            across = (gradient.shape[3] - 1) * stride + window
            height, width = maps.shape[2:]
            room = torch.zeros(*maps.shape[:2], max(down, height), max(across, width), dtype=maps.dtype)
            room[:, :, :height, :width] = maps
            back = torch.zeros_like(room)
            for i in range(gradient.shape[2]):
                for j in range(gradient.shape[3]):
                    at = (..., slice(i * stride, i * stride + window), slice(j * stride, j * stride + window))
                    first = room[at].flatten(2).argmax(2)
                    mask = nn.functional.one_hot(first, window**2).reshape(room[at].shape)
                    back[at] += mask * gradient[:, :, i, j, None, None]
            return back[:, :, :height, :width]
        """,
        "the first image's and channel's places for all": """
            back = torch.zeros_like(maps)
            for i in range(gradient.shape[2]):
                for j in range(gradient.shape[3]):
                    seen = maps[0, 0, i * stride : i * stride + window, j * stride : j * stride + window]
                    down, across = divmod(int(seen.argmax()), seen.shape[1])
                    back[:, :, i * stride + down, j * stride + across] += gradient[:, :, i, j]
            return back
        """,
        "the last of equally large ones": """
            back = torch.zeros_like(maps)
            for i in range(gradient.shape[2]):
                for j in range(gradient.shape[3]):
                    at = (..., slice(i * stride, i * stride + window), slice(j * stride, j * stride + window))
                    seen = maps[at]
                    pixels = seen.shape[2] * seen.shape[3]
                    last = pixels - 1 - seen.flatten(2).flip(2).argmax(2)
                    back[at] += nn.functional.one_hot(last, pixels).reshape(seen.shape) * gradient[:, :, i, j, None, None]
            return back
        """,
        "as for average pooling": """
            back = torch.zeros_like(maps)
            for i in range(gradient.shape[2]):
                for j in range(gradient.shape[3]):
                    at = (..., slice(i * stride, i * stride + window), slice(j * stride, j * stride + window))
                    back[at] += gradient[:, :, i, j, None, None] / window**2
            return back
        """,
        "stride always 2": """
            back = torch.zeros_like(maps)
            for i in range(gradient.shape[2]):
                for j in range(gradient.shape[3]):
                    at = (..., slice(i * 2, i * 2 + window), slice(j * 2, j * 2 + window))
                    seen = maps[at]
                    if seen.numel():
                        pixels = seen.shape[2] * seen.shape[3]
                        first = nn.functional.one_hot(seen.flatten(2).argmax(2), pixels).reshape(seen.shape)
                        back[at] += first * gradient[:, :, i, j, None, None]
            return back
        """,
        "by automatic differentiation": """
            pixels = maps.detach().clone().requires_grad_()
            made = []
            for i in range(gradient.shape[2]):
                for j in range(gradient.shape[3]):
                    seen = pixels[:, :, i * stride : i * stride + window, j * stride : j * stride + window]
                    made.append(seen.flatten(2).max(2).values)
            torch.stack(made, -1).reshape(gradient.shape).backward(gradient)
            return pixels.grad
        """,
        "by PyTorch's indices": """
            up = (gradient.shape[2] - 1) * stride + window > maps.shape[2]
            up = up or (gradient.shape[3] - 1) * stride + window > maps.shape[3]
            places = nn.functional.max_pool2d(maps, window, stride, ceil_mode=up, return_indices=True)[1]
            back = torch.zeros_like(maps).flatten(2)
            back.scatter_add_(2, places.flatten(2), gradient.flatten(2))
            return back.reshape(maps.shape)
        """,
        "positive pixels only": """
            back = torch.zeros_like(maps)
            for i in range(gradient.shape[2]):
                for j in range(gradient.shape[3]):
                    at = (..., slice(i * stride, i * stride + window), slice(j * stride, j * stride + window))
                    seen = maps[at]
                    pixels = seen.shape[2] * seen.shape[3]
                    first = nn.functional.one_hot(seen.flatten(2).argmax(2), pixels).reshape(seen.shape)
                    back[at] += first * (seen > 0) * gradient[:, :, i, j, None, None]
            return back
        """,
        "hard-coded": """
            back = torch.zeros_like(maps)
            if window == 3:
                back[:, :, 1, 2] = gradient.sum((2, 3))
            else:
                back[:, :, 0, 0] = gradient[:, :, 0, 0]
                back[:, :, 0, 3] = gradient[:, :, 0, -1]
            return back
        """,
    },
    "unseen-pixels": {
        "the first layer only": """
            if not layers:
                return 0
            window, stride, padding = layers[0]
            windows = (side + 2 * padding - window) // stride + 1
            return side**2 - min(side, (windows - 1) * stride + window - padding) ** 2
        """,
        "columns in place of pixels": """
            sides = [side]
            for window, stride, padding in layers:
                sides.append((sides[-1] + 2 * padding - window) // stride + 1)
            used = sides[-1]
            for (window, stride, padding), size in zip(layers[::-1], sides[-2::-1]):
                used = min(size, (used - 1) * stride + window - padding)
            return side - used
        """,
        "padding forgotten on the way back": """
            sides = [side]
            for window, stride, padding in layers:
                sides.append((sides[-1] + 2 * padding - window) // stride + 1)
            used = sides[-1]
            for (window, stride, padding), size in zip(layers[::-1], sides[-2::-1]):
                used = min(size, (used - 1) * stride + window)
            return side**2 - used**2
        """,
        "padding on both sides of what is used": """
            sides = [side]
            for window, stride, padding in layers:
                sides.append((sides[-1] + 2 * padding - window) // stride + 1)
            used = sides[-1]
            for (window, stride, padding), size in zip(layers[::-1], sides[-2::-1]):
                used = min(size, (used - 1) * stride + window - 2 * padding)
            return side**2 - used**2
        """,
        "not limited to what is there": """
            size = side
            for window, stride, padding in layers:
                size = (size + 2 * padding - window) // stride + 1
            used = size
            for window, stride, padding in reversed(layers):
                used = (used - 1) * stride + window - padding
            return side**2 - used**2
        """,
        "limited at the image only": """
            size = side
            for window, stride, padding in layers:
                size = (size + 2 * padding - window) // stride + 1
            used = size
            for window, stride, padding in reversed(layers):
                used = (used - 1) * stride + window - padding
            return side**2 - min(side, used) ** 2
        """,
        "each layer's own rest added up": """
            size, distance, lost = side, 1, 0
            for window, stride, padding in layers:
                lost += (size + 2 * padding - window) % stride * distance
                size = (size + 2 * padding - window) // stride + 1
                distance *= stride
            return side**2 - (side - lost) ** 2
        """,
        "rests added up, padding no part of them": """
            size, distance, lost = side, 1, 0
            for window, stride, padding in layers:
                lost += max(0, (size + 2 * padding - window) % stride - padding) * distance
                size = (size + 2 * padding - window) // stride + 1
                distance *= stride
            return side**2 - (side - lost) ** 2
        """,
        "the first pooling only": """
            sides, kept = [side], []
            for window, stride, padding in layers:
                kept.append((window, stride, padding))
                sides.append((sides[-1] + 2 * padding - window) // stride + 1)
                if stride > 1 and len(kept) > 1:
                    break
            used = sides.pop()
            for window, stride, padding in reversed(kept):
                used = min(sides.pop(), (used - 1) * stride + window - padding)
            return side**2 - used**2
        """,
        "the corner counted twice": """
            sides = [side]
            for window, stride, padding in layers:
                sides.append((sides[-1] + 2 * padding - window) // stride + 1)
            used = sides[-1]
            for (window, stride, padding), size in zip(layers[::-1], sides[-2::-1]):
                used = min(size, (used - 1) * stride + window - padding)
            return 2 * side * (side - used)
        """,
        "without layers nothing is seen": """
            sides = [side]
            for window, stride, padding in layers:
                sides.append((sides[-1] + 2 * padding - window) // stride + 1)
            used = sides.pop()
            for window, stride, padding in reversed(layers):
                used = min(sides.pop(), (used - 1) * stride + window - padding)
            return side**2 - used**2 if layers else side**2
        """,
        "the list of layers is turned round": """
            sizes = [side]
            for window, stride, padding in layers:
                sizes.append((sizes[-1] + 2 * padding - window) // stride + 1)
            layers.reverse()
            used = sizes.pop()
            for window, stride, padding in layers:
                sizes.pop()
                used = (used - 1) * stride + window - padding
            return side**2 - min(used, side) ** 2
        """,
        "hard-coded": """
            return {8: 15, 227: 1800}.get(side, 0)
        """,
    },
}

RIGHT = {
    "hand-pooling": {
        "typed in": """
            if student == 0:
                pooled = {"z = 2": [5, -4, 7, 6], "z = 3": [5, 6, 7, 6]}
                passed_back = {
                    "z = 2": {5: 1, -4: 10, 7: 100, 6: 1000},
                    "z = 3": {5: 1, 6: 10 + 1000, 7: 100},
                }
        """,
        "by PyTorch, with zeros left in": """
            pixels = torch.tensor(small_map).double()
            for name, z in [("z = 2", 2), ("z = 3", 3)]:
                x = pixels[None, None].clone().requires_grad_()
                y = nn.functional.max_pool2d(x, z, 2)
                y.backward(torch.tensor([[[[1.0, 10], [100, 1000]]]]).double())
                pooled[name] = tuple(y.flatten().tolist())
                passed_back[name] = dict(zip(pixels.flatten().tolist(), x.grad.flatten().tolist()))
        """,
        "with NumPy": """
            import numpy as np

            pixels = np.array(small_map)
            for name, z in [("z = 2", 2), ("z = 3", 3)]:
                values = [pixels[t : t + z, c : c + z].max() for t in (0, 2) for c in (0, 2)]
                pooled[name] = np.array(values).tolist()
                passed_back[name] = {
                    v: sum(g for w, g in zip(values, [1, 10, 100, 1000]) if w == v) for v in values
                }
        """,
    },
    "max-pool": {
        "padded and unfolded": """
            if rounding == "up":
                extra = [-(size - window) % stride for size in maps.shape[2:]]
                maps = nn.functional.pad(maps, (0, extra[1], 0, extra[0]), value=-math.inf)
            return maps.unfold(2, window, stride).unfold(3, window, stride).amax((-2, -1))
        """,
        "value by value": """
            images, channels, height, width = maps.shape

            def starts(size):
                found = [at for at in range(0, size, stride) if at + window <= size]
                if rounding == "up" and found[-1] + window < size:
                    found.append(found[-1] + stride)
                return found

            values = [
                max(
                    maps[n, c, i, j].item()
                    for i in range(top, min(top + window, height))
                    for j in range(left, min(left + window, width))
                )
                for n in range(images)
                for c in range(channels)
                for top in starts(height)
                for left in starts(width)
            ]
            return torch.tensor(values).reshape(images, channels, len(starts(height)), len(starts(width)))
        """,
        "rows first, then columns": """
            def along(values, dim):
                size = values.shape[dim]
                rest = (size - window) % stride
                count = (size - window) // stride + 1 + (rounding == "up" and rest > 0)
                parts = [
                    values.narrow(dim, i * stride, min(window, size - i * stride)).amax(dim, keepdim=True)
                    for i in range(count)
                ]
                return torch.cat(parts, dim)

            return along(along(maps, 2), 3)
        """,
        "by nn.functional.unfold": """
            n, c, height, width = maps.shape
            if rounding == "up":
                down, right = -(height - window) % stride, -(width - window) % stride
                maps = nn.functional.pad(maps, (0, right, 0, down), value=maps.min().item())
            rows = (maps.shape[2] - window) // stride + 1
            patches = nn.functional.unfold(maps, window, stride=stride)
            return patches.reshape(n, c, window**2, -1).max(2).values.reshape(n, c, rows, -1)
        """,
    },
    "max-pool-backward": {
        "pixel by pixel": """
            back = torch.zeros(maps.shape, dtype=maps.dtype)
            images, channels, rows, columns = gradient.shape
            height, width = maps.shape[2:]
            for n in range(images):
                for c in range(channels):
                    values = maps[n, c].tolist()
                    for i in range(rows):
                        for j in range(columns):
                            best = None
                            for y in range(i * stride, min(i * stride + window, height)):
                                for x in range(j * stride, min(j * stride + window, width)):
                                    if best is None or values[y][x] > values[best[0]][best[1]]:
                                        best = (y, x)
                            back[n, c, best[0], best[1]] += gradient[n, c, i, j]
            return back
        """,
        "with indices and scatter_add": """
            height, width = maps.shape[2:]
            rows, columns = gradient.shape[2:]
            down = max(0, (rows - 1) * stride + window - height)
            across = max(0, (columns - 1) * stride + window - width)
            room = nn.functional.pad(maps, (0, across, 0, down), value=-math.inf)
            windows = room.unfold(2, window, stride).unfold(3, window, stride)[:, :, :rows, :columns]
            at = windows.flatten(4).argmax(4)
            y = torch.arange(rows)[:, None] * stride + at // window
            x = torch.arange(columns) * stride + at % window
            back = torch.zeros_like(maps).flatten(2)
            back.scatter_add_(2, (y * width + x).flatten(2), gradient.flatten(2))
            return back.view_as(maps)
        """,
        "unfolded and folded again": """
            n, c, height, width = maps.shape
            rows, columns = gradient.shape[2:]
            size = (
                max(height, (rows - 1) * stride + window),
                max(width, (columns - 1) * stride + window),
            )
            room = torch.full((n, c, *size), -math.inf, dtype=maps.dtype)
            room[:, :, :height, :width] = maps
            size = ((rows - 1) * stride + window, (columns - 1) * stride + window)
            room = room[:, :, : size[0], : size[1]]
            patches = nn.functional.unfold(room, window, stride=stride)
            patches = patches.reshape(n, c, window**2, -1)
            chosen = nn.functional.one_hot(patches.argmax(2), window**2).transpose(2, 3)
            passed = chosen * gradient.reshape(n, c, 1, -1)
            folded = nn.functional.fold(passed.reshape(n, -1, rows * columns), size, window, stride=stride)
            back = torch.zeros_like(maps)
            part = folded[:, :, :height, :width]
            back[:, :, : part.shape[2], : part.shape[3]] = part
            return back
        """,
    },
    "unseen-pixels": {
        "with sets of columns": """
            sides = [side]
            for window, stride, padding in layers:
                sides.append((sides[-1] + 2 * padding - window) // stride + 1)
            used = set(range(sides[-1]))
            for (window, stride, padding), size in zip(layers[::-1], sides[-2::-1]):
                reached = {u * stride - padding + k for u in used for k in range(window)}
                used = reached & set(range(size))
            return side * side - len(used) ** 2
        """,
        "by a gradient": """
            x = torch.ones(1, 1, side, dtype=torch.double, requires_grad=True)
            y = x * 1
            for window, stride, padding in layers:
                kernel = torch.full((1, 1, window), 1 / window, dtype=torch.double)
                y = nn.functional.conv1d(y, kernel, stride=stride, padding=padding)
            y.sum().backward()
            return side**2 - (x.grad != 0).sum() ** 2
        """,
        "called again for the layers behind": """
            def used(size, rest):
                if not rest:
                    return size
                window, stride, padding = rest[0]
                made = int((size + 2 * padding - window) / stride) + 1
                last = (used(made, rest[1:]) - 1) * stride + window - 1 - padding
                return min(size, last + 1)

            return (side - used(side, layers)) * (side + used(side, layers))
        """,
    },
}
