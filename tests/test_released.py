"""Layer files of the released 2012 code: what is read, and what is refused in words.

The files here are our own, in the release's format. Set ``ALEXNET_COURSE_RELEASE`` to a clone of
the release, and its own files are read too.
"""

import os
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch

from alexnet_course.__main__ import main
from alexnet_course.architectures import ARCHITECTURES
from alexnet_course.arithmetic import layer_table
from alexnet_course.layers import (
    LRN,
    Activation,
    Conv,
    Dropout,
    Flatten,
    Linear,
    LocallyConnected,
    Pool,
    ReLU,
    SpecError,
)
from alexnet_course.network import build
from alexnet_course.released import read_layers, read_params

# By section: what the file says, fields parted by blanks.
TOWERS = {
    "data": "type=data dataIdx=0",
    "labels": "type=data dataIdx=1",
    "conv1a": "type=conv inputs=data channels=3 filters=4 padding=0 stride=4 filterSize=11 gpu=0",
    "conv1b": "type=conv inputs=data channels=3 filters=4 padding=0 stride=4 filterSize=11 gpu=1",
    "norm1a": "type=cmrnorm inputs=conv1a channels=4 size=3",
    "norm1b": "type=cmrnorm inputs=conv1b channels=4 size=3",
    "pool1a": "type=pool pool=max inputs=norm1a sizeX=3 stride=2 channels=4 neuron=relu",
    "pool1b": "type=pool pool=max inputs=norm1b sizeX=3 stride=2 channels=4 neuron=relu",
    "conv2a": "type=conv inputs=pool1a filters=6 padding=1 filterSize=3 channels=4 initB=1",
    "conv2b": "type=conv inputs=pool1b filters=6 padding=1 filterSize=3 channels=4 initB=1",
    "patch2a": "type=rnorm inputs=conv2a channels=6 size=5",
    "patch2b": "type=rnorm inputs=conv2b channels=6 size=5",
    "conv3a": "type=conv inputs=patch2a,patch2b filters=5,5 padding=1,1 stride=1,1 filterSize=3,3 "
    "channels=6,6 neuron=relu",
    "conv3b": "type=conv inputs=patch2a,patch2b filters=5,5 padding=1,1 stride=1,1 filterSize=3,3 "
    "channels=6,6 neuron=relu",
    "fc4a": "type=fc inputs=conv3a,conv3b outputs=7 neuron=relu",
    "fc4b": "type=fc inputs=conv3b,conv3a outputs=8 neuron=relu",
    "hs4a": "type=hs keep=0.8 inputs=fc4a",
    "hs4b": "type=hs keep=0.8 inputs=fc4b",
    "out": "type=fc inputs=hs4a,hs4b outputs=10",
    "probs": "type=softmax inputs=out",
    "logprob": "type=cost.logreg inputs=labels,probs",
}
NORMS = {
    "norm1a": "scale=0.03 pow=0.75 minDiv=2",
    "norm1b": "scale=0.03 pow=0.75 minDiv=2",
    "patch2a": "scale=0.5 pow=0.5",
    "patch2b": "scale=0.5 pow=0.5",
}
AS_A_CHAIN = (
    Conv("conv1", 8, kernel=11, stride=4, rounding="ceil"),  # 1 + ceil((64 - 11) / 4) = 15
    LRN("norm1", 3, alpha=0.03 / 3, beta=0.75, k=2.0, groups=2),
    Pool("pool1", kernel=3, stride=2),  # 7
    ReLU("pool1_relu"),
    Conv("conv2", 12, kernel=3, padding=1, groups=2),
    LRN("patch2", 5, alpha=0.5 / 25, beta=0.5, k=1.0, across="space"),
    Conv("conv3", 10, kernel=3, padding=1),
    ReLU("conv3_relu"),
    Flatten("flatten"),
    Linear("fc4", 15),
    ReLU("fc4_relu"),
    Dropout("hs4", 0.2, scaled="test"),
    Linear("out", 10),
)
SMALL = {
    "data": "type=data",
    "conv1": "type=conv inputs=data channels=3 filters=8 padding=2 stride=1 filterSize=5",
    "pool1": "type=pool pool=avg inputs=conv1 start=0 outputsX=0 sizeX=3 stride=2 channels=8",
    "local2": "type=local inputs=pool1 channels=8 filters=4 padding=1 filterSize=3 neuron=logistic",
    "fc3": "type=fc inputs=local2 outputs=10 neuron=ident",
}


def written(sections):
    """The text of a file with these sections."""
    parts = (f"[{name}]\n" + said.replace(" ", "\n") for name, said in sections.items())
    return "# of our own\n" + "\n\n".join(parts) + "\n"


def read(sections, size, params=NORMS):
    return read_layers(written(sections), (3, size, size), written(params))


def test_columns_alike_become_groups_where_each_reads_itself_and_one_layer_where_all_are_read():
    network = read(TOWERS, 64)
    assert network.layers == AS_A_CHAIN
    assert layer_table(network).iloc[0]["output_shape"] == (8, 15, 15)
    assert build(network)(torch.zeros(2, 3, 64, 64)).shape == (2, 10)


def test_a_network_without_columns_keeps_its_names_and_pools_by_the_ceiling():
    assert read(SMALL, 24).layers == (
        Conv("conv1", 8, kernel=5, padding=2),
        Pool("pool1", 3, 2, mode="average", rounding="ceil"),  # 1 + ceil((24 - 3) / 2) = 12
        LocallyConnected("local2", 4, kernel=3, padding=1),
        Activation("local2_sigmoid", "sigmoid"),
        Flatten("flatten"),
        Linear("fc3", 10),
    )


@pytest.mark.parametrize(("stride", "side"), [(4, 224), (1, 32)])
def test_images_are_imagenets_where_the_first_convolution_has_a_stride(stride, side):
    first = SMALL | {"conv1": SMALL["conv1"].replace("stride=1", f"stride={stride}")}
    assert read_layers(written(first)).input_shape == (3, side, side)


def test_columns_put_together_by_concat_are_one():
    joined = {name: TOWERS[name] for name in ("data", "conv1a", "conv1b")} | {
        "both": "type=concat inputs=conv1a,conv1b",
        "norm": "type=cmrnorm inputs=both channels=8 size=5",
    }
    network = read(joined, 27, {"norm": "scale=1 pow=1"})
    assert network.layer("norm").groups == 1


@pytest.mark.parametrize(
    ("section", "old", "new", "words"),
    [
        ("conv2a", "type=conv", "type=blur", r"\[conv2a\] \(type=blur\): this type is not"),
        ("conv2a", "filters=6", "filters=7", r"\[conv2b\] .*out_channels 6 where it is 7 of"),
        ("conv1a", "stride=4", "", r"\[conv1b\].* stride 4 where it is 1"),
        ("conv1a", "filterSize=11", "", r"\[conv1a\].* no 'filterSize'"),
        ("conv1a", "filters=4", "filters=four", "filters=four is not a number"),
        ("conv3a", "stride=1,1", "stride=2,1", "stride=2,1 differs from input to input"),
        ("conv3a", "inputs=patch2a,patch2b", "inputs=patch2a,pool1b", "reads patch2a, pool1b, and"),
        ("conv3a", "channels=6,6", "channels=6,5", r"channels=6,5, but .* makes \[6, 6\]"),
        ("conv2a", "inputs=pool1a", "inputs=pool1b", "supported are sections that read one column"),
        ("pool1a", "pool=max", "pool=rand", "pool=rand is not supported; pool=max is"),
        ("pool1b", "neuron=relu", "neuron=square", "is of another kind"),
        ("conv1a", "gpu=0", "randSparse=1", "randSparse=1 is not supported; randSparse=0 is"),
        ("conv1a", "gpu=0", "weightSource=conv0", "the field weightSource=conv0 is not supported"),
        ("fc4a", "inputs=conv3a,conv3b", "inputs=conv3a", "supported are sections that read one"),
        ("out", "inputs=hs4a,hs4b", "inputs=hs4a,hs4b,hs4a", "reads hs4a, hs4b, hs4a; supported"),
        ("labels", "dataIdx=1", "dataIdx", "this text is not a layer or params file"),
    ],
)
def test_what_the_course_has_no_layer_for_is_refused_by_section(section, old, new, words):
    assert old in TOWERS[section]
    with pytest.raises(SpecError, match=words):
        read(TOWERS | {section: TOWERS[section].replace(old, new)}, 64)


def test_halves_of_a_fully_connected_layer_that_each_read_one_column_are_refused():
    apart = {
        "fc4a": TOWERS["fc4a"].replace("conv3a,conv3b", "conv3a"),
        "fc4b": TOWERS["fc4b"].replace("conv3b,conv3a outputs=8", "conv3b outputs=7"),
    }
    with pytest.raises(SpecError, match=r"\[fc4a\] .*one of 2 columns that read one each"):
        read(TOWERS | apart, 64)


def test_a_norm_needs_the_params_file():
    with pytest.raises(SpecError, match=r"\[norm1a\] .*stand in the params file"):
        read_layers(written(TOWERS), (3, 64, 64))


def test_a_last_window_that_starts_beyond_the_input_is_refused():
    """A window of 2 at steps of 5 over 5 pixels and 2 on each side: the code takes 3 positions."""
    beyond = SMALL["conv1"].replace("stride=1 filterSize=5", "stride=5 filterSize=2")
    with pytest.raises(SpecError, match="starts beyond its input of 6 pixels"):
        read({"data": "type=data", "conv1": beyond}, 6)


@pytest.fixture
def files(tmp_path):
    """A layer file with its params file beside it."""
    (tmp_path / "layers-own.cfg").write_text(written(TOWERS))
    (tmp_path / "layer-params-own.cfg").write_text(written(NORMS))
    return tmp_path


def test_the_params_file_beside_the_layer_file_is_read(files):
    path = files / "layers-own.cfg"
    assert read_layers(path, (3, 64, 64)).layers == AS_A_CHAIN
    assert read_layers(str(path)).name == "layers-own"


def test_table_prints_the_network_of_a_layer_file(files, capsys):
    path = str(files / "layers-own.cfg")
    assert main(["table", path, "--size", "64", "--format", "csv"]) == 0
    out = capsys.readouterr().out
    assert "conv1,conv,8×15×15" in out and "\nout,linear,10" in out
    assert main(["table", path, "--size", "5"]) == 2
    assert "window of 11 is larger" in capsys.readouterr().err
    assert main(["table", "two-conv", "--size", "64"]) == 2
    assert "go with FILE.cfg" in capsys.readouterr().err
    assert main(["table", str(files / "nothing.cfg")]) == 2
    assert "nothing.cfg: No such file" in capsys.readouterr().err


def test_params_are_a_table_of_numbers():
    table = read_params(
        written({"conv1": "epsW=0.01 epsB=0.02 wc=0.0005", "fc2": "epsW=0.01,0.01 wc=1,2 why=so"})
    )
    assert table.index.tolist() == ["conv1", "fc2"]
    assert table.loc["fc2", "epsW"] == 0.01 and table.loc["conv1", "epsB"] == 0.02
    assert table.loc["fc2", "wc"] == "1,2" and table.loc["fc2", "why"] == "so"
    assert pd.isna(table.loc["fc2", "epsB"])


RELEASE = os.environ.get("ALEXNET_COURSE_RELEASE")
of_the_release = pytest.mark.skipif(
    not RELEASE, reason="ALEXNET_COURSE_RELEASE names no clone of the released code"
)


def nameless(network):
    return [replace(layer, name="x") for layer in network.layers]


@of_the_release
def test_config_145_is_the_courses_network_of_the_code():
    network = read_layers(Path(RELEASE, "layers/layers-145.cfg"))
    assert network.input_shape == ARCHITECTURES["alexnet-2012-code"].input_shape
    assert nameless(network) == nameless(ARCHITECTURES["alexnet-2012-code"])


@of_the_release
def test_the_half_net_has_the_kernels_of_the_courses():
    def learned(network):
        kinds = Conv, Linear
        found = [x for x in network.layers if isinstance(x, kinds)]
        return [
            replace(x, name="x", **({"rounding": "floor"} if x.kind == "conv" else {}))
            for x in found
        ]

    network = read_layers(Path(RELEASE, "layers/layers-145-half.cfg"))
    assert learned(network) == learned(ARCHITECTURES["alexnet-2012-half"])


@of_the_release
def test_13_percent_is_conv_local_and_18_percent_three_conv_but_for_its_norms():
    folder = Path(RELEASE, "layers-cifar")
    local = read_layers(folder / "layers-conv-local-13pct.cfg", (3, 24, 24))
    assert nameless(local) == nameless(ARCHITECTURES["conv-local-13"])
    params = folder / "layer-params-18pct-noisylr.cfg"
    three = read_layers(folder / "layers-18pct.cfg", params=params)
    known = ARCHITECTURES["three-conv"].swapped("relu1", "pool1").without("lrn")
    assert nameless(three.without("lrn")) == nameless(known)


@of_the_release
def test_each_layer_file_is_read_or_refused_in_words():
    for path in sorted(Path(RELEASE).glob("**/layers*.cfg")):
        try:
            assert layer_table(read_layers(path))["parameters"].iloc[-1] > 10_000
        except SpecError as error:
            assert str(error).startswith("section ["), path
