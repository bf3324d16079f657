"""How alike pictures are to their references: SSIM, by scikit-image."""

import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity


def ssim(images: NDArray[np.uint8], references: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return each picture's structural similarity (Wang et al. 2004): 1 where nothing differs.

    scikit-image's defaults: 7×7 uniform window, unbiased covariance, mean over the three channels. Other window
    choices give other values, so compare these with each other only.

    Args:
        images: Shape: [N, H, W, 3], at least 7 pixels high and wide.
        references: Same shape.
    """
    pairs = zip(images, references, strict=True)
    return np.array([structural_similarity(a, b, channel_axis=-1, data_range=255) for a, b in pairs])
