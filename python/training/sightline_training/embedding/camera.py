"""Augmentation that turns a packshot into what a camera sees: pose, background, occlusion, light, blur, compression.

Every function takes and gives uint8 RGB; randomness comes from the generator that is passed in, so a seed fixes a view.
"""

import cv2
import numpy as np

Random = np.random.Generator


def camera_view(
    picture: np.ndarray, backdrop: np.ndarray, size: int, flip: bool, random: Random, calm_share: float = 0.2
) -> np.ndarray:
    """A distorted view of picture [H, W, 3] as [size, size, 3], in front of `backdrop` where it does not fill the frame.

    A share of the views is nearly clean: only a little pose and light.
    """
    calm = random.random() < calm_share
    if flip and random.random() < 0.5:
        picture = picture[:, ::-1]
    view = pose(picture, backdrop, size, 0.25 if calm else 1.0, random)
    if not calm:
        if random.random() < 0.3:
            view = occluded(view, backdrop, random)
        if random.random() < 0.5:
            view = coarser(view, random)
    view = relit(view, 0.4 if calm else 1.0, random)
    if calm:
        return view
    if random.random() < 0.3:
        view = blurred(view, random)
    if random.random() < 0.3:
        view = noisy(view, random)
    if random.random() < 0.4:
        view = compressed(view, random)
    return view


def pose(picture: np.ndarray, backdrop: np.ndarray, size: int, strength: float, random: Random) -> np.ndarray:
    """Crop or margin, rotation and perspective in one warp onto the backdrop, so that pixels are resampled once."""
    height, width = picture.shape[:2]
    # Half-extent of the frame in picture units: < 1 crops into the picture, > 1 leaves a margin around it.
    reach = 1 + strength * random.uniform(-0.22, 0.22, 2) + strength * random.uniform(-0.12, 0.08)
    centre = strength * random.uniform(-0.08, 0.08, 2)
    angle = np.deg2rad(random.normal(0, 8) * strength)
    if random.random() < 0.08 * strength:
        angle += np.deg2rad(random.uniform(-90, 90))
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], dtype=np.float64) * reach
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = corners @ turn.T + centre
    corners += random.uniform(-0.2, 0.2, (4, 2)) * strength * (random.random() < 0.7)
    source = ((corners + 1) / 2 * (width - 1, height - 1)).astype(np.float32)
    target = np.array([[0, 0], [size, 0], [size, size], [0, size]], dtype=np.float32) - 0.5
    matrix = cv2.getPerspectiveTransform(source, target)
    frame = backdrop_frame(picture, backdrop, size, random)
    return cv2.warpPerspective(
        np.ascontiguousarray(picture), matrix, (size, size), dst=frame,
        flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_TRANSPARENT,
    )


def backdrop_frame(picture: np.ndarray, backdrop: np.ndarray, size: int, random: Random) -> np.ndarray:
    """What lies behind: another picture, a plain colour, black, or the picture's own border colour."""
    kind = random.random()
    if kind < 0.45:
        return cv2.resize(backdrop, (size, size), interpolation=cv2.INTER_LINEAR)
    if kind < 0.65:
        colour = random.integers(0, 256, 3)
    elif kind < 0.75:
        colour = np.zeros(3)
    else:
        colour = picture[0, random.integers(picture.shape[1])]
    return np.full((size, size, 3), colour, dtype=np.uint8)


def occluded(view: np.ndarray, backdrop: np.ndarray, random: Random) -> np.ndarray:
    """A rectangle of another picture or of one colour over up to a fifth of the view; often at the lower edge."""
    size = view.shape[0]
    height, width = (random.uniform(0.12, 0.45, 2) * size).astype(int)
    top = size - height if random.random() < 0.4 else random.integers(0, size - height)
    left = random.integers(0, size - width)
    view = view.copy()
    if random.random() < 0.5:
        view[top : top + height, left : left + width] = random.integers(0, 256, 3)
    else:
        view[top : top + height, left : left + width] = cv2.resize(backdrop, (int(width), int(height)))
    return view


def coarser(view: np.ndarray, random: Random) -> np.ndarray:
    """Scaled down and up again, as of an object far from the camera; often aliased, as the pipeline's resize does."""
    size = view.shape[0]
    small = int(random.uniform(0.25, 0.8) * size)
    down = cv2.resize(view, (small, small), interpolation=cv2.INTER_AREA if random.random() < 0.6 else cv2.INTER_LINEAR)
    return cv2.resize(down, (size, size), interpolation=cv2.INTER_CUBIC if random.random() < 0.3 else cv2.INTER_LINEAR)


def relit(view: np.ndarray, strength: float, random: Random) -> np.ndarray:
    """Exposure, contrast, white balance, saturation, gamma; at times a shadow across or a glare spot."""
    size = view.shape[0]
    # Per-channel curves are one table look-up: gamma, then gain and offset.
    level = np.linspace(0, 1, 256)[:, None] ** np.exp(random.normal(0, 0.25 * strength))
    gain = np.exp(random.normal(0, 0.25 * strength)) * np.exp(random.normal(0, 0.07 * strength, 3))
    table = np.clip((level * gain + random.normal(0, 0.05 * strength)) * 255, 0, 255).astype(np.uint8)
    view = np.stack([table[:, c][view[:, :, c]] for c in range(3)], axis=2)
    if random.random() < 0.6:
        grey = cv2.cvtColor(cv2.cvtColor(view, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        saturation = float(1 + random.uniform(-0.6, 0.4) * strength)
        view = cv2.addWeighted(view, saturation, grey, 1 - saturation, 0)
    if random.random() < 0.25 * strength:
        direction = random.uniform(0, 2 * np.pi)
        x, y = np.meshgrid(np.linspace(-1, 1, size, dtype=np.float32), np.linspace(-1, 1, size, dtype=np.float32))
        slope = 1 + random.uniform(0.2, 0.6) * (x * np.float32(np.cos(direction)) + y * np.float32(np.sin(direction)))
        view = np.clip(view * slope[:, :, None].astype(np.float32), 0, 255).astype(np.uint8)
    if random.random() < 0.12 * strength:
        glare = np.zeros((size, size), dtype=np.float32)
        spot = tuple(int(v) for v in random.integers(0, size, 2))
        axes = tuple(int(v) for v in random.integers(size // 16, size // 4, 2))
        cv2.ellipse(glare, spot, axes, random.uniform(0, 180), 0, 360, 1.0, -1)
        glare = cv2.GaussianBlur(glare, (0, 0), size / 24)[:, :, None] * np.float32(random.uniform(0.5, 1))
        view = (view + (255 - view) * glare).astype(np.uint8)
    return view


def blurred(view: np.ndarray, random: Random) -> np.ndarray:
    """Out of focus, or moved along a line."""
    if random.random() < 0.6:
        return cv2.GaussianBlur(view, (0, 0), random.uniform(0.5, 1.8) * view.shape[0] / 160)
    length = int(random.integers(3, 10)) | 1
    kernel = np.zeros((length, length), dtype=np.float32)
    direction = random.uniform(0, np.pi)
    offset = (length // 2) * np.array([np.cos(direction), np.sin(direction)])
    middle = np.array([length // 2, length // 2])
    first, last = (tuple(int(v) for v in np.round(middle + sign * offset)) for sign in (-1, 1))
    cv2.line(kernel, first, last, 1.0)
    return cv2.filter2D(view, -1, kernel / kernel.sum())


def noisy(view: np.ndarray, random: Random) -> np.ndarray:
    """Gaussian sensor noise."""
    noise = random.standard_normal(view.shape, dtype=np.float32) * np.float32(random.uniform(2, 14))
    return np.clip(view + noise, 0, 255).astype(np.uint8)


def compressed(view: np.ndarray, random: Random) -> np.ndarray:
    """Through JPEG at a low or middling quality."""
    _, data = cv2.imencode(".jpg", view, [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(25, 90))])
    return cv2.imdecode(data, cv2.IMREAD_COLOR)
