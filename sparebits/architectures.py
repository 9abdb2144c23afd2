"""Architectures that sparebits carries itself, for `architecture: "sparebits.architectures:NAME"`."""

import torch
from torch import nn
from torch.nn import functional


class LeNet5(nn.Module):
    """LeNet-5 for 32 x 32 images (LeCun et al. 1998), with ReLU and max pooling as is usual today."""

    def __init__(self, channels: int, classes: int):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(channels, 6, kernel_size=5),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 16, kernel_size=5),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.classifier = nn.Sequential(
            nn.Linear(16 * 5 * 5, 120),
            nn.ReLU(),
            nn.Linear(120, 84),
            nn.ReLU(),
            nn.Linear(84, classes),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits, (N, classes), of images, (N, channels, 32, 32)."""
        return self.classifier(self.features(images).flatten(1))


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions and a shortcut without parameters: option A of He et al. 2015, section 4.2."""

    def __init__(self, in_planes: int, planes: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(in_planes, planes, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.stride = stride
        self.new_planes = planes - in_planes

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = functional.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return functional.relu(y + self._shortcut(x))

    def _shortcut(self, x: torch.Tensor) -> torch.Tensor:
        if self.stride == 1 and self.new_planes == 0:
            return x
        before = self.new_planes // 2
        padding = (0, 0, 0, 0, before, self.new_planes - before)
        return functional.pad(x[:, :, :: self.stride, :: self.stride], padding)


class CifarResNet(nn.Module):
    """ResNet for 32 x 32 images (He et al. 2015, section 4.2): 6n + 2 layers in three stages of n blocks.

    Args:
        depth: number of layers, 8, 14, 20, 32, 44, 56 or 110.
        width: channels of the first stage, doubled in each of the other two.
        classes: number of logits.

    Raises:
        ValueError: if depth is not 6n + 2.
    """

    def __init__(self, depth: int = 20, width: int = 16, classes: int = 10):
        super().__init__()
        blocks, rest = divmod(depth - 2, 6)
        if rest or blocks < 1:
            raise ValueError(f"a CIFAR ResNet has 6n + 2 layers, so depth is 8, 14, 20, 32, ...; got {depth}")
        self.conv1 = nn.Conv2d(3, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = _stage(width, width, blocks, stride=1)
        self.layer2 = _stage(width, 2 * width, blocks, stride=2)
        self.layer3 = _stage(2 * width, 4 * width, blocks, stride=2)
        self.linear = nn.Linear(4 * width, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits, (N, classes), of images, (N, 3, H, W)."""
        x = functional.relu(self.bn1(self.conv1(images)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(x.mean(dim=(2, 3)))


def _stage(in_planes: int, planes: int, blocks: int, stride: int) -> nn.Sequential:
    first = BasicBlock(in_planes, planes, stride)
    return nn.Sequential(first, *(BasicBlock(planes, planes, 1) for _ in range(blocks - 1)))
