"""Built networks against PyTorch, torchvision, the paper's formulas and explicit towers."""

import math
from statistics import NormalDist

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from alexnet_course.architectures import ARCHITECTURES, Architecture
from alexnet_course.layers import (
    LRN,
    Activation,
    BatchNorm,
    Conv,
    Dropout,
    Flatten,
    Layer,
    Linear,
    LocallyConnected,
    Pool,
    ReLU,
    SpecError,
)
from alexnet_course.network import build, load_weights, make_module
from alexnet_course.recipes import FirstWeights
from alexnet_course.training import pool_before_relu


def random_image(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.double, generator=torch.Generator().manual_seed(seed))


def up_to(network, last, input_shape):
    """The layers until ``last``, on a smaller input."""
    end = [layer.name for layer in network.layers].index(last) + 1
    return Architecture(network.name, input_shape, network.layers[:end])


TINY = Architecture(
    "tiny",
    (3, 12, 12),
    (
        Conv("conv1", 8, kernel=3),
        ReLU("relu1"),
        Pool("pool1", kernel=3, stride=2),
        Conv("conv2", 8, kernel=3, padding=1),
        ReLU("relu2"),
        LRN("lrn2"),
        Pool("pool2", kernel=2, stride=1),
        Flatten("flatten"),
        Dropout("dropout3"),
        Linear("fc3", 5),
    ),
)


def test_a_name_is_no_architecture():
    with pytest.raises(ValueError, match="architecture is 'two-conv'; it must be of type Archit"):
        build("two-conv")


def test_torchvision_is_reproduced_weight_for_weight():
    """Same parameters in the same order, and with the same values the same logits."""
    theirs = torchvision.models.alexnet(weights=None).eval()
    with torch.device("meta"):
        ours = build(ARCHITECTURES["torchvision"]).eval()
    values = list(theirs.state_dict().values())
    state = ours.state_dict()
    assert [v.shape for v in state.values()] == [v.shape for v in values]
    ours.load_state_dict(dict(zip(state, values, strict=True)), assign=True)
    images = random_image(2, 3, 224, 224).float()
    with torch.no_grad():
        assert torch.equal(ours(images), theirs(images))


def test_a_saved_state_dict_of_torchvisions_alexnet_is_loaded_in_one_call(tmp_path):
    theirs = torchvision.models.alexnet(weights=None).eval()
    path = tmp_path / "alexnet.pth"
    torch.save(theirs.state_dict(), path)
    ours = build(ARCHITECTURES["torchvision"]).eval()
    assert load_weights(ours, path) is ours
    path.unlink()  # 244 MB
    images = random_image(2, 3, 224, 224).float()
    with torch.no_grad():
        assert torch.equal(ours(images), theirs(images))


def tiny_state(**changes):
    """The state of TINY, with other values under other names; a change of None takes one out."""
    values = build(TINY, seed=1).state_dict() | changes
    return {f"features.{name}": value for name, value in values.items() if value is not None}


def test_weights_are_copied_in_their_order_from_a_state_dict_or_a_file(tmp_path):
    path = tmp_path / "weights.pt"
    torch.save(tiny_state(), path)
    wanted = build(TINY, seed=1).state_dict()
    for weights in (tiny_state(), path, str(path)):
        loaded = load_weights(build(TINY, seed=0), weights).state_dict()
        assert loaded.keys() == wanted.keys()
        assert all(torch.equal(loaded[name], wanted[name]) for name in wanted)


class Unwelcome:
    """Something that a file could only bring by running code."""


NO_FIT = {
    "too few": (lambda: tiny_state(**{"fc3.bias": None}), "holds 5 tensors and this network 6"),
    "too many": (lambda: tiny_state(extra=torch.ones(1)), "holds 7 tensors and this network 6"),
    "another shape": (
        lambda: tiny_state(**{"fc3.weight": torch.ones(10, 72)}),
        r"'features.fc3.weight' has shape \(10, 72\), and 'fc3.weight'.*\(5, 72\)",
    ),
    "one level too high": (
        lambda: {"epoch": 3, "state_dict": tiny_state()},
        "no state_dict: its entry 'epoch' is of type int, not a tensor",
    ),
    "a list": (lambda: list(tiny_state().values()), "of type list, not a state_dict"),
}


@pytest.mark.parametrize("in_a_file", [False, True])
@pytest.mark.parametrize("case", NO_FIT)
def test_weights_that_do_not_fit_are_refused_before_any_is_copied(case, in_a_file, tmp_path):
    make, words = NO_FIT[case]
    weights = make()
    if in_a_file:
        torch.save(weights, tmp_path / "other.pt")
        weights, words = tmp_path / "other.pt", f"other.pt.*{words}"
    network = build(TINY, seed=0)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(ValueError, match=words):
        load_weights(network, weights)
    after = network.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before)


@pytest.mark.parametrize("damage", ["code", "cut", "text"])
def test_a_weights_file_that_runs_code_or_is_damaged_is_refused_by_name(damage, tmp_path):
    path = tmp_path / "bad.pt"
    torch.save(Unwelcome() if damage == "code" else tiny_state(), path)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-200])
    if damage == "text":
        path.write_text("no weights")
    with pytest.raises(ValueError, match=r"bad\.pt cannot be read.*save weights with"):
        load_weights(build(TINY), path)
    with pytest.raises(FileNotFoundError, match=r"none\.pt"):
        load_weights(build(TINY), tmp_path / "none.pt")


def test_grouped_layers_are_the_papers_two_towers():
    """Two explicit towers, meeting at conv3 only, against groups.

    LRN's alpha is raised until its windows can be told apart from those that cross the border.
    """
    spec = up_to(ARCHITECTURES["alexnet-2012"], "pool5", (3, 99, 99))
    spec = spec.replace("lrn1", alpha=1.0).replace("lrn2", alpha=1.0)
    made = build(spec, seed=0).double().eval()
    image = random_image(2, 3, 99, 99)

    def half(layer, tower):
        """One tower's kernels and biases."""
        return [part.chunk(2)[tower] for part in (layer.weight, layer.bias)]

    def block(x, layer, tower, **options):
        x = F.conv2d(x, *half(layer, tower), **options).relu()
        x = F.local_response_norm(x, 5, alpha=5 * 1.0, beta=0.75, k=2.0)
        return F.max_pool2d(x, 3, 2)

    towers = [image, image]
    towers = [block(x, made.conv1, tower, stride=4) for tower, x in enumerate(towers)]
    towers = [block(x, made.conv2, tower, padding=2) for tower, x in enumerate(towers)]
    assert [x.shape[1] for x in towers] == [128, 128]
    pool2 = nn.Sequential(*list(made)[:8])(image)
    torch.testing.assert_close(pool2, torch.cat(towers, 1))

    both = torch.cat(towers, 1)  # conv3 reads all maps of both
    towers = [F.conv2d(both, *half(made.conv3, t), padding=1).relu() for t in (0, 1)]
    for layer in (made.conv4, made.conv5):
        towers = [F.conv2d(x, *half(layer, t), padding=1).relu() for t, x in enumerate(towers)]
    expected = F.max_pool2d(torch.cat(towers, 1), 3, 2)
    torch.testing.assert_close(made(image), expected)

    crossing = build(spec.replace("lrn1", groups=1), seed=0).double()
    assert not torch.allclose(nn.Sequential(*list(crossing)[:8])(image), pool2)


def normalised_by_hand(x, first, last, alpha, beta, k):
    """b_i = a_i / (k + alpha · Σ_j a_j²)^beta with j from ``first(i)`` to ``last(i)``."""
    x = x.numpy()
    out = np.empty_like(x)
    for i in range(x.shape[1]):
        total = 0.0
        for j in range(max(0, first(i)), min(x.shape[1] - 1, last(i)) + 1):
            total = total + x[:, j] ** 2
        out[:, i] = x[:, i] / (k + alpha * total) ** beta
    return torch.from_numpy(out)


def run_one(layer, x):
    return build(Architecture("one", tuple(x.shape[1:]), (layer,))).double()(x)


@pytest.mark.parametrize("size", [1, 3, 5, 9])
@pytest.mark.parametrize("channels", [1, 4, 7])
def test_lrn_is_the_papers_sum(size, channels):
    """§3.3: max(0, i − n/2) to min(N − 1, i + n/2), with n/2 whole; n larger than N as well."""
    x = random_image(2, channels, 3, 2)
    options = {"alpha": 0.7, "beta": 0.6, "k": 1.5}
    expected = normalised_by_hand(x, lambda i: i - size // 2, lambda i: i + size // 2, **options)
    torch.testing.assert_close(run_one(LRN("n", size, **options), x), expected)


@pytest.mark.parametrize("size", range(1, 8))
def test_lrn_is_pytorchs_with_alpha_times_size(size):
    """Even sizes too, where the window has no middle and both lean the same way."""
    x = random_image(2, 6, 3, 2)
    theirs = nn.LocalResponseNorm(size, alpha=0.7 * size, beta=0.6, k=1.5)
    torch.testing.assert_close(run_one(LRN("n", size, 0.7, 0.6, 1.5), x), theirs(x))


@pytest.mark.parametrize("groups", [1, 2, 3, 6])
def test_lrn_with_groups_normalises_each_group_by_itself(groups):
    x = random_image(2, 6, 3, 2)
    alone = nn.LocalResponseNorm(5, alpha=5 * 0.7, beta=0.75, k=2.0)
    expected = torch.cat([alone(part) for part in x.chunk(groups, 1)], 1)
    torch.testing.assert_close(run_one(LRN("n", 5, alpha=0.7, groups=groups), x), expected)


@pytest.mark.parametrize("size", [1, 4, 5])
@pytest.mark.parametrize(("beta", "groups"), [(0.75, 1), (0.75, 2), (0.6, 1)])
def test_the_gradient_of_lrn_is_the_one_that_differences_give(size, beta, groups):
    x = random_image(2, 6, 2, 2).requires_grad_()
    layer = make_module(LRN("n", size, 0.7, beta, 1.5, groups=groups), (6, 2, 2)).double()
    assert torch.autograd.gradcheck(layer, x)


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
def test_lrn_works_in_16_bits(precision):
    """Values whose squares float16 can't hold: 300² is 90,000, and 65,504 is its largest."""
    x = (300 * random_image(2, 8, 3, 3)).to(precision).requires_grad_()
    layer = make_module(LRN("n"), (8, 3, 3))
    y = layer(x)
    y.sum().backward()
    exact = x.detach().double().requires_grad_()
    expected = layer.double()(exact)
    expected.sum().backward()
    assert y.dtype == precision and y.isfinite().all() and x.grad.isfinite().all()
    torch.testing.assert_close(y.double(), expected, rtol=0.05, atol=0.5)
    torch.testing.assert_close(x.grad.double(), exact.grad, rtol=0.1, atol=0.02)


class _LikeCUDA(TorchFunctionMode):
    """Under autocast, CUDA takes roots and powers in float32 (and makes sums in 16 bits)."""

    def __torch_function__(self, function, types, arguments=(), options=None):
        powers = (Tensor.rsqrt, Tensor.pow, Tensor.__pow__)
        if function in powers and torch.is_autocast_enabled("cpu"):
            arguments = (arguments[0].float(), *arguments[1:])
        return function(*arguments, **(options or {}))


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("norm", [LRN("n"), LRN("n", beta=0.6), LRN("n", 3, across="space")])
def test_both_norms_learn_under_an_autocast_like_cudas(precision, norm):
    layer = make_module(norm, (8, 3, 3))
    x = random_image(2, 8, 3, 3).to(precision).requires_grad_()
    with _LikeCUDA(), torch.autocast("cpu", precision):
        y = layer(x)
    y.sum().backward()
    exact = x.detach().double().requires_grad_()
    expected = layer.double()(exact)
    expected.sum().backward()
    assert y.dtype == precision
    torch.testing.assert_close(y.double(), expected, rtol=0.02, atol=0.02)
    torch.testing.assert_close(x.grad.double(), exact.grad, rtol=0.02, atol=0.02)


@pytest.mark.parametrize("norm", [LRN("n", alpha=0.4), LRN("n", 3, alpha=0.4, across="space")])
def test_both_norms_square_what_float16_holds_and_its_square_does_not(norm):
    """0.4 · 1,000² is 400,000, and 65,504 is float16's largest."""
    layer = make_module(norm, (8, 3, 3))
    x = (1000 * random_image(2, 8, 3, 3)).half().requires_grad_()
    with torch.autocast("cpu", torch.float16):
        y = layer(x)
    y.sum().backward()
    exact = x.detach().double()
    torch.testing.assert_close(y.double(), layer.double()(exact), rtol=0.01, atol=1e-4)
    assert y.dtype == torch.float16 and x.grad.isfinite().all()


def test_lrn_gives_its_default_the_papers_constants():
    x = 30 * random_image(1, 8, 2, 2)  # large enough for alpha to be felt
    expected = normalised_by_hand(x, lambda i: i - 2, lambda i: i + 2, 1e-4, 0.75, 2.0)
    torch.testing.assert_close(run_one(LRN("n"), x), expected)


@pytest.mark.parametrize("size", [1, 3, 5])
def test_the_norm_across_space_sums_the_patch_around_each_pixel(size):
    """Patches are cut off at the border; each map is normalised by itself."""
    x = random_image(2, 2, 4, 6)
    expected = torch.empty_like(x)
    reach = size // 2
    for row in range(4):
        for column in range(6):
            top, left = max(0, row - reach), max(0, column - reach)
            patch = x[:, :, top : row + reach + 1, left : column + reach + 1]
            scale = (1.5 + 0.7 * (patch**2).sum((2, 3))) ** 0.6
            expected[:, :, row, column] = x[:, :, row, column] / scale
    layer = LRN("n", size, alpha=0.7, beta=0.6, k=1.5, across="space")
    torch.testing.assert_close(run_one(layer, x), expected)


def test_a_convolution_that_rounds_up_reads_zeros_at_the_bottom_and_right():
    """224 with windows of 11 and stride 4: 55 positions, the last 3 pixels over the edge."""
    layer = ARCHITECTURES["alexnet-2012-code"].layer("conv1")
    made = build(Architecture("conv1", (3, 224, 224), (layer,)), seed=0)
    image = random_image(1, 3, 224, 224).float()
    padded = torch.zeros(1, 3, 227, 227)
    padded[:, :, :224, :224] = image
    ours = made(image)
    assert ours.shape == (1, 96, 55, 55)
    expected = F.conv2d(padded, made.conv1.weight, made.conv1.bias, stride=4)
    torch.testing.assert_close(ours, expected)
    down = F.conv2d(image, made.conv1.weight, made.conv1.bias, stride=4)
    assert down.shape == (1, 96, 54, 54)  # PyTorch's own rule leaves the last window out


@pytest.mark.parametrize("mode", ["max", "average"])
def test_pooling_does_what_its_mode_says(mode):
    x = random_image(1, 2, 4, 4)
    windows = x.unfold(2, 2, 2).unfold(3, 2, 2)
    expected = windows.amax((4, 5)) if mode == "max" else windows.mean((4, 5))
    torch.testing.assert_close(run_one(Pool("p", 2, 2, mode=mode), x), expected)


def test_settings_that_no_shape_shows_reach_the_modules():
    made = build(TINY.replace("dropout3", p=0.25).replace("conv1", bias=False))
    assert made.dropout3.p == 0.25
    assert made.conv1.bias is None and made.conv2.bias is not None
    x = torch.ones(100, 200)
    kept = made.dropout3.train()(x).count_nonzero() / x.numel()
    assert 0.73 < kept < 0.77


def test_layers_stand_in_order_under_their_names_and_the_network_knows_its_table():
    made = build(TINY)
    assert [name for name, _ in made.named_children()] == [layer.name for layer in TINY.layers]
    assert made.architecture is TINY


def test_an_unknown_kind_of_layer_is_refused_by_name():
    class Strange(Layer):
        pass

    with pytest.raises(TypeError, match=r"'odd'.*Strange"):
        make_module(Strange("odd"), (3, 4, 4))


def weights(network):
    return torch.cat([p.detach().flatten() for p in network.parameters()])


def test_the_seed_decides_the_first_weights_and_nothing_else():
    torch.manual_seed(42)
    before = torch.get_rng_state()
    first, again, other = (weights(build(TINY, seed)) for seed in (7, 7, 8))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)  # the caller's draws are left alone
    torch.manual_seed(1)
    assert torch.equal(weights(build(TINY, seed=7)), first)
    assert not torch.equal(weights(build(TINY)), weights(build(TINY)))


# --- pooling before ReLU, which training uses because it's cheaper


def outputs_and_gradients(modules, x, parameters):
    x = x.clone().requires_grad_()
    y = modules(x)
    weight = torch.arange(1, y.numel() + 1, dtype=y.dtype).reshape(y.shape)  # all different
    return [y, *torch.autograd.grad((y * weight).sum(), [x, *parameters])]


@pytest.mark.parametrize("kernel, stride", [(2, 2), (3, 2), (2, 3)])
@pytest.mark.parametrize("values", ["random", "ties", "negative", "zero"])
def test_relu_and_max_pooling_commute_with_their_gradients(kernel, stride, values):
    x = random_image(2, 3, 9, 9)
    x = {"random": x, "ties": x.round(), "negative": -x.abs() - 1, "zero": 0 * x}[values]
    original = nn.Sequential(nn.ReLU(), nn.MaxPool2d(kernel, stride))
    swapped = pool_before_relu(original)
    assert [type(m) for m in swapped] == [nn.MaxPool2d, nn.ReLU]
    for a, b in zip(*(outputs_and_gradients(m, x, []) for m in (original, swapped)), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("name", ["two-conv", "adam-augmented"])
def test_a_network_with_pooling_first_gives_the_same_logits_and_gradients(name):
    made = build(ARCHITECTURES[name], seed=0).eval()
    order = list(made)
    quick = pool_before_relu(made)
    assert list(made) == order  # the network itself is left as it was
    assert [type(m) for m in quick][1:3] == [nn.MaxPool2d, nn.ReLU]
    parameters = list(made.parameters())
    assert {id(p) for p in quick.parameters()} == {id(p) for p in parameters}  # shared
    x = random_image(2, 3, 32, 32).float()
    results = [outputs_and_gradients(m, x, parameters) for m in (made, quick)]
    for a, b in zip(*results, strict=True):
        assert torch.equal(a, b)


def test_only_a_max_pooling_right_after_a_relu_is_moved():
    average = nn.Sequential(nn.ReLU(), nn.AvgPool2d(2))
    apart = nn.Sequential(nn.ReLU(), nn.LocalResponseNorm(5), nn.MaxPool2d(2))
    already = nn.Sequential(nn.MaxPool2d(2), nn.ReLU())
    for modules in (average, apart, already):
        assert list(pool_before_relu(modules)) == list(modules)
    alone = nn.Linear(2, 2)
    assert pool_before_relu(alone) is alone


def test_a_slice_is_a_plain_sequence_that_runs_and_keeps_the_names():
    network = build(ARCHITECTURES["two-conv"], seed=0)
    front = network[:3]
    assert [name for name, _ in front.named_children()] == ["conv1", "relu1", "pool1"]
    assert front(torch.zeros(1, 3, 32, 32)).shape == (1, 64, 13, 13)
    assert network[0] is network.conv1


@pytest.mark.parametrize("name", ["forward", "train", "architecture"])
def test_a_name_that_modules_use_themselves_is_refused_by_name(name):
    clash = Architecture("clash", (3, 8, 8), (Conv(name, 4, kernel=3),))
    with pytest.raises(SpecError, match=f"'{name}'.*choose another"):
        build(clash)


# Locally connected layers


LOCAL = pytest.mark.parametrize(
    ("shape", "kernel", "stride", "padding"),
    [((3, 5, 6), 3, 1, 1), ((2, 7, 5), 3, 2, 0), ((1, 4, 4), 2, 3, 2), ((4, 3, 3), 3, 1, 0)],
)


@LOCAL
def test_a_locally_connected_layer_is_a_loop_over_positions(shape, kernel, stride, padding):
    module = make_module(LocallyConnected("l", 5, kernel, stride, padding), shape).double()
    x = random_image(2, *shape)
    padded = F.pad(x, (padding,) * 4)
    _, rows, columns = module.bias.shape
    expected = torch.empty(2, 5, rows, columns, dtype=torch.double)
    for row in range(rows):
        for column in range(columns):
            top, left = stride * row, stride * column
            window = padded[:, :, top : top + kernel, left : left + kernel]
            for output in range(5):
                sums = (window * module.weight[row, column, output]).sum((1, 2, 3))
                expected[:, output, row, column] = sums + module.bias[output, row, column]
    torch.testing.assert_close(module(x), expected)
    torch.testing.assert_close(module(x.contiguous(memory_format=torch.channels_last)), expected)


@LOCAL
def test_a_locally_connected_layer_of_equal_kernels_is_a_convolution(
    shape, kernel, stride, padding
):
    """Gradients of shared weights are the sums of those of the positions."""
    module = make_module(LocallyConnected("l", 5, kernel, stride, padding), shape).double()
    shared = nn.Conv2d(shape[0], 5, kernel, stride, padding).double()
    with torch.no_grad():
        module.weight.copy_(shared.weight.expand_as(module.weight))
        module.bias.copy_(shared.bias[:, None, None].expand_as(module.bias))
    x = random_image(2, *shape)
    y, by_input, by_weight, by_bias = outputs_and_gradients(module, x, list(module.parameters()))
    found = [y, by_input, by_weight.sum((0, 1)), by_bias.sum((1, 2))]
    expected = outputs_and_gradients(shared, x, list(shared.parameters()))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)


def test_gradients_of_a_locally_connected_layer_are_its_slopes():
    module = make_module(LocallyConnected("l", 2, kernel=2, padding=1), (2, 3, 2)).double()

    def output(x, weight, bias):
        return torch.func.functional_call(module, {"weight": weight, "bias": bias}, x)

    x = random_image(2, 2, 3, 2).requires_grad_()
    assert torch.autograd.gradcheck(output, (x, module.weight, module.bias))


@pytest.mark.parametrize("side", [5, 7])
def test_a_locally_connected_layer_refuses_maps_of_another_size(side):
    module = make_module(LocallyConnected("l", 4, kernel=3), (3, 6, 6))
    with pytest.raises(ValueError, match=rf"maps of \(3, 6, 6\), not \(3, {side}, {side}\)"):
        module(torch.zeros(1, 3, side, side))


# First weights


PAPER = FirstWeights(0.01, stds={"conv3": 0.03}, biases={"conv2": 1.0, "fc6": 1.0})
PAPER_TWO_CONV = FirstWeights(0.01, biases={"conv2": 1.0})


def test_first_weights_have_the_deviations_and_biases_that_are_asked_for():
    network = build(ARCHITECTURES["five-conv-32"], 0, PAPER)
    for name, std, bias in (("conv1", 0.01, 0), ("conv3", 0.03, 0), ("fc6", 0.01, 1)):
        module = getattr(network, name)
        assert module.weight.std().item() == pytest.approx(std, rel=0.05)
        assert abs(module.weight.mean().item()) < std / 20
        assert (module.bias == bias).all()


def test_he_weights_keep_the_size_of_activations_through_relu_layers():
    network = build(ARCHITECTURES["five-conv-32"], 0, FirstWeights("he"))
    for name, inputs in (("conv2", 64 * 25), ("fc7", 4096)):
        std = getattr(network, name).weight.std().item()
        assert std == pytest.approx((2 / inputs) ** 0.5, rel=0.02)
        assert (getattr(network, name).bias == 0).all()


def test_he_weights_count_the_inputs_of_a_unit_that_shares_its_kernel_with_none():
    made = build(ARCHITECTURES["conv-local-13"], 0, FirstWeights("he", biases={"local4": 0.5}))
    assert made.local3.weight.std().item() == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.02)
    assert (made.local3.bias == 0).all() and (made.local4.bias == 0.5).all()


def test_first_weights_follow_the_seed():
    tiny = ARCHITECTURES["two-conv"]
    one, same, other = (build(tiny, seed, PAPER_TWO_CONV).conv1.weight for seed in (0, 0, 1))
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_first_weights_for_a_layer_that_is_not_there_are_refused():
    with pytest.raises(ValueError, match=r"given for conv9, relu1, but two-conv has .*conv1"):
        build(
            ARCHITECTURES["two-conv"], 0, FirstWeights("he", stds={"relu1": 1}, biases={"conv9": 1})
        )


def test_first_weights_leave_batch_norm_as_it_begins():
    layers = (Conv("conv1", 4, kernel=3), BatchNorm("norm1"), ReLU("relu1"))
    made = build(Architecture("normed", (3, 8, 8), layers), 0, FirstWeights("he", bias=0.5))
    assert (made.conv1.bias == 0.5).all()
    assert (made.norm1.weight == 1).all() and (made.norm1.bias == 0).all()


def test_first_weights_allow_layers_without_biases():
    architecture = ARCHITECTURES["two-conv"].replace("conv1", bias=False)
    assert build(architecture, 0, FirstWeights("he", bias=0.5)).conv1.bias is None


@pytest.mark.parametrize(
    "function, formula",
    [
        ("tanh", math.tanh),
        ("sigmoid", lambda x: 1 / (1 + math.exp(-x))),
        ("leaky-relu", lambda x: max(x, 0.01 * x)),
        ("gelu", lambda x: x * NormalDist().cdf(x)),
    ],
)
def test_an_activation_is_its_formula(function, formula):
    x = random_image(1, 2, 3, 3)
    expected = x.clone().apply_(formula)
    torch.testing.assert_close(run_one(Activation("a", function), x), expected)


def test_dropout_of_2012_is_todays_times_what_is_kept():
    x = torch.linspace(1, 2, 1000).view(1, 1000)
    old, new = (make_module(Dropout("d", 0.3, scaled=s), (1000,)) for s in ("test", "training"))
    with torch.random.fork_rng():
        outputs = []
        for module in (old, new):
            torch.manual_seed(0)
            outputs.append(module.train()(x))
    torch.testing.assert_close(outputs[0], outputs[1] * 0.7)
    kept = outputs[0] != 0
    torch.testing.assert_close(outputs[0][kept], x[kept])  # unscaled while training
    assert 650 < kept.sum() < 750
    torch.testing.assert_close(old.eval()(x), 0.7 * x)
    assert torch.equal(new.eval()(x), x)


@pytest.mark.parametrize("shape", [(4, 3, 2), (5,)])
def test_batch_norm_gives_each_channel_mean_0_and_deviation_1(shape):
    layer = BatchNorm("n")
    assert layer.parameter_counts(shape) == (shape[0], shape[0])
    module = make_module(layer, shape).double()
    assert sum(p.numel() for p in module.parameters()) == 2 * shape[0]
    x = random_image(200, *shape) * 3 + 1
    y = module.train()(x).transpose(0, 1).flatten(1)
    assert y.mean(1).abs().max() < 1e-6 and (y.std(1) - 1).abs().max() < 0.01


def test_lasting_dropout_drops_in_eval_mode_too():
    x = torch.ones(1, 1000)
    for at_test, kept in ((False, 1000), (True, 500)):
        layer = make_module(Dropout("dropout", 0.5, at_test=at_test), (1000,)).eval()
        assert abs((layer(x) != 0).sum().item() - kept) < 100
