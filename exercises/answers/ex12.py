"""Answers to ex12 that students give: each takes the place of the solution in its cell."""

WRONG = {
    "hand-recipes": {
        "deviation divided by n": """
            s = torch.tensor([72, 74, third]).double().std(correction=0).item()
            t = stats.t.ppf(0.975, 2)
            results.update({"half-width": t * s / 3**0.5, "next run": t * s * (4 / 3) ** 0.5})
            results.update({"steps": -(-50_000 // batch), "epoch": -(-5_000 // -(-50_000 // batch))})
            results.update({"mean of batches": (160 + 5 * right) / 3, "accuracy": 64 + right})
        """,
        "not divided by the root of n": """
            s = torch.tensor([72, 74, third]).double().std().item()
            t = stats.t.ppf(0.975, 2)
            results.update({"half-width": t * s, "next run": t * s * (4 / 3) ** 0.5})
            results.update({"steps": -(-50_000 // batch), "epoch": -(-5_000 // -(-50_000 // batch))})
            results.update({"mean of batches": (160 + 5 * right) / 3, "accuracy": 64 + right})
        """,
        "the normal distribution": """
            s = torch.tensor([72, 74, third]).double().std().item()
            results.update({"half-width": 1.96 * s / 3**0.5, "next run": 1.96 * s * (4 / 3) ** 0.5})
            results.update({"steps": -(-50_000 // batch), "epoch": -(-5_000 // -(-50_000 // batch))})
            results.update({"mean of batches": (160 + 5 * right) / 3, "accuracy": 64 + right})
        """,
        "three degrees of freedom": """
            s = torch.tensor([72, 74, third]).double().std().item()
            t = stats.t.ppf(0.975, 3)
            results.update({"half-width": t * s / 3**0.5, "next run": t * s * (4 / 3) ** 0.5})
            results.update({"steps": -(-50_000 // batch), "epoch": -(-5_000 // -(-50_000 // batch))})
            results.update({"mean of batches": (160 + 5 * right) / 3, "accuracy": 64 + right})
        """,
        "one-sided": """
            s = torch.tensor([72, 74, third]).double().std().item()
            t = stats.t.ppf(0.95, 2)
            results.update({"half-width": t * s / 3**0.5, "next run": t * s * (4 / 3) ** 0.5})
            results.update({"steps": -(-50_000 // batch), "epoch": -(-5_000 // -(-50_000 // batch))})
            results.update({"mean of batches": (160 + 5 * right) / 3, "accuracy": 64 + right})
        """,
        "the next run where the mean is": """
            s = torch.tensor([72, 74, third]).double().std().item()
            t = stats.t.ppf(0.975, 2)
            results.update({"half-width": t * s / 3**0.5, "next run": t * s / 3**0.5})
            results.update({"steps": -(-50_000 // batch), "epoch": -(-5_000 // -(-50_000 // batch))})
            results.update({"mean of batches": (160 + 5 * right) / 3, "accuracy": 64 + right})
        """,
        "the next run around a mean that is known": """
            s = torch.tensor([72, 74, third]).double().std().item()
            t = stats.t.ppf(0.975, 2)
            results.update({"half-width": t * s / 3**0.5, "next run": t * s})
            results.update({"steps": -(-50_000 // batch), "epoch": -(-5_000 // -(-50_000 // batch))})
            results.update({"mean of batches": (160 + 5 * right) / 3, "accuracy": 64 + right})
        """,
        "uncertainties added, not their squares": """
            s = torch.tensor([72, 74, third]).double().std().item()
            t = stats.t.ppf(0.975, 2)
            results.update({"half-width": t * s / 3**0.5, "next run": t * s * (1 + 1 / 3**0.5)})
            results.update({"steps": -(-50_000 // batch), "epoch": -(-5_000 // -(-50_000 // batch))})
            results.update({"mean of batches": (160 + 5 * right) / 3, "accuracy": 64 + right})
        """,
        "full batches only": """
            s = torch.tensor([72, 74, third]).double().std().item()
            t = stats.t.ppf(0.975, 2)
            results.update({"half-width": t * s / 3**0.5, "next run": t * s * (4 / 3) ** 0.5})
            results.update({"steps": 50_000 // batch, "epoch": -(-5_000 // (50_000 // batch))})
            results.update({"mean of batches": (160 + 5 * right) / 3, "accuracy": 64 + right})
        """,
        "a part of a step": """
            s = torch.tensor([72, 74, third]).double().std().item()
            t = stats.t.ppf(0.975, 2)
            results.update({"half-width": t * s / 3**0.5, "next run": t * s * (4 / 3) ** 0.5})
            results.update({"steps": 50_000 / batch, "epoch": 7})
            results.update({"mean of batches": (160 + 5 * right) / 3, "accuracy": 64 + right})
        """,
        "epochs that are over": """
            s = torch.tensor([72, 74, third]).double().std().item()
            t = stats.t.ppf(0.975, 2)
            results.update({"half-width": t * s / 3**0.5, "next run": t * s * (4 / 3) ** 0.5})
            results.update({"steps": -(-50_000 // batch), "epoch": 5_000 // -(-50_000 // batch)})
            results.update({"mean of batches": (160 + 5 * right) / 3, "accuracy": 64 + right})
        """,
        "a part of an epoch": """
            s = torch.tensor([72, 74, third]).double().std().item()
            t = stats.t.ppf(0.975, 2)
            results.update({"half-width": t * s / 3**0.5, "next run": t * s * (4 / 3) ** 0.5})
            results.update({"steps": -(-50_000 // batch), "epoch": 5_000 / -(-50_000 // batch)})
            results.update({"mean of batches": (160 + 5 * right) / 3, "accuracy": 64 + right})
        """,
        "batches and images exchanged": """
            s = torch.tensor([72, 74, third]).double().std().item()
            t = stats.t.ppf(0.975, 2)
            results.update({"half-width": t * s / 3**0.5, "next run": t * s * (4 / 3) ** 0.5})
            results.update({"steps": -(-50_000 // batch), "epoch": -(-5_000 // -(-50_000 // batch))})
            results.update({"accuracy": (160 + 5 * right) / 3, "mean of batches": 64 + right})
        """,
        "batches of forty, all three": """
            s = torch.tensor([72, 74, third]).double().std().item()
            t = stats.t.ppf(0.975, 2)
            results.update({"half-width": t * s / 3**0.5, "next run": t * s * (4 / 3) ** 0.5})
            results.update({"steps": -(-50_000 // batch), "epoch": -(-5_000 // -(-50_000 // batch))})
            results.update({"mean of batches": (160 + 2.5 * right) / 3, "accuracy": 64 + right})
        """,
        "shares in place of per cent": """
            s = torch.tensor([72, 74, third]).double().std().item()
            t = stats.t.ppf(0.975, 2)
            results.update({"half-width": t * s / 3**0.5, "next run": t * s * (4 / 3) ** 0.5})
            results.update({"steps": -(-50_000 // batch), "epoch": -(-5_000 // -(-50_000 // batch))})
            results.update({"mean of batches": (1.6 + right / 20) / 3, "accuracy": 0.64 + right / 100})
        """,
        "another student's numbers, 4": """
            s = torch.tensor([72, 74, 79]).double().std().item()
            t = stats.t.ppf(0.975, 2)
            results.update({"half-width": t * s / 3**0.5, "next run": t * s * (4 / 3) ** 0.5})
            results.update({"steps": 782, "epoch": 7, "mean of batches": 70.0, "accuracy": 74})
        """,
    },
    "where-next": {
        "where the mean is": """
            n = len(ours)
            if n < 2 or runs < 1:
                raise ValueError("too few")
            x = torch.tensor(ours).double()
            w = float(stats.t.ppf(0.975, n - 1)) * x.std().item() / n**0.5
            return x.mean().item() - w, x.mean().item() + w
        """,
        "our mean taken for certain": """
            n = len(ours)
            if n < 2 or runs < 1:
                raise ValueError("too few")
            x = torch.tensor(ours).double()
            w = float(stats.t.ppf(0.975, n - 1)) * x.std().item() / runs**0.5
            return x.mean().item() - w, x.mean().item() + w
        """,
        "always one further run": """
            n = len(ours)
            if n < 2 or runs < 1:
                raise ValueError("too few")
            x = torch.tensor(ours).double()
            w = float(stats.t.ppf(0.975, n - 1)) * x.std().item() * (1 + 1 / n) ** 0.5
            return x.mean().item() - w, x.mean().item() + w
        """,
        "always three runs of ours": """
            n = len(ours)
            if n < 2 or runs < 1:
                raise ValueError("too few")
            x = torch.tensor(ours).double()
            w = float(stats.t.ppf(0.975, 2)) * x.std().item() * (1 / runs + 1 / n) ** 0.5
            return x.mean().item() - w, x.mean().item() + w
        """,
        "degrees of freedom of both": """
            n = len(ours)
            if n < 2 or runs < 1:
                raise ValueError("too few")
            x = torch.tensor(ours).double()
            w = float(stats.t.ppf(0.975, n + runs - 2)) * x.std().item() * (1 / runs + 1 / n) ** 0.5
            return x.mean().item() - w, x.mean().item() + w
        """,
        "the normal distribution": """
            n = len(ours)
            if n < 2 or runs < 1:
                raise ValueError("too few")
            x = torch.tensor(ours).double()
            w = 1.96 * x.std().item() * (1 / runs + 1 / n) ** 0.5
            return x.mean().item() - w, x.mean().item() + w
        """,
        "deviation divided by n": """
            n = len(ours)
            if n < 2 or runs < 1:
                raise ValueError("too few")
            x = torch.tensor(ours).double()
            w = float(stats.t.ppf(0.975, n - 1)) * x.std(correction=0).item()
            w *= (1 / runs + 1 / n) ** 0.5
            return x.mean().item() - w, x.mean().item() + w
        """,
        "one-sided": """
            n = len(ours)
            if n < 2 or runs < 1:
                raise ValueError("too few")
            x = torch.tensor(ours).double()
            w = float(stats.t.ppf(0.95, n - 1)) * x.std().item() * (1 / runs + 1 / n) ** 0.5
            return x.mean().item() - w, x.mean().item() + w
        """,
        "uncertainties added, not their squares": """
            n = len(ours)
            if n < 2 or runs < 1:
                raise ValueError("too few")
            x = torch.tensor(ours).double()
            w = float(stats.t.ppf(0.975, n - 1)) * x.std().item() * (runs**-0.5 + n**-0.5)
            return x.mean().item() - w, x.mean().item() + w
        """,
        "a list": """
            n = len(ours)
            if n < 2 or runs < 1:
                raise ValueError("too few")
            x = torch.tensor(ours).double()
            w = float(stats.t.ppf(0.975, n - 1)) * x.std().item() * (1 / runs + 1 / n) ** 0.5
            return [x.mean().item() - w, x.mean().item() + w]
        """,
        "around the median": """
            n = len(ours)
            if n < 2 or runs < 1:
                raise ValueError("too few")
            x = torch.tensor(ours).double()
            w = float(stats.t.ppf(0.975, n - 1)) * x.std().item() * (1 / runs + 1 / n) ** 0.5
            return x.median().item() - w, x.median().item() + w
        """,
        "the higher one first": """
            n = len(ours)
            if n < 2 or runs < 1:
                raise ValueError("too few")
            x = torch.tensor(ours).double()
            w = float(stats.t.ppf(0.975, n - 1)) * x.std().item() * (1 / runs + 1 / n) ** 0.5
            return x.mean().item() + w, x.mean().item() - w
        """,
        "no mean of no runs is refused": """
            n = len(ours)
            if n < 2:
                raise ValueError("too few")
            x = torch.tensor(ours).double()
            w = float(stats.t.ppf(0.975, n - 1)) * x.std().item()
            w *= (1 / runs + 1 / n) ** 0.5 if runs > 0 else 1
            return x.mean().item() - w, x.mean().item() + w
        """,
        "one run is enough": """
            n = len(ours)
            x = torch.tensor(ours).double()
            if n < 2:
                return x.mean().item(), x.mean().item()
            w = float(stats.t.ppf(0.975, n - 1)) * x.std().item() * (1 / runs + 1 / n) ** 0.5
            return x.mean().item() - w, x.mean().item() + w
        """,
        "our runs sorted in place": """
            n = len(ours)
            if n < 2 or runs < 1:
                raise ValueError("too few")
            ours.sort()
            x = torch.tensor(ours).double()
            w = float(stats.t.ppf(0.975, n - 1)) * x.std().item() * (1 / runs + 1 / n) ** 0.5
            return x.mean().item() - w, x.mean().item() + w
        """,
    },
    "which-epoch": {
        "the validation accuracy reported": """
            return {"last": test[:, -1].mean().item(), "by validation": validation.amax(1).mean().item(), "by test": test.amax(1).mean().item()}
        """,
        "one epoch for all runs": """
            best = validation.mean(0).argmax()
            return {"last": test[:, -1].mean().item(), "by validation": test[:, best].mean().item(), "by test": test.amax(1).mean().item()}
        """,
        "one epoch for all runs, by test": """
            rows = torch.arange(len(test))
            chosen = test[rows, validation.argmax(1)]
            return {"last": test[:, -1].mean().item(), "by validation": chosen.mean().item(), "by test": test.mean(0).max().item()}
        """,
        "the best run": """
            rows = torch.arange(len(test))
            chosen = test[rows, validation.argmax(1)]
            return {"last": test[:, -1].mean().item(), "by validation": chosen.mean().item(), "by test": test.max().item()}
        """,
        "the last of equally good ones": """
            rows = torch.arange(len(test))
            epochs = test.shape[1] - 1 - validation.flip(1).argmax(1)
            return {"last": test[:, -1].mean().item(), "by validation": test[rows, epochs].mean().item(), "by test": test.amax(1).mean().item()}
        """,
        "the best of equally good ones": """
            chosen = torch.where(validation == validation.amax(1, keepdim=True), test, -torch.inf)
            return {"last": test[:, -1].mean().item(), "by validation": chosen.amax(1).mean().item(), "by test": test.amax(1).mean().item()}
        """,
        "the last of validation": """
            rows = torch.arange(len(test))
            chosen = test[rows, validation.argmax(1)]
            return {"last": validation[:, -1].mean().item(), "by validation": chosen.mean().item(), "by test": test.amax(1).mean().item()}
        """,
        "test chooses for validation": """
            rows = torch.arange(len(test))
            chosen = validation[rows, test.argmax(1)]
            return {"last": test[:, -1].mean().item(), "by validation": chosen.mean().item(), "by test": test.amax(1).mean().item()}
        """,
        "the last run": """
            rows = torch.arange(len(test))
            chosen = test[rows, validation.argmax(1)]
            return {"last": test[-1].mean().item(), "by validation": chosen.mean().item(), "by test": test.amax(1).mean().item()}
        """,
        "two runs always": """
            rows = torch.arange(len(test))
            chosen = test[rows, validation.argmax(1)]
            return {"last": test[:, -1].sum().item() / 2, "by validation": chosen.sum().item() / 2, "by test": test.amax(1).sum().item() / 2}
        """,
        "sorts the accuracies in place": """
            rows = torch.arange(len(test))
            chosen = test[rows, validation.argmax(1)].mean().item()
            last = test[:, -1].mean().item()
            test.copy_(test.sort(1).values)
            return {"last": last, "by validation": chosen, "by test": test[:, -1].mean().item()}
        """,
    },
    "overfits-from": {
        "epochs from 0": """
            if len(train) != len(test) or not test:
                raise ValueError("lengths")
            e = test.index(min(test))
            return e if test[-1] > test[e] and train[-1] < train[e] else None
        """,
        "the last of several lowest ones": """
            if len(train) != len(test) or not test:
                raise ValueError("lengths")
            e = max(i for i, loss in enumerate(test) if loss == min(test))
            return e + 1 if test[-1] > test[e] and train[-1] < train[e] else None
        """,
        "the epoch after the lowest": """
            if len(train) != len(test) or not test:
                raise ValueError("lengths")
            e = test.index(min(test))
            return e + 2 if test[-1] > test[e] and train[-1] < train[e] else None
        """,
        "the training loss not looked at": """
            if len(train) != len(test) or not test:
                raise ValueError("lengths")
            e = test.index(min(test))
            return e + 1 if test[-1] > test[e] else None
        """,
        "a training loss that is no higher": """
            if len(train) != len(test) or not test:
                raise ValueError("lengths")
            e = test.index(min(test))
            return e + 1 if test[-1] > test[e] and train[-1] <= train[e] else None
        """,
        "the test loss not looked at": """
            if len(train) != len(test) or not test:
                raise ValueError("lengths")
            e = test.index(min(test))
            return e + 1 if train[-1] < train[e] else None
        """,
        "always an epoch": """
            if len(train) != len(test) or not test:
                raise ValueError("lengths")
            return test.index(min(test)) + 1
        """,
        "the first rise": """
            if len(train) != len(test) or not test:
                raise ValueError("lengths")
            for e in range(1, len(test)):
                if test[e] > test[e - 1] and train[e] < train[e - 1]:
                    return e
            return None
        """,
        "any later epoch, not the last": """
            if len(train) != len(test) or not test:
                raise ValueError("lengths")
            e = test.index(min(test))
            worse = max(test[e:]) > test[e]
            return e + 1 if worse and min(train[e:]) < train[e] else None
        """,
        "the last below the lowest training loss": """
            if len(train) != len(test) or not test:
                raise ValueError("lengths")
            e = test.index(min(test))
            return e + 1 if test[-1] > test[e] and train[-1] <= min(train) else None
        """,
        "training against test": """
            if len(train) != len(test) or not test:
                raise ValueError("lengths")
            e = test.index(min(test))
            return e + 1 if test[-1] > test[e] and train[-1] < test[-1] else None
        """,
        "the lowest training loss": """
            if len(train) != len(test) or not test:
                raise ValueError("lengths")
            e = train.index(min(train))
            return e + 1 if test[-1] > test[e] else None
        """,
        "lengths not looked at": """
            e = test.index(min(test)) if test else 0
            if not test or not train:
                raise ValueError("nothing there")
            return e + 1 if test[-1] > test[e] and train[-1] < train[min(e, len(train) - 1)] else None
        """,
        "a text in place of nothing": """
            if len(train) != len(test) or not test:
                raise ValueError("lengths")
            e = test.index(min(test))
            return e + 1 if test[-1] > test[e] and train[-1] < train[e] else "none"
        """,
        "a rise that may be over": """
            if len(train) != len(test) or not test:
                raise ValueError("lengths")
            e = test.index(min(test))
            return e + 1 if max(test[e:]) > test[e] and train[-1] < train[e] else None
        """,
        "a small rise doesn't count": """
            if len(train) != len(test) or not test:
                raise ValueError("lengths")
            e = test.index(min(test))
            return e + 1 if test[-1] > test[e] + 0.05 and train[-1] < train[e] else None
        """,
        "False in place of nothing": """
            if len(train) != len(test) or not test:
                raise ValueError("lengths")
            e = test.index(min(test))
            return e + 1 if test[-1] > test[e] and train[-1] < train[e] else False
        """,
    },
}

RIGHT = {
    "hand-recipes": {
        "by scipy": """
            given = [72, 74, third]
            low, high = stats.t.interval(0.95, 2, sum(given) / 3, stats.sem(given))
            results["half-width"] = (high - low) / 2
            results["next run"] = high - low
            results["steps"] = len(range(0, 50_000, batch))
            results["epoch"] = 1 + 4_999 // results["steps"]
            results["mean of batches"] = (75 + 85 + 5 * right) / 3
            results["accuracy"] = 64 + right
        """,
        "by torch, in tensors": """
            x = torch.tensor([72, 74, third]).double()
            t = torch.tensor(stats.t.isf(0.025, df=2))
            results["half-width"] = t * x.std() / 3**0.5
            results["next run"] = 2 * results["half-width"]
            results["steps"] = torch.tensor(50_000 / batch).ceil()
            results["epoch"] = (5_000 / results["steps"]).ceil()
            shares = torch.tensor([30 / 40, 34 / 40, right / 20]).double()
            results["mean of batches"] = 100 * shares.mean()
            results["accuracy"] = 100 * shares @ torch.tensor([0.4, 0.4, 0.2]).double()
        """,
        "rounded to four decimals": """
            x = torch.tensor([72, 74, third]).double()
            t = stats.t.ppf(0.975, 2)
            results["half-width"] = round(t * x.std().item() / 3**0.5, 4)
            results["next run"] = round(t * x.std().item() * (4 / 3) ** 0.5, 4)
            results["steps"] = (50_000 + batch - 1) // batch
            results["epoch"] = (5_000 + results["steps"] - 1) // results["steps"]
            results["mean of batches"] = round((160 + 5 * right) / 3, 4)
            results["accuracy"] = float(64 + right)
        """,
    },
    "where-next": {
        "by scipy": """
            if len(ours) < 2 or runs < 1:
                raise ValueError("too few runs")
            scale = stats.tstd(ours) * (1 / len(ours) + 1 / runs) ** 0.5
            low, high = stats.t.interval(0.95, len(ours) - 1, sum(ours) / len(ours), scale)
            return float(low), float(high)
        """,
        "by torch": """
            x = torch.tensor(ours, dtype=torch.float64)
            if x.numel() <= 1 or runs <= 0:
                raise ValueError("there is no interval")
            error = torch.hypot(x.std() / x.numel() ** 0.5, x.std() / runs**0.5)
            reach = error * stats.t.isf(0.025, x.numel() - 1)
            return (x.mean() - reach).item(), (x.mean() + reach).item()
        """,
    },
    "which-epoch": {
        "run by run": """
            found = {"last": [], "by validation": [], "by test": []}
            for one, two in zip(validation.tolist(), test.tolist()):
                found["last"].append(two[-1])
                found["by validation"].append(two[one.index(max(one))])
                found["by test"].append(max(two))
            return {way: sum(each) / len(each) for way, each in found.items()}
        """,
        "by places": """
            rows = torch.arange(len(test))
            ways = {
                "by test": test[rows, test.argmax(1)],
                "by validation": test[rows, validation.argmax(1)],
                "last": test[:, -1],
            }
            return {way: float(each.mean()) for way, each in ways.items()}
        """,
    },
    "overfits-from": {
        "by min with a key": """
            if not train or len(train) != len(test):
                raise ValueError("the lists don't go together")
            at = min(range(len(test)), key=test.__getitem__)
            if test[-1] <= test[at] or train[-1] >= train[at]:
                return None
            return at + 1
        """,
        "by torch": """
            if len(train) != len(test) or len(test) == 0:
                raise ValueError("the lists don't go together")
            a, b = torch.tensor(train).double(), torch.tensor(test).double()
            at = b.argmin()
            if b[-1] > b[at] and a[-1] < a[at]:
                return at.item() + 1
        """,
    },
}
