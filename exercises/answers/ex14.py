"""Answers to ex14 that students give: each takes the place of the solution in its cell."""

_HAND = """
    results["field"] = kernel + 6
    results["begins"] = -(kernel // 2) - 2
    results["smooth"] = 9 / kernel**2
    results["coloured"] = 2 / 3
    results["error"] = 10
    results["too sure"] = surely / 50 - 10
    results["chance"] = 38
"""

WRONG = {
    "hand-numbers": {
        "strides forgotten behind the pooling": _HAND
        + """
    results["field"] = kernel + 4
        """,
        "conv2's padding counted in pixels of the image": _HAND
        + """
    results["begins"] = -(kernel // 2) - 1
        """,
        "conv2's padding forgotten": _HAND
        + """
    results["begins"] = -(kernel // 2)
        """,
        "waves of one period, without the constant": _HAND
        + """
    results["smooth"] = 8 / kernel**2
        """,
        "two frequencies each way, signs forgotten": _HAND
        + """
    results["smooth"] = 4 / kernel**2
        """,
        "what is grey for what is coloured": _HAND
        + """
    results["coloured"] = 1 / 3
        """,
        "errors that cancel": _HAND
        + """
    results["error"] = abs(surely / 50 - 10)
        """,
        "the sign turned": _HAND
        + """
    results["error"], results["too sure"] = 10, 10 - surely / 50 + 1e-3
        """,
        "as if classes were equally frequent": _HAND
        + """
    results["chance"] = 100 / 3 + 0.01
        """,
        "only cats": _HAND
        + """
    results["chance"] = 50
        """,
    },
    "cut-patch": {
        "far above begins from below": """
            c, h, w = image.shape
            out = torch.full((c, side, side), grey, dtype=image.dtype)
            a, b = top % h if top < -h else max(0, top), min(h, top + side)
            l, r = max(0, left), min(w, left + side)
            if a < b and l < r:
                out[:, a - top:b - top, l - left:r - left] = image[:, a:b, l:r]
            return out
        """,
        "a part of the image itself": """
            c, h, w = image.shape
            out = torch.full((c, side, side), grey, dtype=image.dtype)
            a, b = max(0, top), min(h, top + side)
            l, r = max(0, left), min(w, left + side)
            if top >= 0 and left >= 0 and top + side <= h and left + side <= w:
                return image[:, top:top + side, left:left + side]
            if a < b and l < r:
                out[:, a - top:b - top, l - left:r - left] = image[:, a:b, l:r]
            return out
        """,
        "moved into the image": """
            height, width = image.shape[1:]
            top = min(max(top, 0), max(height - side, 0))
            left = min(max(left, 0), max(width - side, 0))
            cut = torch.full((image.shape[0], side, side), grey, dtype=image.dtype)
            part = image[:, top : top + side, left : left + side]
            cut[:, : part.shape[1], : part.shape[2]] = part
            return cut
        """,
        "rows and columns exchanged": """
            cut = torch.full((image.shape[0], side, side), grey, dtype=image.dtype)
            for r in range(side):
                for c in range(side):
                    if 0 <= top + r < image.shape[1] and 0 <= left + c < image.shape[2]:
                        cut[:, c, r] = image[:, top + r, left + c]
            return cut
        """,
        "a type of its own": """
            cut = torch.full((image.shape[0], side, side), float(grey))
            for r in range(side):
                for c in range(side):
                    if 0 <= top + r < image.shape[1] and 0 <= left + c < image.shape[2]:
                        cut[:, r, c] = image[:, top + r, left + c]
            return cut
        """,
        "grey is always 0": """
            cut = torch.zeros(image.shape[0], side, side, dtype=image.dtype)
            for r in range(side):
                for c in range(side):
                    if 0 <= top + r < image.shape[1] and 0 <= left + c < image.shape[2]:
                        cut[:, r, c] = image[:, top + r, left + c]
            return cut
        """,
        "as if the image were square": """
            size = image.shape[1]
            cut = torch.full((image.shape[0], side, side), grey, dtype=image.dtype)
            for r in range(side):
                for c in range(side):
                    if 0 <= top + r < size and 0 <= left + c < min(size, image.shape[2]):
                        cut[:, r, c] = image[:, top + r, left + c]
            return cut
        """,
        "only what lies above and on the left is grey": """
            cut = torch.full((image.shape[0], side, side), grey, dtype=image.dtype)
            for r in range(side):
                for c in range(side):
                    if top + r >= 0 and left + c >= 0:
                        row = min(top + r, image.shape[1] - 1)
                        cut[:, r, c] = image[:, row, min(left + c, image.shape[2] - 1)]
            return cut
        """,
        "part of the image itself": """
            height, width = image.shape[1:]
            if top >= 0 and left >= 0 and top + side <= height and left + side <= width:
                return image[:, top : top + side, left : left + side]
            cut = torch.full((image.shape[0], side, side), grey, dtype=image.dtype)
            for r in range(side):
                for c in range(side):
                    if 0 <= top + r < height and 0 <= left + c < width:
                        cut[:, r, c] = image[:, top + r, left + c]
            image.fill_(grey)
            return cut
        """,
    },
    "calibration": {
        "a share for points": """
            sure, guess = probabilities.max(1)
            right = (guess == labels).double()
            group = (sure * groups).ceil().long()
            total = 0.0
            for each in group.unique():
                inside = group == each
                total += inside.sum() * (sure[inside].mean() - right[inside].mean()).abs()
            return (total / len(labels)).item()
        """,
        "with its sign": """
            sure, guess = probabilities.max(1)
            right = (guess == labels).double()
            return 100 * (sure.double().mean() - right.mean()).item()
        """,
        "one group for all": """
            sure, guess = probabilities.max(1)
            right = (guess == labels).double()
            return 100 * (sure.double().mean() - right.mean()).abs().item()
        """,
        "each group counts alike": """
            sure, guess = probabilities.max(1)
            right = (guess == labels).double()
            group = (sure * groups).ceil().long()
            apart = [
                (sure[group == g].double().mean() - right[group == g].mean()).abs().item()
                for g in group.unique()
            ]
            return 100 * sum(apart) / len(apart)
        """,
        "an edge belongs to the group above": """
            sure, guess = probabilities.max(1)
            right = (guess == labels).double()
            group = (sure * groups).floor().long()
            total = 0.0
            for each in group.unique():
                inside = group == each
                apart = (sure[inside].double().mean() - right[inside].mean()).abs()
                total += inside.sum().item() * apart.item()
            return 100 * total / len(labels)
        """,
        "image by image": """
            sure, guess = probabilities.max(1)
            right = (guess == labels).double()
            return 100 * (sure.double() - right).abs().mean().item()
        """,
        "always ten groups": """
            sure, guess = probabilities.max(1)
            right = (guess == labels).double()
            group = (sure * 10).ceil().long()
            total = 0.0
            for each in group.unique():
                inside = group == each
                apart = (sure[inside].double().mean() - right[inside].mean()).abs()
                total += inside.sum().item() * apart.item()
            return 100 * total / len(labels)
        """,
    },
    "neighbours": {
        "each its own neighbour": """
            far = torch.cdist(vectors.double(), vectors.double())
            near = far.topk(count, largest=False).indices
            return 100 * (labels[near] == labels[:, None]).double().mean().item()
        """,
        "the first left out, whoever it is": """
            far = torch.cdist(vectors.double(), vectors.double())
            near = far.sort(dim=1, stable=True).indices[:, 1 : count + 1]
            return 100 * (labels[near] == labels[:, None]).double().mean().item()
        """,
        "the farthest": """
            far = torch.cdist(vectors.double(), vectors.double())
            near = far.topk(count).indices
            return 100 * (labels[near] == labels[:, None]).double().mean().item()
        """,
        "a majority for a share": """
            far = torch.cdist(vectors.double(), vectors.double())
            far.fill_diagonal_(float("inf"))
            near = far.topk(count, largest=False).indices
            same = (labels[near] == labels[:, None]).double().mean(1)
            return 100 * (same >= 0.5).double().mean().item()
        """,
        "in no per cent": """
            far = torch.cdist(vectors.double(), vectors.double())
            far.fill_diagonal_(float("inf"))
            near = far.topk(count, largest=False).indices
            return (labels[near] == labels[:, None]).double().mean().item()
        """,
        "by angle": """
            x = F.normalize(vectors.double() + 1e-9, dim=1)
            if vectors.shape[1] == 1:
                x = vectors.double()
            far = torch.cdist(x, x)
            far.fill_diagonal_(float("inf"))
            near = far.topk(count, largest=False).indices
            return 100 * (labels[near] == labels[:, None]).double().mean().item()
        """,
        "values scaled to equal deviations": """
            x = vectors.double()
            if vectors.shape[1] > 1:
                x = (x - x.mean(0)) / x.std(0).clamp_min(1e-9)
            far = torch.cdist(x, x)
            far.fill_diagonal_(float("inf"))
            near = far.topk(count, largest=False).indices
            return 100 * (labels[near] == labels[:, None]).double().mean().item()
        """,
        "a neighbour counts where any shares the class": """
            far = torch.cdist(vectors.double(), vectors.double())
            far.fill_diagonal_(float("inf"))
            near = far.topk(count, largest=False).indices
            return 100 * (labels[near] == labels[:, None]).any(1).double().mean().item()
        """,
    },
    "measured": {
        "energy of all kernels together": """
            from alexnet_course.results import mean_interval

            def share(kernels):
                energy = torch.fft.fft2(kernels.double()).abs().square().sum((0, 1))
                keep = [0, 1, 4]
                return 100 * (energy[keep][:, keep].sum() / energy.sum()).item()

            shares = [[share(k) for k in trained_kernels(seed)] for seed in seeds]
            before, after = (sum(c) / len(seeds) for c in zip(*shares))
            gain = mean_interval([b - a for a, b in shares])
            return dict(before=before, after=after, gain=gain.mean) | {
                "half width": gain.half_width
            }
        """,
        "the standard deviation divided by n": """
            from alexnet_course.features import smooth_shares

            pairs = torch.tensor(
                [[100 * smooth_shares(k).mean() for k in trained_kernels(s)] for s in seeds]
            )
            gains = pairs[:, 1] - pairs[:, 0]
            from scipy import stats
            width = stats.t.ppf(0.975, len(seeds) - 1) * gains.std(correction=0)
            return {
                "before": pairs[:, 0].mean().item(),
                "after": pairs[:, 1].mean().item(),
                "gain": gains.mean().item(),
                "half width": width.item() / len(seeds) ** 0.5,
            }
        """,
        "1.96 for t": """
            from alexnet_course.features import smooth_shares

            pairs = torch.tensor(
                [[100 * smooth_shares(k).mean() for k in trained_kernels(s)] for s in seeds]
            )
            gains = pairs[:, 1] - pairs[:, 0]
            return {
                "before": pairs[:, 0].mean().item(),
                "after": pairs[:, 1].mean().item(),
                "gain": gains.mean().item(),
                "half width": 1.96 * gains.std().item() / len(seeds) ** 0.5,
            }
        """,
        "the first seed only": """
            from alexnet_course.features import smooth_shares

            before, after = (100 * smooth_shares(k).mean().item() for k in trained_kernels(seeds[0]))
            return {"before": before, "after": after, "gain": after - before, "half width": 0.0}
        """,
        "shares, not per cent": """
            from alexnet_course.features import smooth_shares
            from alexnet_course.results import mean_interval

            shares = [[smooth_shares(k).mean().item() for k in trained_kernels(s)] for s in seeds]
            before, after = (sum(c) / len(seeds) for c in zip(*shares))
            gain = mean_interval([b - a for a, b in shares])
            return dict(before=before, after=after, gain=gain.mean) | {
                "half width": gain.half_width
            }
        """,
        "the constant left out": """
            from alexnet_course.results import mean_interval

            def share(kernels):
                energy = torch.fft.fft2(kernels.double()).abs().square().sum(1)
                keep = [0, 1, 4]
                slow = energy[:, keep][:, :, keep].sum((1, 2)) - energy[:, 0, 0]
                return 100 * (slow / energy.sum((1, 2))).mean().item()

            shares = [[share(k) for k in trained_kernels(seed)] for seed in seeds]
            before, after = (sum(c) / len(seeds) for c in zip(*shares))
            gain = mean_interval([b - a for a, b in shares])
            return dict(before=before, after=after, gain=gain.mean) | {
                "half width": gain.half_width
            }
        """,
        "amplitudes for energy": """
            from alexnet_course.results import mean_interval

            def share(kernels):
                size = torch.fft.fft2(kernels.double()).abs().sum(1)
                keep = [0, 1, 4]
                slow = size[:, keep][:, :, keep].sum((1, 2))
                return 100 * (slow / size.sum((1, 2))).mean().item()

            shares = [[share(k) for k in trained_kernels(seed)] for seed in seeds]
            before, after = (sum(c) / len(seeds) for c in zip(*shares))
            gain = mean_interval([b - a for a, b in shares])
            return dict(before=before, after=after, gain=gain.mean) | {
                "half width": gain.half_width
            }
        """,
    },
}

RIGHT = {
    "hand-numbers": {
        "in numbers": _HAND,
        "step by step": """
            results["field"] = (kernel + 2) + 2 * 2
            results["begins"] = 0 - (kernel - 1) // 2 - 2
            results["smooth"] = round((3 / kernel) ** 2, 4)
            results["coloured"] = 0.6667
            n = torch.tensor([surely, 1000 - surely]).double()
            sure, right = torch.tensor([90.0, 50.0]).double(), torch.tensor([80.0, 60.0]).double()
            results["error"] = ((sure - right).abs() * n).sum() / n.sum()
            results["too sure"] = ((sure - right) * n).sum() / 1000
            results["chance"] = sum(p * p for p in (50, 30, 20)) / 100
        """,
    },
    "cut-patch": {
        "by padding": """
            wide = F.pad(image, [side + 30] * 4, value=grey)
            top, left = top + side + 30, left + side + 30
            return wide[:, top : top + side, left : left + side].clone()
        """,
        "by slices": """
            height, width = image.shape[1:]
            cut = image.new_full((image.shape[0], side, side), grey)
            t, b = max(top, 0), min(top + side, height)
            l, r = max(left, 0), min(left + side, width)
            if b > t and r > l:
                cut[:, t - top : b - top, l - left : r - left] = image[:, t:b, l:r]
            return cut
        """,
    },
    "calibration": {
        "with limits": """
            p, g = probabilities.max(1)
            ok = (g == labels).double()
            p = p.double()
            total = 0
            for k in range(groups):
                m = (p > k / groups) & (p <= (k + 1) / groups)
                if m.any():
                    total += (p[m].mean() - ok[m].mean()).abs() * m.sum()
            return 100 * (total / len(p)).item()
        """,
        "by a histogram": """
            import numpy as np

            sure = probabilities.max(dim=1).values.double().numpy()
            right = (probabilities.argmax(dim=1) == labels).double().numpy()
            which = np.ceil(np.round(sure * groups, 6)).astype(int)
            s = np.bincount(which, sure, groups + 1)
            r = np.bincount(which, right, groups + 1)
            return 100 * float(np.abs(s - r).sum()) / len(sure)
        """,
        "by bucketize": """
            sure, guess = probabilities.max(1)
            edges = torch.linspace(0, 1, groups + 1)[1:-1]
            which = torch.bucketize(sure, edges)
            total = torch.zeros(())
            for g in range(groups):
                inside = which == g
                if inside.any():
                    right = (guess[inside] == labels[inside]).float().mean()
                    total += inside.float().mean() * (sure[inside].mean() - right).abs()
            return 100 * total
        """,
    },
    "neighbours": {
        "image by image": """
            right = total = 0
            for i in range(len(vectors)):
                far = (vectors.double() - vectors[i].double()).norm(dim=1)
                far[i] = float("inf")
                for j in far.argsort()[:count]:
                    right += int(labels[j] == labels[i])
                    total += 1
            return 100 * right / total
        """,
        "by cdist": """
            x = vectors.double() - vectors.double().mean(0)
            far = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")
            far += torch.diag(torch.full((len(x),), torch.inf))
            near = far.argsort(1)[:, :count]
            return 100.0 * labels[near].eq(labels.unsqueeze(1)).float().mean()
        """,
    },
    "measured": {
        "by hand": """
            from scipy import stats

            def share(kernels):
                energy = torch.fft.fft2(kernels).abs().square().sum(1)
                keep = torch.tensor([0, 1, 4])
                slow = energy[:, keep][:, :, keep].sum((1, 2))
                return 100 * (slow / energy.sum((1, 2))).mean()

            pairs = torch.stack(
                [torch.stack([share(k) for k in trained_kernels(seed)]) for seed in seeds]
            ).double()
            gains = pairs[:, 1] - pairs[:, 0]
            n = len(seeds)
            return {
                "before": pairs[:, 0].mean(),
                "after": pairs[:, 1].mean(),
                "gain": gains.mean(),
                "half width": stats.t.ppf(0.975, n - 1) * gains.std() / n**0.5,
            }
        """,
        "by pandas and scipy": """
            import pandas as pd
            from scipy import stats

            from alexnet_course import features

            table = pd.DataFrame(
                [[float(features.smooth_shares(k).mean()) for k in trained_kernels(s)] for s in seeds],
                columns=["before", "after"],
            ) * 100
            gain = table["after"] - table["before"]
            low, high = stats.t.interval(0.95, len(gain) - 1, gain.mean(), stats.sem(gain))
            return {**table.mean(), "gain": gain.mean(), "half width": (high - low) / 2}
        """,
    },
}
