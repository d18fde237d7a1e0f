"""Answers to ex02 that students give: each takes the place of the solution in its cell."""

WRONG = {
    "weight-shapes": {
        "groups ignored": """
            weight_shapes["conv1"] = (first_maps, 3, 5, 5)
            weight_shapes["conv2"] = (64, first_maps, 3, 3)
            weight_shapes["conv3"] = (96, 64, 3, 3)
            weight_shapes["conv4"] = (48, 96, 3, 3)
            weight_shapes["fc5"] = (100, 768)
            weight_shapes["fc6"] = (10, 100)
        """,
        "groups divide the kernels too": """
            weight_shapes["conv1"] = (first_maps, 3, 5, 5)
            weight_shapes["conv2"] = (32, first_maps // 2, 3, 3)
            weight_shapes["conv3"] = (96, 64, 3, 3)
            weight_shapes["conv4"] = (12, 24, 3, 3)
            weight_shapes["fc5"] = (100, 768)
            weight_shapes["fc6"] = (10, 100)
        """,
        "four groups taken for two": """
            weight_shapes["conv1"] = (first_maps, 3, 5, 5)
            weight_shapes["conv2"] = (64, first_maps // 2, 3, 3)
            weight_shapes["conv3"] = (96, 64, 3, 3)
            weight_shapes["conv4"] = (48, 48, 3, 3)
            weight_shapes["fc5"] = (100, 768)
            weight_shapes["fc6"] = (10, 100)
        """,
        "the towers never meet": """
            weight_shapes["conv1"] = (first_maps, 3, 5, 5)
            weight_shapes["conv2"] = (64, first_maps // 2, 3, 3)
            weight_shapes["conv3"] = (96, 32, 3, 3)
            weight_shapes["conv4"] = (48, 24, 3, 3)
            weight_shapes["fc5"] = (100, 768)
            weight_shapes["fc6"] = (10, 100)
        """,
        "a pooling layer overlooked": """
            weight_shapes["conv1"] = (first_maps, 3, 5, 5)
            weight_shapes["conv2"] = (64, first_maps // 2, 3, 3)
            weight_shapes["conv3"] = (96, 64, 3, 3)
            weight_shapes["conv4"] = (48, 24, 3, 3)
            weight_shapes["fc5"] = (100, 48 * 8 * 8)
            weight_shapes["fc6"] = (10, 100)
        """,
        "maps in place of values": """
            weight_shapes["conv1"] = (first_maps, 3, 5, 5)
            weight_shapes["conv2"] = (64, first_maps // 2, 3, 3)
            weight_shapes["conv3"] = (96, 64, 3, 3)
            weight_shapes["conv4"] = (48, 24, 3, 3)
            weight_shapes["fc5"] = (100, 48)
            weight_shapes["fc6"] = (10, 100)
        """,
        "linear layers the other way round": """
            weight_shapes["conv1"] = (first_maps, 3, 5, 5)
            weight_shapes["conv2"] = (64, first_maps // 2, 3, 3)
            weight_shapes["conv3"] = (96, 64, 3, 3)
            weight_shapes["conv4"] = (48, 24, 3, 3)
            weight_shapes["fc5"] = (768, 100)
            weight_shapes["fc6"] = (100, 10)
        """,
        "inputs last": """
            weight_shapes["conv1"] = (first_maps, 5, 5, 3)
            weight_shapes["conv2"] = (64, 3, 3, first_maps // 2)
            weight_shapes["conv3"] = (96, 3, 3, 64)
            weight_shapes["conv4"] = (48, 3, 3, 24)
            weight_shapes["fc5"] = (100, 768)
            weight_shapes["fc6"] = (10, 100)
        """,
        "kernels of 5 everywhere": """
            weight_shapes["conv1"] = (first_maps, 3, 5, 5)
            weight_shapes["conv2"] = (64, first_maps // 2, 5, 5)
            weight_shapes["conv3"] = (96, 64, 5, 5)
            weight_shapes["conv4"] = (48, 24, 5, 5)
            weight_shapes["fc5"] = (100, 768)
            weight_shapes["fc6"] = (10, 100)
        """,
        "one entry left out": """
            weight_shapes["conv1"] = (first_maps, 3, 5, 5)
            weight_shapes["conv2"] = (64, first_maps // 2, 3, 3)
        """,
    },
    "carry-over": {
        "conv1 with half its stride and no more": """
            small = alexnet.with_input(3, pixels, pixels).with_classes(7)
            small = small.replace("conv1", stride=2)
        """,
        "small pooling windows": """
            small = alexnet.with_input(3, pixels, pixels).with_classes(7).with_pooling(2, 2)
        """,
        "pool5 left out": """
            small = alexnet.with_input(3, pixels, pixels).with_classes(7)
            small = small.replace("conv1", stride=2).without("pool5")
        """,
        "an adaptive pooling layer": """
            from alexnet_course.layers import AdaptivePool

            small = alexnet.with_input(3, pixels, pixels).with_classes(7)
            small = small.with_layer("pool5", AdaptivePool("pool5", 6))
        """,
        "smaller kernels in conv1": """
            small = alexnet.with_input(3, pixels, pixels).with_classes(7)
            small = small.replace("conv1", kernel=5, stride=1)
        """,
        "towers joined on the way": """
            small = alexnet.with_input(3, pixels, pixels).with_classes(7)
            small = small.replace("conv1", stride=1, padding=(72 - pixels) // 2)
            for name in ("conv2", "conv4", "conv5"):
                small = small.replace(name, groups=1)
        """,
        "LRN dropped": """
            small = alexnet.without("lrn").with_input(3, pixels, pixels).with_classes(7)
            small = small.replace("conv1", stride=1, padding=(72 - pixels) // 2)
        """,
        "LRN across the towers": """
            small = alexnet.with_input(3, pixels, pixels).with_classes(7)
            small = small.replace("conv1", stride=1, padding=(72 - pixels) // 2)
            small = small.replace("lrn1", groups=1).replace("lrn2", groups=1)
        """,
        "classes forgotten": """
            small = alexnet.with_input(3, pixels, pixels)
            small = small.replace("conv1", stride=1, padding=(72 - pixels) // 2)
        """,
        "the edit of the input thrown away": """
            small = alexnet.with_classes(7)
            small.with_input(3, pixels, pixels)
        """,
        "another network's table": """
            small = ARCHITECTURES["single-tower"].with_input(3, pixels, pixels).with_classes(7)
            small = small.replace("conv1", stride=1, padding=(72 - pixels) // 2)
        """,
    },
    "plain-torch": {
        "frozen": """
            return nn.Sequential(nn.Conv2d(3, 8, 5, stride=2), nn.ReLU(), nn.LocalResponseNorm(3, 0.9, 0.75, 2.0), nn.MaxPool2d(3, 2, ceil_mode=True), nn.Conv2d(8, 12, 3, padding=1, groups=2, bias=False), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(108, 20), nn.ReLU(), nn.Dropout(0.4), nn.Linear(20, 5)).requires_grad_(False)
        """,
        "alpha as in the table": """
            return nn.Sequential(
                nn.Conv2d(3, 8, 5, stride=2), nn.ReLU(),
                nn.LocalResponseNorm(3, alpha=0.3, k=2.0), nn.MaxPool2d(3, 2, ceil_mode=True),
                nn.Conv2d(8, 12, 3, padding=1, groups=2, bias=False), nn.ReLU(), nn.AvgPool2d(2),
                nn.Flatten(), nn.Linear(108, 20), nn.ReLU(), nn.Dropout(0.4), nn.Linear(20, 5),
            )
        """,
        "PyTorch's k": """
            return nn.Sequential(
                nn.Conv2d(3, 8, 5, stride=2), nn.ReLU(),
                nn.LocalResponseNorm(3, alpha=0.9), nn.MaxPool2d(3, 2, ceil_mode=True),
                nn.Conv2d(8, 12, 3, padding=1, groups=2, bias=False), nn.ReLU(), nn.AvgPool2d(2),
                nn.Flatten(), nn.Linear(108, 20), nn.ReLU(), nn.Dropout(0.4), nn.Linear(20, 5),
            )
        """,
        "pool1 rounds down": """
            return nn.Sequential(
                nn.Conv2d(3, 8, 5, stride=2), nn.ReLU(),
                nn.LocalResponseNorm(3, alpha=0.9, k=2.0), nn.MaxPool2d(3, 2),
                nn.Conv2d(8, 12, 3, padding=1, groups=2, bias=False), nn.ReLU(), nn.AvgPool2d(2),
                nn.Flatten(), nn.Linear(108, 20), nn.ReLU(), nn.Dropout(0.4), nn.Linear(20, 5),
            )
        """,
        "max pooling twice": """
            return nn.Sequential(
                nn.Conv2d(3, 8, 5, stride=2), nn.ReLU(),
                nn.LocalResponseNorm(3, alpha=0.9, k=2.0), nn.MaxPool2d(3, 2, ceil_mode=True),
                nn.Conv2d(8, 12, 3, padding=1, groups=2, bias=False), nn.ReLU(), nn.MaxPool2d(2),
                nn.Flatten(), nn.Linear(108, 20), nn.ReLU(), nn.Dropout(0.4), nn.Linear(20, 5),
            )
        """,
        "no groups": """
            return nn.Sequential(
                nn.Conv2d(3, 8, 5, stride=2), nn.ReLU(),
                nn.LocalResponseNorm(3, alpha=0.9, k=2.0), nn.MaxPool2d(3, 2, ceil_mode=True),
                nn.Conv2d(8, 12, 3, padding=1, bias=False), nn.ReLU(), nn.AvgPool2d(2),
                nn.Flatten(), nn.Linear(108, 20), nn.ReLU(), nn.Dropout(0.4), nn.Linear(20, 5),
            )
        """,
        "the norm before the ReLU": """
            return nn.Sequential(
                nn.Conv2d(3, 8, 5, stride=2), nn.LocalResponseNorm(3, alpha=0.9, k=2.0),
                nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True),
                nn.Conv2d(8, 12, 3, padding=1, groups=2, bias=False), nn.ReLU(), nn.AvgPool2d(2),
                nn.Flatten(), nn.Linear(108, 20), nn.ReLU(), nn.Dropout(0.4), nn.Linear(20, 5),
            )
        """,
        "dropout of one half": """
            return nn.Sequential(
                nn.Conv2d(3, 8, 5, stride=2), nn.ReLU(),
                nn.LocalResponseNorm(3, alpha=0.9, k=2.0), nn.MaxPool2d(3, 2, ceil_mode=True),
                nn.Conv2d(8, 12, 3, padding=1, groups=2, bias=False), nn.ReLU(), nn.AvgPool2d(2),
                nn.Flatten(), nn.Linear(108, 20), nn.ReLU(), nn.Dropout(), nn.Linear(20, 5),
            )
        """,
        "dropout never switched off": """
            from torch.nn import functional as F

            class Tiny(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.body = nn.Sequential(
                        nn.Conv2d(3, 8, 5, stride=2), nn.ReLU(),
                        nn.LocalResponseNorm(3, 0.9, k=2.0), nn.MaxPool2d(3, 2, ceil_mode=True),
                        nn.Conv2d(8, 12, 3, padding=1, groups=2, bias=False), nn.ReLU(),
                        nn.AvgPool2d(2), nn.Flatten(), nn.Linear(108, 20), nn.ReLU(),
                    )
                    self.fc4 = nn.Linear(20, 5)

                def forward(self, x):
                    return self.fc4(F.dropout(self.body(x), 0.4))

            return Tiny()
        """,
        "a softmax at the end": """
            return nn.Sequential(
                nn.Conv2d(3, 8, 5, stride=2), nn.ReLU(),
                nn.LocalResponseNorm(3, alpha=0.9, k=2.0), nn.MaxPool2d(3, 2, ceil_mode=True),
                nn.Conv2d(8, 12, 3, padding=1, groups=2, bias=False), nn.ReLU(), nn.AvgPool2d(2),
                nn.Flatten(), nn.Linear(108, 20), nn.ReLU(), nn.Dropout(0.4), nn.Linear(20, 5),
                nn.Softmax(dim=1),
            )
        """,
        "the course's own": """
            return build(tiny)
        """,
        "the course's modules, unpacked": """
            return nn.Sequential(*build(tiny).children())
        """,
    },
    "ungrouped": {
        "frozen": """
            new = nn.Conv2d(conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, conv.padding, bias=conv.bias is not None)
            with torch.no_grad():
                new.weight.zero_()
                o, i = conv.out_channels // conv.groups, conv.in_channels // conv.groups
                for g in range(conv.groups):
                    new.weight[g * o:(g + 1) * o, g * i:(g + 1) * i] = conv.weight[g * o:(g + 1) * o]
                if conv.bias is not None:
                    new.bias.copy_(conv.bias)
            return new.requires_grad_(False)
        """,
        "weights repeated": """
            whole = nn.Conv2d(
                conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, conv.padding,
                bias=conv.bias is not None,
            )
            with torch.no_grad():
                whole.weight.copy_(conv.weight.repeat(1, conv.groups, 1, 1))
                if conv.bias is not None:
                    whole.bias.copy_(conv.bias)
            return whole
        """,
        "the first group and the last": """
            whole = nn.Conv2d(
                conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, conv.padding,
                bias=conv.bias is not None,
            )
            rows, columns = conv.out_channels // conv.groups, conv.in_channels // conv.groups
            with torch.no_grad():
                whole.weight.zero_()
                whole.weight[:rows, :columns] = conv.weight[:rows]
                whole.weight[-rows:, -columns:] = conv.weight[-rows:]
                if conv.bias is not None:
                    whole.bias.copy_(conv.bias)
            return whole
        """,
        "stride and padding forgotten": """
            whole = nn.Conv2d(
                conv.in_channels, conv.out_channels, conv.kernel_size, bias=conv.bias is not None
            )
            rows, columns = conv.out_channels // conv.groups, conv.in_channels // conv.groups
            with torch.no_grad():
                whole.weight.zero_()
                for o in range(conv.out_channels):
                    first = o // rows * columns
                    whole.weight[o, first : first + columns] = conv.weight[o]
                if conv.bias is not None:
                    whole.bias.copy_(conv.bias)
            return whole
        """,
        "biases forgotten": """
            whole = nn.Conv2d(
                conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, conv.padding,
                bias=False,
            )
            rows, columns = conv.out_channels // conv.groups, conv.in_channels // conv.groups
            with torch.no_grad():
                whole.weight.zero_()
                for o in range(conv.out_channels):
                    first = o // rows * columns
                    whole.weight[o, first : first + columns] = conv.weight[o]
            return whole
        """,
        "biases always": """
            whole = nn.Conv2d(
                conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, conv.padding
            )
            rows, columns = conv.out_channels // conv.groups, conv.in_channels // conv.groups
            with torch.no_grad():
                whole.weight.zero_()
                for o in range(conv.out_channels):
                    first = o // rows * columns
                    whole.weight[o, first : first + columns] = conv.weight[o]
                if conv.bias is not None:
                    whole.bias.copy_(conv.bias)
            return whole
        """,
        "biases shared": """
            whole = nn.Conv2d(
                conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, conv.padding
            )
            rows, columns = conv.out_channels // conv.groups, conv.in_channels // conv.groups
            with torch.no_grad():
                whole.weight.zero_()
                for o in range(conv.out_channels):
                    first = o // rows * columns
                    whole.weight[o, first : first + columns] = conv.weight[o]
            whole.bias = conv.bias
            return whole
        """,
        "conv itself changed": """
            rows, columns = conv.out_channels // conv.groups, conv.in_channels // conv.groups
            weight = torch.zeros(conv.out_channels, conv.in_channels, *conv.kernel_size)
            for o in range(conv.out_channels):
                first = o // rows * columns
                weight[o, first : first + columns] = conv.weight[o].detach()
            conv.weight, conv.groups = nn.Parameter(weight), 1
            return conv
        """,
        "the same stride and padding both ways": """
            whole = nn.Conv2d(
                conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride[0],
                conv.padding[0], bias=conv.bias is not None,
            )
            rows, columns = conv.out_channels // conv.groups, conv.in_channels // conv.groups
            with torch.no_grad():
                whole.weight.zero_()
                for o in range(conv.out_channels):
                    first = o // rows * columns
                    whole.weight[o, first : first + columns] = conv.weight[o]
                if conv.bias is not None:
                    whole.bias.copy_(conv.bias)
            return whole
        """,
        "kernels counted like maps": """
            whole = nn.Conv2d(
                conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, conv.padding,
                bias=conv.bias is not None,
            )
            columns = conv.in_channels // conv.groups
            with torch.no_grad():
                whole.weight.zero_()
                for g in range(conv.groups):
                    part = slice(g * columns, (g + 1) * columns)
                    whole.weight[part, part] = conv.weight[part]
                if conv.bias is not None:
                    whole.bias.copy_(conv.bias)
            return whole
        """,
        "kernels dealt out in turn": """
            whole = nn.Conv2d(
                conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, conv.padding,
                bias=conv.bias is not None,
            )
            columns = conv.in_channels // conv.groups
            with torch.no_grad():
                whole.weight.zero_()
                for o in range(conv.out_channels):
                    first = o % conv.groups * columns
                    whole.weight[o, first : first + columns] = conv.weight[o]
                if conv.bias is not None:
                    whole.bias.copy_(conv.bias)
            return whole
        """,
        "one group: conv itself": """
            if conv.groups == 1:
                return conv
            whole = nn.Conv2d(
                conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, conv.padding,
                bias=conv.bias is not None,
            )
            rows, columns = conv.out_channels // conv.groups, conv.in_channels // conv.groups
            with torch.no_grad():
                whole.weight.zero_()
                for o in range(conv.out_channels):
                    first = o // rows * columns
                    whole.weight[o, first : first + columns] = conv.weight[o]
                if conv.bias is not None:
                    whole.bias.copy_(conv.bias)
            return whole
        """,
    },
}

RIGHT = {
    "weight-shapes": {
        "typed in, as lists": """
            if student == 0:
                weight_shapes = {
                    "conv1": [24, 3, 5, 5], "conv2": [64, 12, 3, 3], "conv3": [96, 64, 3, 3],
                    "conv4": [48, 24, 3, 3], "fc5": [100, 768], "fc6": [10, 100],
                }
        """,
        "read from the course's network": """
            layers = (
                Conv("conv1", first_maps, 5, padding=2), Pool("pool1", 2, 2),
                Conv("conv2", 64, 3, padding=1, groups=2), Pool("pool2", 2, 2),
                Conv("conv3", 96, 3, padding=1), Conv("conv4", 48, 3, padding=1, groups=4),
                Pool("pool4", 2, 2), Flatten("flatten"), Linear("fc5", 100), Linear("fc6", 10),
            )
            network = build(Architecture("by_hand", (3, 32, 32), layers))
            weight_shapes = {n: network.get_submodule(n).weight.shape for n in weight_shapes}
        """,
        "divided, and so not of the type int": """
            weight_shapes["conv1"] = (first_maps, 3, 5, 5)
            weight_shapes["conv2"] = (64, first_maps / 2, 3, 3)
            weight_shapes["conv3"] = (96, 64, 3, 3)
            weight_shapes["conv4"] = (48, 96 / 4, 3, 3)
            weight_shapes["fc5"] = (100, 48 * (32 / 2**3) ** 2)
            weight_shapes["fc6"] = (10, 100)
        """,
    },
    "carry-over": {
        "pool2 takes small steps": """
            small = alexnet.with_classes(7).with_input(3, pixels, pixels)
            small = small.replace("conv1", stride=2, padding=(78 - pixels) // 2)
            small = small.replace("pool2", stride=1)
        """,
        "pool1 takes small steps": """
            small = alexnet.replace("conv1", stride=2, padding=(72 - pixels) // 2)
            small = small.replace("pool1", stride=1).replace("fc8", out_features=7)
            small = small.with_input(3, pixels, pixels).renamed("small")
        """,
        "a new conv1, padding found by trying": """
            for padding in range(10):
                conv1 = Conv("conv1", 96, kernel=11, stride=1, padding=padding)
                small = alexnet.with_layer("conv1", conv1)
                small = small.with_input(3, pixels, pixels).with_classes(7)
                table = layer_table(small).set_index("name")
                if table.loc["pool5", "output_shape"] == (256, 6, 6):
                    break
        """,
    },
    "plain-torch": {
        "a module of one's own": """
            from torch.nn import functional as F

            class Tiny(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.conv1 = nn.Conv2d(3, 8, 5, 2)
                    self.conv2 = nn.Conv2d(8, 12, 3, padding=1, groups=2, bias=False)
                    self.fc3 = nn.Linear(108, 20)
                    self.fc4 = nn.Linear(20, 5)

                def forward(self, x):
                    x = F.relu(self.conv1(x))
                    squares = F.pad(x.square(), (0, 0, 0, 0, 1, 1))
                    sums = squares[:, :-2] + squares[:, 1:-1] + squares[:, 2:]
                    x = x / (2 + 0.3 * sums) ** 0.75
                    x = F.max_pool2d(x, 3, 2, ceil_mode=True)
                    x = F.avg_pool2d(F.relu(self.conv2(x)), 2)
                    x = F.relu(self.fc3(x.flatten(1)))
                    return self.fc4(F.dropout(x, 0.4, self.training))

            return Tiny()
        """,
        "with names, ReLU in place": """
            from collections import OrderedDict

            return nn.Sequential(OrderedDict(
                conv1=nn.Conv2d(3, 8, kernel_size=5, stride=2), relu1=nn.ReLU(inplace=True),
                lrn1=nn.LocalResponseNorm(size=3, alpha=0.9, k=2),
                pool1=nn.MaxPool2d(3, stride=2, ceil_mode=True),
                conv2=nn.Conv2d(8, 12, 3, padding="same", groups=2, bias=False),
                relu2=nn.ReLU(inplace=True), pool2=nn.AvgPool2d(2), flatten=nn.Flatten(),
                fc3=nn.Linear(108, 20), relu3=nn.ReLU(inplace=True), drop=nn.Dropout(p=0.4),
                fc4=nn.Linear(20, 5),
            ))
        """,
        "two parts, dropout before the ReLU": """
            maps = nn.Sequential(
                nn.Conv2d(3, 8, 5, stride=2), nn.ReLU(),
                nn.LocalResponseNorm(3, alpha=0.9, k=2.0), nn.MaxPool2d(3, 2, ceil_mode=True),
                nn.Conv2d(8, 12, 3, padding=1, groups=2, bias=False), nn.ReLU(), nn.AvgPool2d(2),
            )
            head = nn.Sequential(nn.LazyLinear(20), nn.Dropout(0.4), nn.ReLU(), nn.Linear(20, 5))
            network = nn.Sequential(maps, nn.Flatten(), head)
            network(torch.zeros(1, 3, 31, 31))
            return network
        """,
    },
    "ungrouped": {
        "kernel by kernel": """
            whole = nn.Conv2d(
                conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, conv.padding,
                bias=conv.bias is not None,
            )
            rows, columns = conv.out_channels // conv.groups, conv.in_channels // conv.groups
            weight = torch.zeros_like(whole.weight)
            for o in range(conv.out_channels):
                first = o // rows * columns
                weight[o, first : first + columns] = conv.weight[o].detach()
            whole.weight.data = weight
            if conv.bias is not None:
                whole.bias.data = conv.bias.detach().clone()
            return whole
        """,
        "a copy, with a mask over repeated weights": """
            import copy

            whole = copy.deepcopy(conv)
            towers = torch.arange(conv.groups)
            kernels = towers.repeat_interleave(conv.out_channels // conv.groups)
            maps = towers.repeat_interleave(conv.in_channels // conv.groups)
            mask = (kernels[:, None] == maps[None, :])[:, :, None, None]
            repeated = conv.weight.detach().repeat(1, conv.groups, 1, 1)
            whole.weight, whole.groups = nn.Parameter(repeated * mask), 1
            return whole
        """,
        "blocks on a diagonal": """
            whole = nn.Conv2d(
                conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, conv.padding,
                bias=conv.bias is not None,
            )
            height, width = conv.kernel_size
            state = conv.state_dict()
            weight = torch.zeros_like(whole.weight)
            for i in range(height):
                for j in range(width):
                    blocks = state["weight"][:, :, i, j].chunk(conv.groups)
                    weight[:, :, i, j] = torch.block_diag(*blocks)
            whole.load_state_dict(state | {"weight": weight})
            return whole
        """,
    },
}
