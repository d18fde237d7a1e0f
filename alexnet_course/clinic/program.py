"""A small network and CIFAR-10: the sound program that the clinic plants its slips in."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from alexnet_course.clinic import cifar10

seed, epochs = 0, 3
train_set, test_set = cifar10()


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 5, stride=2, padding=2)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.conv3 = nn.Conv2d(32, 64, 3, padding=1)
        self.fc4 = nn.Linear(64 * 4 * 4, 128)
        self.fc5 = nn.Linear(128, 128)
        self.fc6 = nn.Linear(128, 10)
        self.dropout = nn.Dropout(0.5)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = F.max_pool2d(F.relu(self.conv3(x)), 2)
        x = F.relu(self.fc4(x.flatten(1)))
        x = self.dropout(x)
        x = F.relu(self.fc5(x))
        return self.fc6(x)


def prepared(dataset):
    pixels = torch.as_tensor(dataset.data)  # N × 32 × 32 × 3, from 0 to 255
    images = pixels.permute(0, 3, 1, 2).float() / 255
    images = (images - 0.47) / 0.25
    return TensorDataset(images, torch.as_tensor(dataset.targets))


def train(network, train_loader, optimiser):
    network.train()
    total = 0.0
    for images, labels in train_loader:
        mirrored = torch.rand(len(images), 1, 1, 1) < 0.5
        images = torch.where(mirrored, images.flip(3), images)
        optimiser.zero_grad()
        loss = F.cross_entropy(network(images), labels)
        loss.backward()
        optimiser.step()
        total += loss.item()
    return total / len(train_loader)


def accuracy(network, test_loader):
    network.eval()
    right = 0
    with torch.no_grad():
        for images, labels in test_loader:
            guesses = network(images).argmax(1)
            right += (guesses == labels).sum().item()
    return right / len(test_loader.dataset)


torch.manual_seed(seed)
network = Network()
train_loader = DataLoader(prepared(train_set), batch_size=64, shuffle=True)
test_loader = DataLoader(prepared(test_set), batch_size=128)
optimiser = torch.optim.SGD(network.parameters(), lr=0.02, momentum=0.9)
scheduler = torch.optim.lr_scheduler.StepLR(optimiser, step_size=2, gamma=0.1)

history = []
if __name__ == "__main__":
    for epoch in range(1, epochs + 1):
        loss = train(network, train_loader, optimiser)
        scheduler.step()
        history.append((epoch, loss, 100 * accuracy(network, test_loader)))
        print("epoch {}: loss {:.2f}, {:.2f} % right".format(*history[-1]))
