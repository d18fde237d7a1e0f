"""Answers to ex09 that students give: each takes the place of the solution in its cell."""

WRONG = {
    "hand-pieces": {
        "one place too few": """
            pieces = (side - 32) ** 2 * 2
            results.update(pieces=pieces, met=1 - (1 - 1 / pieces) ** 10)
            results["shared pixels"] = (64 - side) ** 2
            results["red"] = 60 * first_draw - 1.2 + 2.4
            results["green"] = 60 * first_draw + 2.4 - 1.2
            results["blue"] = 30 * first_draw - 2.4 - 2.4
            results["spread of green"] = 0.1 * (3600 + 576 + 36) ** 0.5
        """,
        "mirror images forgotten": """
            pieces = (side - 31) ** 2
            results.update(pieces=pieces, met=1 - (1 - 1 / pieces) ** 10)
            results["shared pixels"] = (64 - side) ** 2
            results["red"] = 60 * first_draw - 1.2 + 2.4
            results["green"] = 60 * first_draw + 2.4 - 1.2
            results["blue"] = 30 * first_draw - 2.4 - 2.4
            results["spread of green"] = 0.1 * (3600 + 576 + 36) ** 0.5
        """,
        "shared along one side only": """
            pieces = (side - 31) ** 2 * 2
            results.update(pieces=pieces, met=1 - (1 - 1 / pieces) ** 10)
            results["shared pixels"] = (64 - side) * 32
            results["red"] = 60 * first_draw - 1.2 + 2.4
            results["green"] = 60 * first_draw + 2.4 - 1.2
            results["blue"] = 30 * first_draw - 2.4 - 2.4
            results["spread of green"] = 0.1 * (3600 + 576 + 36) ** 0.5
        """,
        "exactly once in ten epochs": """
            pieces = (side - 31) ** 2 * 2
            results.update(pieces=pieces, met=10 / pieces * (1 - 1 / pieces) ** 9)
            results["shared pixels"] = (64 - side) ** 2
            results["red"] = 60 * first_draw - 1.2 + 2.4
            results["green"] = 60 * first_draw + 2.4 - 1.2
            results["blue"] = 30 * first_draw - 2.4 - 2.4
            results["spread of green"] = 0.1 * (3600 + 576 + 36) ** 0.5
        """,
        "variances for deviations": """
            pieces = (side - 31) ** 2 * 2
            results.update(pieces=pieces, met=1 - (1 - 1 / pieces) ** 10)
            results["shared pixels"] = (64 - side) ** 2
            results["red"] = 5400 * first_draw - 43.2 + 43.2
            results["green"] = 5400 * first_draw + 86.4 - 21.6
            results["blue"] = 2700 * first_draw - 86.4 - 43.2
            results["spread of green"] = 0.1 * (3600 + 576 + 36) ** 0.5
        """,
        "a sign lost in the second direction": """
            pieces = (side - 31) ** 2 * 2
            results.update(pieces=pieces, met=1 - (1 - 1 / pieces) ** 10)
            results["shared pixels"] = (64 - side) ** 2
            results["red"] = 60 * first_draw + 1.2 + 2.4
            results["green"] = 60 * first_draw - 2.4 - 1.2
            results["blue"] = 30 * first_draw + 2.4 - 2.4
            results["spread of green"] = 0.1 * (3600 + 576 + 36) ** 0.5
        """,
        "rows and columns of the table exchanged": """
            pieces = (side - 31) ** 2 * 2
            results.update(pieces=pieces, met=1 - (1 - 1 / pieces) ** 10)
            results["shared pixels"] = (64 - side) ** 2
            results["red"] = 60 * first_draw - 0.1 * 24 + 0.2 * 6
            results["green"] = 30 * first_draw + 0.1 * 24 + 0.2 * 12
            results["blue"] = 60 * first_draw + 0.1 * 12 - 0.2 * 12
            results["spread of green"] = 0.1 * (900 + 576 + 144) ** 0.5
        """,
        "deviations added up": """
            pieces = (side - 31) ** 2 * 2
            results.update(pieces=pieces, met=1 - (1 - 1 / pieces) ** 10)
            results["shared pixels"] = (64 - side) ** 2
            results["red"] = 60 * first_draw - 1.2 + 2.4
            results["green"] = 60 * first_draw + 2.4 - 1.2
            results["blue"] = 30 * first_draw - 2.4 - 2.4
            results["spread of green"] = 0.1 * (60 + 24 + 6)
        """,
        "the third direction left out of the spread": """
            pieces = (side - 31) ** 2 * 2
            results.update(pieces=pieces, met=1 - (1 - 1 / pieces) ** 10)
            results["shared pixels"] = (64 - side) ** 2
            results["red"] = 60 * first_draw - 1.2 + 2.4
            results["green"] = 60 * first_draw + 2.4 - 1.2
            results["blue"] = 30 * first_draw - 2.4 - 2.4
            results["spread of green"] = 0.1 * (3600 + 576) ** 0.5
        """,
        "another student's numbers, 40 pixels": """
            results.update({"pieces": 162, "shared pixels": 576, "met": 1 - (161 / 162) ** 10})
            results.update({"red": 4.2, "green": 4.2, "blue": -3.3})
            results["spread of green"] = 0.1 * 4212**0.5
        """,
    },
    "random-pieces": {
        "randint without its upper end": """
            n, _, h, w = images.shape
            tops = torch.randint(0, max(h - size, 1), (n,), generator=generator)
            lefts = torch.randint(0, max(w - size, 1), (n,), generator=generator)
            flips = torch.rand(n, generator=generator) < 0.5
            made = [
                image[:, t : t + size, l : l + size].flip(2) if f
                else image[:, t : t + size, l : l + size]
                for image, t, l, f in zip(images, tops, lefts, flips)
            ]
            return torch.stack(made)
        """,
        "one draw for the batch": """
            n, _, h, w = images.shape
            top = torch.randint(0, h - size + 1, (1,), generator=generator).item()
            left = torch.randint(0, w - size + 1, (1,), generator=generator).item()
            made = images[:, :, top : top + size, left : left + size]
            return made.flip(3) if torch.rand(1, generator=generator) < 0.5 else made
        """,
        "one flip for the batch": """
            n, _, h, w = images.shape
            tops = torch.randint(0, h - size + 1, (n,), generator=generator)
            lefts = torch.randint(0, w - size + 1, (n,), generator=generator)
            made = torch.stack([
                image[:, t : t + size, l : l + size] for image, t, l in zip(images, tops, lefts)
            ])
            return made.flip(3) if torch.rand(1, generator=generator) < 0.5 else made
        """,
        "upside down": """
            n, _, h, w = images.shape
            tops = torch.randint(0, h - size + 1, (n,), generator=generator)
            lefts = torch.randint(0, w - size + 1, (n,), generator=generator)
            flips = torch.rand(n, generator=generator) < 0.5
            made = [
                image[:, t : t + size, l : l + size].flip(1) if f
                else image[:, t : t + size, l : l + size]
                for image, t, l, f in zip(images, tops, lefts, flips)
            ]
            return torch.stack(made)
        """,
        "one draw for row and column": """
            n, _, h, w = images.shape
            share = torch.rand(n, generator=generator)
            flips = torch.rand(n, generator=generator) < 0.5
            made = []
            for image, s, f in zip(images, share, flips):
                t, l = int(s * (h - size + 1)), int(s * (w - size + 1))
                piece = image[:, t : t + size, l : l + size]
                made.append(piece.flip(2) if f else piece)
            return torch.stack(made)
        """,
        "as if images were square": """
            n, _, h, w = images.shape
            spare = min(h, w) - size
            tops = torch.randint(0, spare + 1, (n,), generator=generator)
            lefts = torch.randint(0, spare + 1, (n,), generator=generator)
            flips = torch.rand(n, generator=generator) < 0.5
            made = [
                image[:, t : t + size, l : l + size].flip(2) if f
                else image[:, t : t + size, l : l + size]
                for image, t, l, f in zip(images, tops, lefts, flips)
            ]
            return torch.stack(made)
        """,
        "pieces turned over": """
            n, _, h, w = images.shape
            tops = torch.randint(0, h - size + 1, (n,), generator=generator)
            lefts = torch.randint(0, w - size + 1, (n,), generator=generator)
            flips = torch.rand(n, generator=generator) < 0.5
            made = [
                image[:, t : t + size, l : l + size].transpose(1, 2) for image, t, l in
                zip(images, tops, lefts)
            ]
            return torch.stack([piece.flip(2) if f else piece for piece, f in zip(made, flips)])
        """,
        "from everybody's generator": """
            n, _, h, w = images.shape
            tops = torch.randint(0, h - size + 1, (n,))
            lefts = torch.randint(0, w - size + 1, (n,))
            flips = torch.rand(n) < 0.5
            made = [
                image[:, t : t + size, l : l + size].flip(2) if f
                else image[:, t : t + size, l : l + size]
                for image, t, l, f in zip(images, tops, lefts, flips)
            ]
            return torch.stack(made)
        """,
        "a generator of its own": """
            generator = torch.Generator().manual_seed(0)
            n, _, h, w = images.shape
            tops = torch.randint(0, h - size + 1, (n,), generator=generator)
            lefts = torch.randint(0, w - size + 1, (n,), generator=generator)
            flips = torch.rand(n, generator=generator) < 0.5
            made = [
                image[:, t : t + size, l : l + size].flip(2) if f
                else image[:, t : t + size, l : l + size]
                for image, t, l, f in zip(images, tops, lefts, flips)
            ]
            return torch.stack(made)
        """,
        "rounded places, the edges half as likely": """
            n, _, h, w = images.shape
            made = []
            for image in images:
                t = round(torch.rand(1, generator=generator).item() * (h - size))
                l = round(torch.rand(1, generator=generator).item() * (w - size))
                piece = image[:, t : t + size, l : l + size]
                mirror = torch.rand(1, generator=generator) < 0.5
                made.append(piece.flip(2) if mirror else piece)
            return torch.stack(made)
        """,
        "floats": """
            n, _, h, w = images.shape
            tops = torch.randint(0, h - size + 1, (n,), generator=generator)
            lefts = torch.randint(0, w - size + 1, (n,), generator=generator)
            flips = torch.rand(n, generator=generator) < 0.5
            made = [
                image[:, t : t + size, l : l + size].flip(2) if f
                else image[:, t : t + size, l : l + size]
                for image, t, l, f in zip(images.float(), tops, lefts, flips)
            ]
            return torch.stack(made)
        """,
        "in another order": """
            n, _, h, w = images.shape
            tops = torch.randint(0, h - size + 1, (n,), generator=generator)
            lefts = torch.randint(0, w - size + 1, (n,), generator=generator)
            flips = torch.rand(n, generator=generator) < 0.5
            pieces = torch.stack([
                image[:, t : t + size, l : l + size] for image, t, l in zip(images, tops, lefts)
            ])
            return torch.cat([pieces[flips].flip(3), pieces[~flips]])
        """,
    },
    "colour-components": {
        "variances": """
            pixels = images.permute(0, 2, 3, 1).reshape(-1, 3).double() / 255
            pixels = pixels - pixels.mean(0)
            values, vectors = torch.linalg.eigh(pixels.T @ pixels / len(pixels))
            return values.flip(0), vectors.flip(1)
        """,
        "smallest first": """
            pixels = images.permute(0, 2, 3, 1).reshape(-1, 3).double() / 255
            pixels = pixels - pixels.mean(0)
            values, vectors = torch.linalg.eigh(pixels.T @ pixels / len(pixels))
            return values.clamp_min(0).sqrt(), vectors
        """,
        "only the deviations turned round": """
            pixels = images.permute(0, 2, 3, 1).reshape(-1, 3).double() / 255
            pixels = pixels - pixels.mean(0)
            values, vectors = torch.linalg.eigh(pixels.T @ pixels / len(pixels))
            return values.clamp_min(0).sqrt().flip(0), vectors
        """,
        "rows turned round": """
            pixels = images.permute(0, 2, 3, 1).reshape(-1, 3).double() / 255
            pixels = pixels - pixels.mean(0)
            values, vectors = torch.linalg.eigh(pixels.T @ pixels / len(pixels))
            return values.clamp_min(0).sqrt().flip(0), vectors.flip(0)
        """,
        "directions as rows": """
            pixels = images.permute(0, 2, 3, 1).reshape(-1, 3).double() / 255
            pixels = pixels - pixels.mean(0)
            _, sizes, rows = torch.linalg.svd(pixels, full_matrices=False)
            return sizes / len(pixels) ** 0.5, rows
        """,
        "not centred": """
            pixels = images.permute(0, 2, 3, 1).reshape(-1, 3).double() / 255
            values, vectors = torch.linalg.eigh(pixels.T @ pixels / len(pixels))
            return values.clamp_min(0).sqrt().flip(0), vectors.flip(1)
        """,
        "a mean for each image": """
            x = images.double() / 255
            x = x - x.mean((2, 3), keepdim=True)
            pixels = x.permute(0, 2, 3, 1).reshape(-1, 3)
            values, vectors = torch.linalg.eigh(pixels.T @ pixels / len(pixels))
            return values.clamp_min(0).sqrt().flip(0), vectors.flip(1)
        """,
        "the images' mean colours": """
            means = images.double().mean((2, 3)) / 255
            if len(means) == 1:
                means = images[0].flatten(1).T.double() / 255
            means = means - means.mean(0)
            values, vectors = torch.linalg.eigh(means.T @ means / len(means))
            return values.clamp_min(0).sqrt().flip(0), vectors.flip(1)
        """,
        "reshaped without permuting": """
            pixels = images.reshape(-1, 3).double() / 255
            pixels = pixels - pixels.mean(0)
            values, vectors = torch.linalg.eigh(pixels.T @ pixels / len(pixels))
            return values.clamp_min(0).sqrt().flip(0), vectors.flip(1)
        """,
        "in levels": """
            pixels = images.permute(0, 2, 3, 1).reshape(-1, 3).double()
            pixels = pixels - pixels.mean(0)
            values, vectors = torch.linalg.eigh(pixels.T @ pixels / len(pixels))
            return values.clamp_min(0).sqrt().flip(0), vectors.flip(1)
        """,
        "only the first image": """
            pixels = images[0].flatten(1).T.double() / 255
            pixels = pixels - pixels.mean(0)
            values, vectors = torch.linalg.eigh(pixels.T @ pixels / len(pixels))
            return values.clamp_min(0).sqrt().flip(0), vectors.flip(1)
        """,
        "the deviations of the channels": """
            pixels = images.permute(0, 2, 3, 1).reshape(-1, 3).double() / 255
            deviations, order = pixels.std(0, correction=0).sort(descending=True)
            return deviations, torch.eye(3).double()[:, order]
        """,
        "correlations": """
            pixels = images.permute(0, 2, 3, 1).reshape(-1, 3).double() / 255
            values, vectors = torch.linalg.eigh(torch.corrcoef(pixels.T))
            sizes = pixels.std(0, correction=0).sort(descending=True)[0]
            return sizes, vectors.flip(1)
        """,
    },
    "ten-pieces": {
        "logits averaged": """
            b, r = images.shape[2] - size, images.shape[3] - size
            network.eval()
            total = 0
            with torch.no_grad():
                for t, l in [(0, 0), (0, r), (b, 0), (b, r), (b // 2, r // 2)]:
                    piece = images[:, :, t : t + size, l : l + size]
                    total = total + network(piece) + network(piece.flip(3))
            return (total / 10).softmax(1)
        """,
        "probabilities multiplied": """
            b, r = images.shape[2] - size, images.shape[3] - size
            network.eval()
            total = 0
            with torch.no_grad():
                for t, l in [(0, 0), (0, r), (b, 0), (b, r), (b // 2, r // 2)]:
                    piece = images[:, :, t : t + size, l : l + size]
                    for p in (piece, piece.flip(3)):
                        total = total + network(p).log_softmax(1)
            return (total / 10).exp()
        """,
        "five pieces": """
            b, r = images.shape[2] - size, images.shape[3] - size
            network.eval()
            total = 0
            with torch.no_grad():
                for t, l in [(0, 0), (0, r), (b, 0), (b, r), (b // 2, r // 2)]:
                    total = total + network(images[:, :, t : t + size, l : l + size]).softmax(1)
            return total / 5
        """,
        "mirrored upside down": """
            b, r = images.shape[2] - size, images.shape[3] - size
            network.eval()
            total = 0
            with torch.no_grad():
                for t, l in [(0, 0), (0, r), (b, 0), (b, r), (b // 2, r // 2)]:
                    piece = images[:, :, t : t + size, l : l + size]
                    total = total + network(piece).softmax(1) + network(piece.flip(2)).softmax(1)
            return total / 10
        """,
        "in training mode": """
            b, r = images.shape[2] - size, images.shape[3] - size
            total = 0
            with torch.no_grad():
                for t, l in [(0, 0), (0, r), (b, 0), (b, r), (b // 2, r // 2)]:
                    piece = images[:, :, t : t + size, l : l + size]
                    total = total + network(piece).softmax(1) + network(piece.flip(3)).softmax(1)
            return total / 10
        """,
        "as if images were square": """
            s = images.shape[2] - size
            network.eval()
            total = 0
            with torch.no_grad():
                for t, l in [(0, 0), (0, s), (s, 0), (s, s), (s // 2, s // 2)]:
                    l = min(l, images.shape[3] - size)
                    piece = images[:, :, t : t + size, l : l + size]
                    total = total + network(piece).softmax(1) + network(piece.flip(3)).softmax(1)
            return total / 10
        """,
        "the middle rounded up": """
            b, r = images.shape[2] - size, images.shape[3] - size
            network.eval()
            total = 0
            with torch.no_grad():
                for t, l in [(0, 0), (0, r), (b, 0), (b, r), (-(-b // 2), -(-r // 2))]:
                    piece = images[:, :, t : t + size, l : l + size]
                    total = total + network(piece).softmax(1) + network(piece.flip(3)).softmax(1)
            return total / 10
        """,
        "torchvision's middle, which rounds to the even": """
            from torchvision.transforms.v2.functional import ten_crop

            network.eval()
            with torch.no_grad():
                made = [network(p).softmax(1) for p in ten_crop(images, [size, size])]
            return sum(made) / 10
        """,
        "the sum": """
            b, r = images.shape[2] - size, images.shape[3] - size
            network.eval()
            total = 0
            with torch.no_grad():
                for t, l in [(0, 0), (0, r), (b, 0), (b, r), (b // 2, r // 2)]:
                    piece = images[:, :, t : t + size, l : l + size]
                    total = total + network(piece).softmax(1) + network(piece.flip(3)).softmax(1)
            return total
        """,
        "a softmax over the images": """
            b, r = images.shape[2] - size, images.shape[3] - size
            network.eval()
            total = 0
            with torch.no_grad():
                for t, l in [(0, 0), (0, r), (b, 0), (b, r), (b // 2, r // 2)]:
                    piece = images[:, :, t : t + size, l : l + size]
                    total = total + network(piece).softmax(0) + network(piece.flip(3)).softmax(0)
            return total / 10
        """,
        "with a gradient": """
            b, r = images.shape[2] - size, images.shape[3] - size
            network.eval()
            total = 0
            for t, l in [(0, 0), (0, r), (b, 0), (b, r), (b // 2, r // 2)]:
                piece = images[:, :, t : t + size, l : l + size]
                total = total + network(piece).softmax(1) + network(piece.flip(3)).softmax(1)
            return total / 10
        """,
        "the middle forgotten": """
            b, r = images.shape[2] - size, images.shape[3] - size
            network.eval()
            total = 0
            with torch.no_grad():
                for t, l in [(0, 0), (0, r), (b, 0), (b, r)]:
                    piece = images[:, :, t : t + size, l : l + size]
                    total = total + network(piece).softmax(1) + network(piece.flip(3)).softmax(1)
            return total / 8
        """,
    },
}

RIGHT = {
    "hand-pieces": {
        "tensors": """
            p = 2 * (side - 31) ** 2
            results = {"pieces": p, "shared pixels": (64 - side) ** 2, "met": 1 - (1 - 1 / p) ** 10, "red": 60 * first_draw - 1.2 + 2.4, "green": 60 * first_draw + 2.4 - 1.2, "blue": 30 * first_draw - 2.4 - 2.4, "spread of green": .1 * (3600 + 576 + 36) ** .5}
            results = {k: torch.tensor(v) for k, v in results.items()}
        """,
        "four decimals": """
            p = 2 * (side - 31) ** 2
            results = {"pieces": p, "shared pixels": (64 - side) ** 2, "met": 1 - (1 - 1 / p) ** 10, "red": 60 * first_draw - 1.2 + 2.4, "green": 60 * first_draw + 2.4 - 1.2, "blue": 30 * first_draw - 2.4 - 2.4, "spread of green": .1 * (3600 + 576 + 36) ** .5}
            results = {k: round(v, 4) for k, v in results.items()}
        """,
        "in numbers": """
            places = side - 31
            results = {
                "pieces": 2 * places * places,
                "shared pixels": (32 - (places - 1)) ** 2,
                "met": 1 - ((2 * places**2 - 1) / (2 * places**2)) ** 10,
                "red": first_draw * 60 + 1.2,
                "green": first_draw * 60 + 1.2,
                "blue": first_draw * 30 - 4.8,
                "spread of green": 6.4900,
            }
        """,
        "by torch": """
            V = torch.tensor([[2.0, 1, 2], [2, -2, -1], [1, 2, -2]]) / 3 * torch.tensor([90, 36, 18])
            red, green, blue = V @ torch.tensor([first_draw, -0.1, 0.2])
            results.update({"red": red, "green": green, "blue": blue})
            results["spread of green"] = 0.1 * V[1].norm()
            results["pieces"] = 2.0 * (side - 32 + 1) ** 2
            results["shared pixels"] = (32 - (side - 32)) ** 2
            p = 1 / results["pieces"]
            results["met"] = sum((1 - p) ** k * p for k in range(10))
        """,
    },
    "random-pieces": {
        "by unfold": """
            n, _, h, w = images.shape
            tops = torch.randint(h - size + 1, (n,), generator=generator)
            lefts = torch.randint(w - size + 1, (n,), generator=generator)
            mirrored = torch.rand(n, generator=generator) >= 0.5
            every = images.unfold(2, size, 1).unfold(3, size, 1)
            made = every[torch.arange(n), :, tops, lefts]
            return torch.where(mirrored[:, None, None, None], made.flip(-1), made)
        """,
        "mirrored first, image by image": """
            made = []
            for image in images:
                if torch.randint(0, 2, (1,), generator=generator).item():
                    image = image.flip(-1)
                t = int(torch.randint(0, image.shape[1] - size + 1, (1,), generator=generator))
                l = int(torch.randint(0, image.shape[2] - size + 1, (1,), generator=generator))
                made.append(image[..., t : t + size, l : l + size].clone())
            return torch.stack(made)
        """,
        "by advanced indexing": """
            n, _, h, w = images.shape
            tops = (torch.rand(n, generator=generator) * (h - size + 1)).long()
            lefts = (torch.rand(n, generator=generator) * (w - size + 1)).long()
            mirrored = torch.randint(2, (n,), generator=generator).bool()
            columns = torch.arange(size).expand(n, size)
            columns = torch.where(mirrored[:, None], columns.flip(1), columns) + lefts[:, None]
            rows = torch.arange(size) + tops[:, None]
            return images[torch.arange(n)[:, None, None], :, rows[:, :, None], columns[:, None]] \\
                .permute(0, 3, 1, 2)
        """,
    },
    "colour-components": {
        "by singular values": """
            pixels = images.permute(1, 0, 2, 3).reshape(3, -1).double() / 255
            centred = pixels - pixels.mean(1, keepdim=True)
            directions, sizes, _ = torch.linalg.svd(centred, full_matrices=False)
            return sizes / pixels.shape[1] ** 0.5, directions
        """,
        "by torch.cov, float32, sorted": """
            pixels = torch.stack([images[:, c].flatten() for c in range(3)]).float() / 255
            values, vectors = torch.linalg.eigh(torch.cov(pixels, correction=0))
            order = values.argsort(descending=True)
            return values[order].clamp_min(0).sqrt(), vectors[:, order]
        """,
        "by eig, in levels until the end": """
            pixels = images.movedim(1, -1).flatten(0, 2).double()
            mean = pixels.mean(0)
            covariance = pixels.T @ pixels / len(pixels) - mean[:, None] * mean[None]
            values, vectors = torch.linalg.eig(covariance)
            values, order = values.real.sort(descending=True)
            return values.clamp(min=0) ** 0.5 / 255, vectors.real[:, order]
        """,
    },
    "ten-pieces": {
        "by torchvision's five corners of two images": """
            h, w = images.shape[2:]
            made = []
            network.train(False)
            for x, mirrored in ((images, False), (images.flip(3), True)):
                t, l = (h - size) // 2, (w - size) // 2
                if mirrored:
                    l = w - size - l
                for piece in (
                    x[..., :size, :size],
                    x[..., :size, w - size :],
                    x[..., h - size :, :size],
                    x[..., h - size :, w - size :],
                    x[..., t : t + size, l : l + size],
                ):
                    made.append(network(piece).detach().softmax(-1))
            return torch.stack(made).mean(0)
        """,
        "all in one batch": """
            b, r = images.shape[2] - size, images.shape[3] - size
            places = [(0, 0), (0, r), (b, 0), (b, r), (b // 2, r // 2)]
            pieces = torch.cat([images[:, :, t : t + size, l : l + size] for t, l in places])
            pieces = torch.cat([pieces, pieces.flip(dims=[3])])
            network.eval()
            with torch.inference_mode():
                made = torch.softmax(network(pieces), dim=1)
            return made.view(10, len(images), -1).mean(dim=0)
        """,
    },
}
