"""Faults are planted in sound programs and must be named; sound programs must pass unblamed."""

import json
import math
import re

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import faults
from alexnet_course.__main__ import main
from alexnet_course.data import image_data
from alexnet_course.diagnosis import KINDS, diagnose
from alexnet_course.diagnosis.program import of_recipe
from alexnet_course.diagnosis.seen import Seen
from alexnet_course.diagnosis.table import (
    KNOWN,
    arms_path,
    arms_summary,
    by_kind,
    of_arms,
    recorded_arms,
    recorded_faults,
    shares,
    summary,
)
from alexnet_course.experiments import EXPERIMENTS
from alexnet_course.network import build
from alexnet_course.optimisers import SGD, Muon
from alexnet_course.provenance import is_sealed
from alexnet_course.recipes import HE, Recipe
from alexnet_course.schedules import OneCycle

STYLES = list(faults.NETWORKS)


@pytest.mark.parametrize("number", range(len(KINDS)), ids=list(KINDS))
def test_a_planted_fault_is_named(number):
    """Each on one of the three networks, in turn; ``make faults`` plants all on all."""
    name = list(KINDS)[number]
    assert name in faults.planted(STYLES[number % 3], 1, name).names


@pytest.mark.parametrize("style", STYLES)
def test_a_sound_program_passes_unblamed(style):
    found = faults.planted(style, 1)
    assert not found.names and not found.unseen.keys()
    assert "27 of 27" in str(found)


def test_of_two_faults_at_least_one_is_named():
    pair = {"gradients-not-zeroed", "softmax-before-loss"}
    assert pair & {*faults.planted("plain", 0, *pair).names}


def test_the_table_is_whole():
    assert [kind.number for kind in KINDS.values()] == list(range(1, 28))
    for name, kind in KINDS.items():
        assert kind.name == name and 1 <= kind.chapter <= 17
        assert kind.what.endswith(".") and kind.mend.endswith(".")
        assert set(kind.hidden_by) <= KINDS.keys()


# The course's own networks and recipes


def test_a_sound_recipe_of_the_course_passes_unblamed(standin_data, tiny):
    recipe = Recipe("sound", 3, 32, SGD(0.02, momentum=0.9), first_weights=HE)
    data = standin_data.sample(30, 15)
    found = diagnose(tiny.with_classes(10), data, recipe, seconds=600)
    assert not found.names


def test_a_rate_that_is_far_too_high_is_found_in_a_recipe(standin_data, tiny):
    recipe = Recipe("hasty", 3, 32, SGD(50.0, momentum=0.9), first_weights=HE)
    found = diagnose(tiny.with_classes(10), standin_data.sample(30, 15), recipe, seconds=600)
    assert found.names == ["rate-too-high"]


def test_the_first_steps_of_a_recipe_have_its_own_rates(standin_data, tiny):
    """Of a run on all images, although few are looked at."""
    recipe = Recipe("climbing", 4, 2, SGD(0.02, momentum=0.9), OneCycle(), first_weights=HE)
    data = standin_data.sample(30, 15)
    program = of_recipe(build(tiny.with_classes(10), 0, HE), data, recipe)
    steps = Seen(program, 200).steps
    assert len(steps) == 30
    # a straight climb from 1/25 of the rate, over a quarter of 4 × 150 steps
    first = [0.0008 + (0.02 - 0.0008) * step / 150 for step in range(1, 30)]
    assert [step.rates[0] for step in steps[1:]] == pytest.approx(first, abs=0.0002)


@pytest.mark.parametrize("arm", ["faces-random-10", "digits-scratch-10"])
def test_arms_of_the_course_pass_unblamed(arm):
    """Some on drawn and generated images; ``make faults`` looks at all."""
    data = EXPERIMENTS["own-pictures"].arms[arm].data
    found = faults.looked_at("own-pictures", arm, image_data(data, quiet=True))
    assert not found.names


def test_images_of_the_course_need_a_recipe(standin_data, tiny):
    with pytest.raises(ValueError, match="needs a recipe; give one, or a DataLoader"):
        diagnose(tiny, standin_data)


# A stranger's parts, one by one


@pytest.fixture
def parts():
    """A network of one layer, and 256 images of two classes that differ in brightness."""
    torch.manual_seed(0)
    y = torch.arange(256) % 2
    x = torch.randn(256, 1, 6, 6) + (y * 2.0 - 1).view(-1, 1, 1, 1)
    network = nn.Sequential(nn.Flatten(), nn.Linear(36, 8), nn.ReLU(), nn.Linear(8, 2))
    return network, DataLoader(TensorDataset(x, y), 32, shuffle=True)


def test_a_network_and_a_loader_are_enough(parts):
    found = diagnose(*parts)
    assert not found.names
    assert "no optimiser" in found.unseen["nothing-moves"]


def test_everything_is_put_back(parts):
    network, loader = parts
    optimiser = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9)
    before = {k: v.clone() for k, v in network.state_dict().items()}
    draws = torch.random.get_rng_state()
    network.eval()
    diagnose(network, loader, optimiser=optimiser)
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())
    assert not network.training and not optimiser.state
    assert all(p.grad is None for p in network.parameters())
    assert torch.equal(torch.random.get_rng_state(), draws)
    assert DataLoader.__iter__.__name__ == "__iter__"


def test_the_floor_under_a_second_softmax_is_the_closed_form(parts):
    network, loader = parts
    found = diagnose(nn.Sequential(network, nn.Softmax(1)), loader, loss=nn.CrossEntropyLoss())
    assert found.names == ["softmax-before-loss"]
    assert f"{math.log(1 + 1 / math.e):.2f}" in found.findings[0].evidence
    own = nn.Sequential(network, nn.LogSoftmax(1))  # with its own loss that is right
    assert not diagnose(own, loader, loss=nn.NLLLoss()).names


def test_a_layer_that_is_frozen_on_purpose_is_no_fault(parts):
    network, loader = parts
    network[1].requires_grad_(False)
    optimiser = torch.optim.SGD(network[3].parameters(), 0.1)
    assert not diagnose(network, loader, optimiser=optimiser).names


DECAYS = {
    "SGD": lambda p: torch.optim.SGD(p, 0.05, momentum=0.9, weight_decay=5e-4),
    "Nesterov": lambda p: torch.optim.SGD(p, 0.05, momentum=0.9, nesterov=True, weight_decay=5e-4),
    "AdamW": lambda p: torch.optim.AdamW(p, 0.003, weight_decay=0.05),
    "Adam, decoupled": lambda p: torch.optim.Adam(
        p, 0.003, weight_decay=0.05, decoupled_weight_decay=True
    ),
    "NAdam, decoupled": lambda p: torch.optim.NAdam(
        p, 0.003, weight_decay=0.05, decoupled_weight_decay=True
    ),
    "Muon of PyTorch": lambda p: torch.optim.Muon(p, 0.02, weight_decay=0.05),
    "Muon": lambda p: Muon(0.02, weight_decay=0.05, others=SGD(0.02)).made_for(p)[0],
}


@pytest.mark.parametrize("name", DECAYS)
def test_a_weight_decay_that_each_optimiser_means_is_no_fault(parts, name):
    """Weights shrink by rate × decay: also Muon's, which steps as Nesterov does, but for decay."""
    network = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(128, 2))
    weights = list(network.parameters())
    if name == "Muon":  # it is told the names, and moves kernels
        weights = list(network.named_parameters())
    elif name == "Muon of PyTorch":  # it moves matrices only
        if not hasattr(torch.optim, "Muon"):
            pytest.skip("this PyTorch has no Muon")
        weights = [network[3].weight]
    try:
        optimiser = DECAYS[name](weights)
    except TypeError:
        if "decoupled" not in name:
            raise
        pytest.skip("this PyTorch has no decoupled Adam")
    assert "weight-decay" not in diagnose(network, parts[1], optimiser=optimiser).names


def test_a_decay_that_acts_twice_is_a_fault_with_muon_too(parts):
    network, loader = parts

    class Twice(torch.optim.Optimizer):
        def __init__(self, weights):
            own = {"lr": 0.02, "momentum": 0.9, "nesterov": True, "weight_decay": 0.05}
            super().__init__(weights, own)

        @torch.no_grad()
        def step(self):
            for p in self.param_groups[0]["params"]:
                p.mul_(1 - 0.02 * 0.05).mul_(1 - 0.02 * 0.05)

    found = diagnose(network, loader, optimiser=Twice(network.parameters()))
    assert "weight-decay" in found.names


def test_a_bottleneck_without_a_relu_is_meant_as_such(parts):
    _, loader = parts
    layers = nn.Flatten(), nn.Linear(36, 3), nn.Linear(3, 20), nn.ReLU(), nn.Linear(20, 2)
    assert not diagnose(nn.Sequential(*layers), loader).names


def test_gradients_that_are_gathered_on_purpose_are_no_fault(parts):
    network, loader = parts
    optimiser = torch.optim.SGD(network.parameters(), 0.05)

    def train(model, loader):
        for _ in range(3):
            for number, (x, y) in enumerate(loader):
                nn.functional.cross_entropy(model(x), y).backward()
                if number % 2:
                    optimiser.step()
                    optimiser.zero_grad()

    found = diagnose(network, loader, optimiser=optimiser, train=train)
    assert not found.names


def test_a_loop_without_an_optimiser_is_seen_too(parts):
    network, loader = parts

    def train():
        for _ in range(3):
            for x, y in loader:
                nn.functional.cross_entropy(network(x), y).backward()
                for p in network.parameters():
                    p.data -= 0.05 * p.grad

    assert diagnose(network, loader, train=train).names == ["gradients-not-zeroed"]


def test_a_function_that_asks_for_something_unknown_is_told_so(parts):
    found = diagnose(*parts, train=lambda model, mystery: None)
    assert "wants 'mystery', which was not given" in found.unseen["gradients-not-zeroed"]


def test_batches_of_another_form_are_refused_in_words(parts):
    network, _ = parts
    found = diagnose(network, [torch.zeros(4, 36)])
    assert "expected images and labels" in found.unseen["inputs"]
    assert not found.names


def test_batches_may_be_dictionaries(parts):
    network, loader = parts
    batches = [{"label": y, "pixels": x} for x, y in loader]
    assert not diagnose(network, batches).names


def test_an_accuracy_that_is_divided_by_all_images_is_right_where_only_some_are_tested(parts):
    network, loader = parts
    one_by_one = DataLoader(loader.dataset, 1)

    def evaluate(model, loader):
        right = sum((model(x).argmax(1) == y).sum().item() for x, y in loader)
        return right / len(loader.dataset)

    found = diagnose(network, loader, test=one_by_one, evaluate=evaluate)
    assert "accuracy-wrong" not in found.unseen and "accuracy-wrong" not in found.names


def test_many_classes_of_few_images_each_are_no_fault():
    torch.manual_seed(0)
    y = torch.randint(80, (640,))
    x = torch.randn(80, 1, 6, 6)[y] + torch.randn(640, 1, 6, 6)
    network = nn.Sequential(nn.Flatten(), nn.Linear(36, 80))
    found = diagnose(network, DataLoader(TensorDataset(x, y), 32, shuffle=True))
    assert not found.names
    assert found.unseen["labels-shuffled"] == "too few images of each class were seen"


def test_an_optimiser_of_frozen_parameters_is_told_so(parts):
    network, loader = parts
    optimiser = torch.optim.SGD(network[3].parameters(), 0.1)
    network[3].requires_grad_(False)
    found = diagnose(network, loader, optimiser=optimiser)
    assert found.names == ["nothing-moves"]
    assert "requires_grad is off for all 2 that the optimiser has" in found.findings[0].evidence


def test_a_bonus_that_does_not_follow_the_weights_is_no_decay(parts):
    network, loader = parts
    optimiser = torch.optim.SGD(network.parameters(), 0.05)

    def spread_out(outputs, labels):
        log = outputs.log_softmax(1)
        return nn.functional.cross_entropy(outputs, labels) + 0.1 * (log.exp() * log).sum(1).mean()

    assert not diagnose(network, loader, loss=spread_out, optimiser=optimiser).names


# As a command, on programs in other people's styles


SCRIPT = """
import torch, torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset
torch.manual_seed(0)
y = torch.arange(320) % 4
x = torch.randn(320, 1, 8, 8)
x += torch.nn.functional.one_hot(y, 4).float().repeat(1, 16).view(-1, 1, 8, 8)
trainloader = DataLoader(TensorDataset(x[:256], y[:256]), batch_size=32, shuffle=True)
testloader = DataLoader(TensorDataset(x[256:], y[256:]), batch_size=32)
net = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 4))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
net.train()
for epoch in range(200):
    for i, (inputs, labels) in enumerate(trainloader):
        optimizer.zero_grad()
        loss = criterion(net(inputs), labels)
        loss.backward()
        optimizer.step()
    correct = 0
    net.eval()
    with torch.no_grad():
        for inputs, labels in testloader:
            correct += (net(inputs).argmax(1) == labels).sum().item()
print("never reached")
"""

TRAINER = """
import torch, torch.nn as nn
from torch.utils.data import DataLoader, Dataset

class Squares(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.y = torch.randint(3, (n,), generator=g)
        self.x = torch.randn(n, 3, 12, 12, generator=g)
        for i, c in enumerate(self.y):
            self.x[i, c, 2:8, 2:8] += 2
    def __len__(self):
        return len(self.y)
    def __getitem__(self, i):
        return self.x[i], self.y[i]

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2))
        self.head = nn.Linear(32, 3)
    def forward(self, x):
        return self.head(self.body(x).flatten(1))

class Trainer:
    def __init__(self, model, cfg):
        self.model, self.cfg = model, cfg
        self.opt = torch.optim.SGD(model.head.parameters(), lr=cfg["lr"])
        self.train_dl = DataLoader(Squares(300, 0), batch_size=20, shuffle=True)
        self.val_dl = DataLoader(Squares(90, 1), batch_size=20)
    def fit(self):
        for epoch in range(self.cfg["epochs"]):
            for batch in self.train_dl:
                self.opt.zero_grad()
                x, y = batch
                nn.functional.cross_entropy(self.model(x), y).backward()
                self.opt.step()
            print(epoch, self.validate())
    @torch.no_grad()
    def validate(self):
        accs = []
        for x, y in self.val_dl:
            accs.append((self.model(x).argmax(dim=-1) == y).float().mean())
        return sum(accs) / len(accs)

if __name__ == "__main__":
    Trainer(Net(), dict(lr=0.05, epochs=10)).fit()
trainer = Trainer(Net(), dict(lr=0.05, epochs=10))
"""

LIGHTNING = """
import torch, torch.nn as nn, torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

class LitNet(nn.Module):
    def __init__(self, lr=1e-3):
        super().__init__()
        self.lr = lr
        hidden = nn.Linear(64, 24)
        self.layers = nn.Sequential(hidden, nn.ReLU(), nn.Linear(24, 4), nn.Softmax(dim=1))
    def forward(self, x):
        return self.layers(x.view(x.size(0), -1))
    def training_step(self, batch, batch_idx):
        x, y = batch
        return {"loss": F.cross_entropy(self(x), y)}
    def configure_optimizers(self):
        opt = torch.optim.Adam(self.parameters(), lr=self.lr)
        return [opt], [torch.optim.lr_scheduler.StepLR(opt, 1)]
    def train_dataloader(self):
        g = torch.Generator().manual_seed(0)
        y = torch.randint(4, (300,), generator=g)
        x = torch.randn(300, 1, 8, 8, generator=g) + F.one_hot(y, 4).repeat(1, 16).view(-1, 1, 8, 8)
        return DataLoader(TensorDataset(x, y), batch_size=30, shuffle=True)
"""

MNIST_LIKE = """
import argparse, torch, torch.nn as nn, torch.nn.functional as F, torch.optim as optim

class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.conv1 = nn.Conv2d(1, 6, 3, 1)
        self.dropout1 = nn.Dropout(0.25)
        self.fc1 = nn.Linear(6 * 5 * 5, 10)
    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        return F.log_softmax(self.fc1(self.dropout1(torch.flatten(x, 1))), dim=1)

def train(args, model, device, train_loader, optimizer, epoch):
    for batch_idx, (data, target) in enumerate(train_loader):
        data, target = data.to(device), target.to(device)
        optimizer.zero_grad()
        loss = F.nll_loss(model(data), target)
        loss.backward()
        optimizer.step()
        if batch_idx % args.log_interval == 0:
            print(epoch, loss.item())

def test(model, device, test_loader):
    model.eval()
    test_loss = correct = 0
    with torch.no_grad():
        for data, target in test_loader:
            output = model(data.to(device))
            test_loss += F.nll_loss(output, target, reduction="sum").item()
            pred = output.argmax(dim=1, keepdim=True)
            correct += pred.eq(target.view_as(pred)).sum().item()
    return correct / len(test_loader.dataset)

def loaders():
    torch.manual_seed(1)
    y = torch.arange(400) % 10
    x = torch.randn(400, 1, 12, 12) * 0.3
    for i, c in enumerate(y):
        x[i, 0, c % 5 * 2 : c % 5 * 2 + 3, c // 5 * 5 : c // 5 * 5 + 4] += 1.5
    from torch.utils.data import DataLoader, TensorDataset
    return (DataLoader(TensorDataset(x[:300], y[:300]), 25, shuffle=True),
            DataLoader(TensorDataset(x[300:], y[300:]), 40))

args = argparse.Namespace(log_interval=10)
model = Net()
train_loader, test_loader = loaders()
optimizer = optim.Adadelta(model.parameters(), lr=1.0)
"""


def told(tmp_path, capsys, code, *arguments):
    file = tmp_path / "theirs.py"
    file.write_text(code)
    network, *options = arguments
    code = main(["diagnose", f"{file}:{network}", *options, "--seconds", "600"])
    return code, capsys.readouterr()


def test_a_script_that_trains_as_it_runs_is_watched_and_cut_short(tmp_path, capsys):
    code, said = told(tmp_path, capsys, SCRIPT, "net")
    assert code == 0 and "never reached" not in said.out
    assert "(training-in-test-mode)" in said.out and "chapter 8" in said.out
    assert "from step 9 on" in said.out
    assert said.out.count("  seen: ") == 1


def test_a_class_with_its_own_loop_is_reached_by_dots(tmp_path, capsys):
    options = ("--loader", "trainer.train_dl", "--test", "trainer.val_dl")
    options += ("--train", "trainer.fit", "--evaluate", "trainer.validate")
    code, said = told(tmp_path, capsys, TRAINER, "trainer.model", *options)
    assert code == 0
    assert "(layers-left-out)" in said.out and "body.0.weight" in said.out
    assert "(accuracy-wrong)" in said.out and "mean of 5 batches" in said.out
    assert said.out.count("  seen: ") == 2


def test_a_module_that_carries_its_own_training_step_is_enough(tmp_path, capsys):
    code, said = told(tmp_path, capsys, LIGHTNING, "LitNet")
    assert code == 0
    assert "(softmax-before-loss)" in said.out and "1.48" not in said.out
    assert f"{math.log(1 + 3 / math.e):.2f}" in said.out
    assert said.out.count("  seen: ") == 1


def test_functions_of_one_epoch_that_take_what_the_file_has(tmp_path, capsys):
    """The test leaves evaluation mode on, and nobody sets it back."""
    code, said = told(tmp_path, capsys, MNIST_LIKE, "model")
    assert code == 0
    assert "(training-in-test-mode)" in said.out


# Whole programs, whose parts have no names at the top level


WHOLE = """
import argparse, torch, torch.nn as nn, torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

def pictures(n, seed):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(4, (n,), generator=g)
    x = torch.randn(n, 1, 8, 8, generator=g) + F.one_hot(y, 4).repeat(1, 16).view(-1, 1, 8, 8)
    return TensorDataset(x, y)

class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.a, self.b = nn.Linear(INPUTS, width), nn.Linear(width, 4)
        self.drop = nn.Dropout(0.2)
    def forward(self, x):
        return LAST(self.b(self.drop(F.relu(self.a(x.flatten(1))))))

def run(args):
    net = Net(args.width)
    loaders = {"a": DataLoader(pictures(320, 0), 32, shuffle=True)}
    loaders["b"] = DataLoader(pictures(90, 1), 40)
    sgd = torch.optim.SGD(net.parameters(), lr=0.05)
    for _ in range(args.epochs):
        net.train()
        for x, y in loaders["a"]:
            sgd.zero_grad()
            LOSS(net(x), y).backward()
            sgd.step()
        EVAL
        shares, right = [], 0
        for x, y in loaders["b"]:
            good = (net(x).argmax(1) == y).sum().item()
            right += good
            shares.append(good / len(y))
        print("accuracy %.4f" % (SHARE))
        torch.save(net.state_dict(), args.out)

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--width", type=int, default=24)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--out", default="best.pt")
    run(parser.parse_args())
"""


def whole(tmp_path, capsys, *arguments, **slips):
    """What is said of ``WHOLE`` as a program, with the kinds of fault that are named."""
    parts = {"LAST": "", "LOSS": "F.cross_entropy", "EVAL": "net.eval()", "INPUTS": "64"}
    parts |= {"SHARE": "right / 90"} | slips
    code = WHOLE
    for name, part in parts.items():
        code = code.replace(name, part)
    file = tmp_path / "theirs.py"
    file.write_text(code)
    given = "--arguments", f"--epochs 50 --out {tmp_path / 'best.pt'}"
    code = main(["diagnose", str(file), *(arguments or given), "--seconds", "600"])
    said = capsys.readouterr()
    return code, said, re.findall(r"see: chapter \d+ \((.+)\)", said.out)


@pytest.mark.parametrize(
    ("fault", "slips"),
    [
        (None, {}),
        (None, {"LAST": "F.log_softmax", "LOSS": "F.nll_loss"}),
        ("softmax-before-loss", {"LAST": "F.softmax"}),
        ("activation-at-the-end", {"LAST": "F.relu"}),
        ("test-in-training-mode", {"EVAL": "pass"}),
        ("accuracy-wrong", {"SHARE": "sum(shares) / 3"}),
        ("size-slip", {"INPUTS": "49"}),
    ],
)
@pytest.mark.filterwarnings("ignore:Implicit dimension")
def test_a_program_is_looked_at_whole(tmp_path, capsys, fault, slips):
    """It tests without ``no_grad``, and no part of it has a name outside of its functions."""
    code, said, named = whole(tmp_path, capsys, **slips)
    assert code == 0, said.err
    assert named == [fault] * (fault is not None)


def test_a_relu_before_the_log_softmax_is_named(tmp_path, capsys):
    last = "(lambda x: F.log_softmax(F.relu(x), 1))"
    _, said, named = whole(tmp_path, capsys, LAST=last, LOSS="F.nll_loss")
    assert named == ["activation-at-the-end"] and "is a ReLU" in said.out


def test_what_a_program_has_saved_stays(tmp_path, capsys):
    (tmp_path / "best.pt").write_bytes(b"of a long run")
    whole(tmp_path, capsys)
    assert (tmp_path / "best.pt").read_bytes() == b"of a long run"


def test_a_program_that_wants_arguments_is_told_how_they_are_given(tmp_path, capsys):
    code, said, _ = whole(tmp_path, capsys, "--arguments", "")
    assert code == 2 and "what the program wants as --arguments=" in said.err


FORWARD = """
import torch
torch.manual_seed(0)
y = torch.arange(400) % 4
x = torch.randn(400, 64) + torch.nn.functional.one_hot(y, 4).repeat(1, 16)
def main():
    layers = torch.nn.Linear(64, 20), torch.nn.Sigmoid(), torch.nn.Linear(20, 4)
    net = torch.nn.Sequential(*layers, torch.nn.Softmax(1))
    sgd = torch.optim.SGD(net.parameters(), lr=0.1)
    for i in range(0, 400, 20):
        sgd.zero_grad()
        torch.nn.functional.cross_entropy(net.forward(x[i : i + 20]), y[i : i + 20]).backward()
        sgd.step()
main()
"""


def test_a_loop_without_a_loader_that_calls_forward_is_seen(tmp_path, capsys):
    file = tmp_path / "theirs.py"
    file.write_text(FORWARD)
    assert main(["diagnose", str(file), "--seconds", "600"]) == 0
    said = capsys.readouterr().out
    assert "(softmax-before-loss)" in said and said.count("  seen: ") == 1


TWO = """
import torch
torch.manual_seed(0)
y = torch.arange(400) % 4
x = torch.randn(400, 64) + torch.nn.functional.one_hot(y, 4).repeat(1, 16)
old, new = torch.nn.Linear(64, 4), torch.nn.Linear(64, 4)
sgd = torch.optim.SGD(new.parameters(), lr=0.1)
for i in range(0, 400, 20):
    said = old(x[i : i + 20]).detach()
    sgd.zero_grad()
    scores = new(x[i : i + 20])
    loss = torch.nn.functional.cross_entropy(scores, y[i : i + 20])
    (loss + (scores - said).square().mean()).backward()
    sgd.step()
"""


def test_of_two_networks_the_one_that_learns_is_looked_at(tmp_path, capsys):
    file = tmp_path / "theirs.py"
    file.write_text(TWO)
    assert main(["diagnose", str(file), "--seconds", "600"]) == 0
    assert "Nothing looks wrong" in capsys.readouterr().out


SNAPSHOT = """
import os, torch
from torch.utils.data import DataLoader, TensorDataset
def main(save_every, total_epochs, snapshot_path="snapshot.pt"):
    y = torch.arange(160) % 2
    batches = DataLoader(TensorDataset(torch.randn(160, 12) + 2 * y[:, None], y), 16, shuffle=True)
    net = torch.nn.Linear(12, 2)
    sgd = torch.optim.SGD(net.parameters(), lr=0.05)
    began = 0
    if os.path.exists(snapshot_path):
        saved = torch.load(snapshot_path)
        net.load_state_dict(saved["net"])
        began = saved["epoch"]
    for epoch in range(began, total_epochs):
        for x, y in batches:
            sgd.zero_grad()
            torch.nn.functional.cross_entropy(net(x), y).backward()
            sgd.step()
        if epoch % save_every == 0:
            torch.save({"net": net.state_dict(), "epoch": epoch}, snapshot_path)
"""


def test_a_function_that_makes_all_itself_is_resumed(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "theirs.py").write_text(SNAPSHOT)
    asked = ["diagnose", "theirs.py", "--train", "main", "--give", "save_every=1"]
    assert main([*asked, "--seconds", "600"]) == 0
    said = capsys.readouterr().out
    assert "(resuming)" in said and "it takes 5 and 10 more, not 5" in said
    assert not (tmp_path / "snapshot.pt").exists()


def test_what_is_missing_is_said_in_one_sentence(tmp_path, capsys):
    code, said = told(tmp_path, capsys, "import torch\nclass Net(torch.nn.Linear): pass", "net")
    assert code == 2 and "theirs.py has no 'net' at its top level; it has Net" in said.err
    code, said = told(tmp_path, capsys, "net = 3", "net")
    assert code == 2 and "expected an nn.Module" in said.err
    code, said = told(tmp_path, capsys, "import torch\nnet = torch.nn.Linear(2, 2)", "net")
    assert code == 2 and "no batches to train with: give --loader NAME" in said.err
    code, said = told(tmp_path, capsys, "1 / 0", "net")
    assert code == 2 and "theirs.py stops with ZeroDivisionError: division by zero" in said.err
    assert main(["diagnose", "theirs.txt"]) == 2
    assert "give FILE.py, or FILE.py:network" in capsys.readouterr().err


# The record


@pytest.mark.skipif(not faults.table_path().exists(), reason="make faults has not been run")
def test_the_record_is_whole_and_meets_its_aim():
    record = json.loads(faults.table_path().read_text())
    assert is_sealed(record)
    rows = recorded_faults()
    table = by_kind(rows)
    assert list(table["kind"]) == list(KINDS) and (table["of"] == 9).all()
    assert (table["named"] == table["of"]).sum() >= 24
    counts = shares(rows).set_index("what")
    assert counts.loc["false alarms", "count"] == 0 and counts.loc["false alarms", "of"] == 9
    assert counts.loc["pairs", "count"] == counts.loc["pairs", "of"] > 20
    paired = [kind for row in rows for kind in row["planted"] if len(row["planted"]) == 2]
    assert min(paired.count(kind) for kind in KINDS) >= 2


@pytest.mark.skipif(not arms_path().exists(), reason="make faults has not been run")
def test_hardly_an_arm_of_the_experiments_is_blamed_for_what_it_has_not():
    assert is_sealed(json.loads(arms_path().read_text()))
    arms = recorded_arms()
    there, looked_at = set(faults.arms()), {*zip(arms["experiment"], arms["arm"])}
    assert looked_at <= there and len(looked_at) > 0.9 * len(there)  # some may be new
    blamed = arms[arms["false"].map(bool)]  # chapter 15 tells of these two
    faces = {("own-pictures", "faces-features-10"), ("own-pictures", "faces-tuned-10")}
    assert {*zip(blamed["experiment"], blamed["arm"])} == faces
    assert of_arms(arms).set_index("what").loc["false alarms", "count"] == 2
    assert KNOWN.keys() <= looked_at


def test_looking_at_arms_goes_on_where_it_stopped_and_may_keep_what_is_held(tmp_path):
    plans = [("a", "one"), ("a", "two"), ("a", "three")]
    seen = []

    def look(experiment, arm):
        seen.append(arm)
        if arm == "two" and seen.count("two") == 1:
            raise KeyboardInterrupt
        return {"experiment": experiment, "arm": arm, "found": []}

    path = tmp_path / "arms.json"
    with pytest.raises(KeyboardInterrupt):
        faults.made(path, plans[:2], look)
    faults.made(path, plans[:2], look)
    held = json.loads(path.read_text())
    faults.made(path, plans, look, held)
    assert seen == ["one", "two", "two", "three"]
    record = json.loads(path.read_text())
    assert [row["arm"] for row in record["rows"]] == ["one", "two", "three"]
    assert record["kept"] == {key: held[key] for key in ("commit", "finished")} | {"rows": 2}
    assert is_sealed(record) and "kept" not in held


def test_an_arm_whose_record_does_not_learn_is_no_false_alarm():
    rows = [
        {"experiment": "a", "arm": "learns", "reached": 50.0, "chance": 10.0, "found": []},
        {"experiment": "a", "arm": "blamed", "reached": 50.0, "chance": 10.0, "found": ["inputs"]},
        {"experiment": "a", "arm": "stays", "reached": 10.2, "chance": 10.0, "found": ["dropout"]},
        {"experiment": "a", "arm": "unseen", "reached": 14.9, "chance": 10.0, "found": []},
    ]
    rows = [row | {"seconds": 1.0} for row in rows]
    lines = arms_summary(rows).splitlines()
    assert lines[-2].startswith("false alarms: 1 of 2, 50.0 %")
    assert lines[-1].startswith("named: 1 of 2, 50.0 %")


def test_shares_have_wilson_intervals():
    rows = [{"planted": ["dropout"], "found": ["dropout"]}] * 8
    rows += [{"planted": ["dropout"], "found": ["inputs"]}, {"planted": ["dropout"], "found": []}]
    counts = shares(rows).set_index("what")
    assert tuple(counts.loc["recall", ["count", "of"]]) == (8, 10)
    # (p + z²/2n ± z √(p (1 − p)/n + z²/4n²)) / (1 + z²/n), with z = 1.96, p = 0.8, n = 10
    assert counts.loc["recall", "low"] == pytest.approx(49.02, abs=0.01)
    assert counts.loc["recall", "high"] == pytest.approx(94.33, abs=0.01)
    assert tuple(counts.loc["precision", ["count", "of"]]) == (8, 9)
    assert "recall: 8 of 10, 80.0 % (49.0 to 94.3)" in summary(rows)
