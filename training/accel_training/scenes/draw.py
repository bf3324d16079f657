"""Scenes as SVG, and the pixels that resvg makes of it.

An object is its outline four times: colour, texture, shading, and for a cube the two faces that are seen aslant. The
light comes from the upper left or the upper right; shadows fall to the other side.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import resvg_py
from numpy.typing import NDArray
from PIL import Image

from accel_bench.quality.scenes.palette import GROUNDS, OBJECTS, Rgb
from accel_bench.quality.scenes.scene import Ground, Group, Light, Scene, Shape, Texture
from accel_training.scenes.sample import SIZE, Placed, place

# Base frequencies of the noise on a ground, across and down, and how strong it is.
_GRAIN: Final[Mapping[Ground, tuple[float, float, float]]] = {
    Ground.SAND: (0.6, 0.6, 0.30),
    Ground.GRASS: (0.35, 0.12, 0.42),
    Ground.SNOW: (0.06, 0.06, 0.16),
    Ground.WOOD: (0.02, 0.28, 0.48),
    Ground.STONE: (0.12, 0.12, 0.42),
    Ground.ASPHALT: (0.8, 0.8, 0.40),
}
# Where along a gradient it is how dark: black, or white where that is negative.
_BALL: Final = ((0.0, -0.34), (0.35, 0.0), (0.6, 0.0), (1.0, 0.5))
_ROUND: Final = ((0.0, 0.06), (0.25, -0.3), (0.5, 0.02), (1.0, 0.5))
_JITTER: Final = 4  # of each channel of a ground's colour


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawn scene.

    Attributes:
        svg: The drawing.
    """

    svg: str

    def pixels(self, side: int = SIZE) -> NDArray[np.uint8]:
        """Return the picture. Shape: [side, side, 3]."""
        png = resvg_py.svg_to_bytes(svg_string=self.svg, width=side, height=side, skip_system_fonts=True)
        return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def draw(scene: Scene, *, rng: np.random.Generator) -> Picture:
    """Draw a scene: places, sizes, grain and the exact tone of the ground are random."""
    placed = place(scene, rng)
    side = -1 if scene.light is Light.LEFT else 1
    objects = "".join(_object(scene.groups[each.group], each, light=side) for each in placed)
    shadows = "".join(_shadow(each, light=side) for each in placed)
    defs = _definitions(scene, rng, light=side)
    ground = _ground(scene.ground, rng)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIZE} {SIZE}">'
    return Picture(f"{head}<defs>{defs}</defs>{ground}{shadows}{objects}</svg>")


def _definitions(scene: Scene, rng: np.random.Generator, *, light: int) -> str:
    across, down, strength = _GRAIN[scene.ground]
    seed = rng.integers(1_000_000)
    grain = (
        '<filter id="grain" x="0" y="0" width="1" height="1">'
        f'<feTurbulence type="fractalNoise" baseFrequency="{across} {down}" numOctaves="3" seed="{seed}"/>'
        f'<feColorMatrix values="0 0 0 0 0  0 0 0 0 0  0 0 0 0 0  {4 * strength:.2f} 0 0 0 {-1.6 * strength:.2f}"/>'
        "</filter>"
    )
    blur = '<filter id="soft" x="-1" y="-1" width="3" height="3"><feGaussianBlur stdDeviation="1.3"/></filter>'
    ball = _gradient("radialGradient", "ball", f'cx="{0.5 + 0.18 * light}" cy="0.3" r="0.75"', _BALL)
    lit, dark = (0, 1) if light < 0 else (1, 0)
    round_ = _gradient("linearGradient", "round", f'x1="{lit}" y1="0" x2="{dark}" y2="0"', _ROUND)
    textures = "".join(_texture(number, group) for number, group in enumerate(scene.groups))
    return grain + blur + ball + round_ + textures


def _gradient(kind: str, name: str, line: str, stops: Sequence[tuple[float, float]]) -> str:
    shades = "".join(
        f'<stop offset="{at}" stop-color="{"#000" if shade > 0 else "#fff"}" stop-opacity="{abs(shade)}"/>'
        for at, shade in stops
    )
    return f'<{kind} id="{name}" {line}>{shades}</{kind}>'


def _texture(number: int, group: Group) -> str:
    """Stripes or dots in a paler tone of the same hue, finer on small objects."""
    if group.texture is Texture.PLAIN:
        return ""
    unit = 4.6 if group.size == "small" else 6.4
    tone = _hex(_mixed(OBJECTS[group.colour], (255, 255, 255), 0.42))
    mark = (
        f'<rect width="{unit}" height="{unit * 0.45}" fill="{tone}"/>'
        if group.texture is Texture.STRIPED
        else f'<circle cx="{unit / 2}" cy="{unit / 2}" r="{unit * 0.27}" fill="{tone}"/>'
    )
    turn = -25 if group.texture is Texture.STRIPED else 20
    tile = f'width="{unit}" height="{unit}" patternUnits="userSpaceOnUse" patternTransform="rotate({turn})"'
    return f'<pattern id="t{number}" {tile}>{mark}</pattern>'


def _ground(ground: Ground, rng: np.random.Generator) -> str:
    jitter = rng.integers(-_JITTER, _JITTER, size=3, endpoint=True)
    tone = tuple(int(np.clip(channel + step, 0, 255)) for channel, step in zip(GROUNDS[ground], jitter, strict=True))
    whole = f'width="{SIZE}" height="{SIZE}"'
    return f'<rect {whole} fill="{_hex(tone)}"/><rect {whole} filter="url(#grain)" opacity="0.55"/>'


def _shadow(each: Placed, *, light: int) -> str:
    x, y = each.x - 0.22 * light * each.width, each.y + 0.42 * each.height
    return (
        f'<ellipse cx="{x:.2f}" cy="{y:.2f}" rx="{0.5 * each.width:.2f}" ry="{0.17 * each.height:.2f}" '
        'fill="#000" opacity="0.42" filter="url(#soft)"/>'
    )


def _object(group: Group, each: Placed, *, light: int) -> str:
    outline, details = _SHAPES[group.shape](each, light)
    layers = [_hex(OBJECTS[group.colour])]
    if group.texture is not Texture.PLAIN:
        layers.append(f"url(#t{each.group})")
    if group.shape in (Shape.SPHERE, Shape.RING):
        layers.append("url(#ball)")
    elif group.shape in (Shape.CONE, Shape.PILLAR):
        layers.append("url(#round)")
    painted = "".join(f'<path d="{outline}" fill-rule="evenodd" fill="{layer}"/>' for layer in layers)
    return painted + details


def _sphere(each: Placed, _light: int) -> tuple[str, str]:
    return _circle(each.x, each.y, each.width / 2), ""


def _ring(each: Placed, _light: int) -> tuple[str, str]:
    outer, inner = each.width / 2, each.width * 0.235
    return f"{_circle(each.x, each.y, outer)} {_circle(each.x, each.y, inner)}", ""


def _cube(each: Placed, light: int) -> tuple[str, str]:
    """The front, the top and the side away from the light."""
    left, top = each.x - each.width / 2, each.y - each.height / 2
    right, bottom, depth = left + each.width, top + each.height, 0.24 * each.width
    if light < 0:  # the dark side is on the right
        outline = [(left, top + depth), (left + depth, top), (right, top), (right, bottom - depth)]
        outline += [(right - depth, bottom), (left, bottom)]
        lid = [(left, top + depth), (left + depth, top), (right, top), (right - depth, top + depth)]
        flank = [(right - depth, top + depth), (right, top), (right, bottom - depth), (right - depth, bottom)]
    else:
        outline = [(left, top), (right - depth, top), (right, top + depth), (right, bottom)]
        outline += [(left + depth, bottom), (left, bottom - depth)]
        lid = [(left, top), (right - depth, top), (right, top + depth), (left + depth, top + depth)]
        flank = [(left, top), (left + depth, top + depth), (left + depth, bottom), (left, bottom - depth)]
    faces = (
        f'<path d="{_polygon(lid)}" fill="#fff" opacity="0.3"/><path d="{_polygon(flank)}" fill="#000" opacity="0.42"/>'
    )
    return _polygon(outline), faces


def _cone(each: Placed, _light: int) -> tuple[str, str]:
    half, low = each.width / 2, 0.12 * each.height
    base, tip = each.y + each.height / 2 - low, each.y - each.height / 2
    side = f"M{each.x:.2f} {tip:.2f} L{each.x + half:.2f} {base:.2f}"
    return f"{side} A{half:.2f} {low:.2f} 0 0 1 {each.x - half:.2f} {base:.2f} Z", ""


def _pillar(each: Placed, _light: int) -> tuple[str, str]:
    half, lid = each.width / 2, 0.1 * each.height
    top, base = each.y - each.height / 2 + lid, each.y + each.height / 2 - lid
    left, right = each.x - half, each.x + half
    outline = (
        f"M{left:.2f} {top:.2f} A{half:.2f} {lid:.2f} 0 0 1 {right:.2f} {top:.2f} L{right:.2f} {base:.2f} "
        f"A{half:.2f} {lid:.2f} 0 0 1 {left:.2f} {base:.2f} Z"
    )
    ellipse = f'<ellipse cx="{each.x:.2f}" cy="{top:.2f}" rx="{half:.2f}" ry="{lid:.2f}" fill="#fff" opacity="0.32"/>'
    return outline, ellipse


_SHAPES: Final[Mapping[Shape, Callable[[Placed, int], tuple[str, str]]]] = {
    Shape.SPHERE: _sphere,
    Shape.CUBE: _cube,
    Shape.CONE: _cone,
    Shape.RING: _ring,
    Shape.PILLAR: _pillar,
}


def _circle(x: float, y: float, radius: float) -> str:
    arc = f"A{radius:.2f} {radius:.2f} 0 1 1"
    return f"M{x - radius:.2f} {y:.2f} {arc} {x + radius:.2f} {y:.2f} {arc} {x - radius:.2f} {y:.2f} Z"


def _polygon(corners: Sequence[tuple[float, float]]) -> str:
    return "M" + " L".join(f"{x:.2f} {y:.2f}" for x, y in corners) + " Z"


def _mixed(one: Rgb, other: Rgb, share: float) -> tuple[int, ...]:
    return tuple(round(a + (b - a) * share) for a, b in zip(one, other, strict=True))


def _hex(tone: Sequence[int]) -> str:
    return "#" + "".join(f"{channel:02x}" for channel in tone)
