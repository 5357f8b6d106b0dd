"""Make the demo clip, demo/clip.mp4, and its exact masks, demo/masks/*.png, from free photographs.

    python -m scripts.make_demo_clip

Three objects are cut out once, then moved, scaled, turned and slightly bent over a background; how much
of each pixel they cover gives the masks. The photographs lie inside the scikit-image wheel; source and
terms, as the docstrings of skimage.data state them:

    astronaut.png   NASA Great Images database: Eileen Collins, and a model of the space shuttle.
                    "No known copyright restrictions, released into the public domain."
    coffee.png      Rachel Michetti, courtesy of Pikolo Espresso Bar.
                    "No copyright restrictions.  CC0 by the photographer"
    rocket.jpg      SpaceX, a launch pad. "captured by SpaceX and released in the public domain"
"""

import util.signals  # noqa: F401 (first, so that Ctrl-C during the other imports ends in one line)

# isort: split
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import skimage
from PIL import Image

from util.files import PROJECT_ROOT
from util.palette import make_palette
from util.script import make_parser, script_main

WIDTH, HEIGHT, FRAMES, FPS = 854, 480, 36, 12
PALETTE = make_palette(4)  # only as many colours as the masks need
SHUTTER, SUBFRAMES = 0.25, 5  # the fraction of a frame's time that is blurred together, and in how many steps
Pose = tuple[float, float, float, float]  # centre x, centre y, scale, turn in degrees


@dataclass(frozen=True)
class Actor:
    """A moving object: where it is in its photograph, and its poses at the start, middle and end."""

    label: int
    photo: str
    outline: str  # polygon "x,y x,y ..." in the photograph
    slack: int  # how far the true outline may lie from the polygon, in pixels; 0: the polygon is right
    poses: tuple[Pose, Pose, Pose]
    bend: float  # size of the smooth warp, in pixels of the photograph


# From the farthest to the nearest: a later actor hides an earlier one.
ACTORS = (
    Actor(
        3,
        "astronaut.png",
        """402,10 404,6 408,3 413,2 418,3 423,6 427,10 431,18 435,28 437,40 437,49
          441,40 446,40 448,50 453,62 455,72 454,100 454,200 455,222 455,234 454,240 455,252 459,263 435,263
          437,240 432,235 426,234 425,238 416,238 411,238 411,249 405,249 402,243 391,243 386,252 370,270
          367,270 367,262 378,235 376,231 353,227 353,214 358,204 368,192 377,182 378,150 377,125 380,108
          381,95 381,60 385,48 387,42 389,45 392,57 396,57 396,30 399,18""",
        0,
        ((130, 235, 1.05, -14), (430, 172, 1.0, 3), (735, 190, 0.95, 18)),
        1.0,
    ),
    Actor(
        1,
        "astronaut.png",
        """30,512 25,480 22,450 19,420 24,380 26,340 35,310 45,280 57,255 75,237 95,222
          112,207 117,202 114,192 117,185 124,186 129,170 142,156 165,149 184,148 180,131 167,117 157,95
          153,75 157,52 175,37 191,32 210,21 235,16 260,21 280,34 295,57 301,82 300,102 290,120 277,135
          268,136 262,155 257,172 280,190 297,215 304,235 325,246 340,260 346,280 352,285 357,310 363,332
          362,347 366,350 382,345 400,343 418,344 435,350 450,358 464,368 476,382 486,399 492,415 496,432
          497,451 504,455 506,467 509,482 510,500 511,512""",
        6,
        ((470, 275, 0.92, 3), (430, 285, 0.95, -3), (400, 280, 0.98, 2)),
        2.5,
    ),
    Actor(
        2,
        "coffee.png",
        """183,71 190,60 200,48 215,36 232,27 250,20 267,18 285,17 303,18 320,21 340,28
          357,36 373,47 386,60 398,72 405,67 418,67 424,78 418,100 425,110 445,130 462,155 474,185 479,208
          480,230 474,268 460,303 438,333 409,358 374,376 336,387 290,391 244,387 209,377 179,364 139,339
          110,311 90,282 79,245 76,210 79,180 87,157 100,134 118,115 140,95 165,79""",
        3,
        ((735, 140, 0.46, 16), (445, 350, 0.52, -8), (135, 295, 0.6, -20)),
        4.0,
    ),
)


def photograph(name: str) -> np.ndarray:
    """Read one of the photographs that come with scikit-image, as 8-bit BGR."""
    return cv2.imread(str(Path(skimage.__file__).parent / "data" / name), cv2.IMREAD_COLOR)


def largest_part(mask: np.ndarray) -> np.ndarray:
    """Keep the largest connected part of a 0/1 mask."""
    _, parts, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    return (parts == 1 + np.argmax(stats[1:, cv2.CC_STAT_AREA])).astype(np.uint8)


def cut_mask(image: np.ndarray, points: np.ndarray, slack: int) -> np.ndarray:
    """Return the 0/1 mask of an object: the polygon, with its edge moved by GrabCut by up to ``slack`` pixels."""
    polygon = cv2.fillPoly(np.zeros(image.shape[:2], np.uint8), [points], 1)
    if slack == 0:
        return polygon
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * slack + 1, 2 * slack + 1))
    trimap = np.where(polygon, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    trimap[cv2.dilate(polygon, disk) == 0] = cv2.GC_BGD
    trimap[cv2.erode(polygon, disk) == 1] = cv2.GC_FGD
    cv2.setRNGSeed(0)
    cv2.grabCut(image, trimap, None, np.zeros((1, 65)), np.zeros((1, 65)), 5, cv2.GC_INIT_WITH_MASK)
    smooth = cv2.medianBlur(trimap % 2, 7)  # the two foreground classes are odd
    return 1 - largest_part(1 - largest_part(smooth))  # one part, without holes


def cut_out(actor: Actor) -> np.ndarray:
    """Cut an object out: float BGRA with premultiplied colours, cropped close."""
    image = photograph(actor.photo)
    points = np.array([p.split(",") for p in actor.outline.split()], np.int32)
    mask = cut_mask(image, points, actor.slack)
    # Colours near the edge are mixed with the old background: take them from a little further inside.
    core = cv2.erode(mask, np.ones((3, 3), np.uint8), iterations=2)
    _, nearest = cv2.distanceTransformWithLabels(1 - core, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    colours = np.zeros((nearest.max() + 1, 3), np.float32)
    colours[nearest[core == 1]] = image[core == 1]
    alpha = cv2.GaussianBlur(cv2.erode(mask, np.ones((3, 3), np.uint8)).astype(np.float32), (0, 0), 1.0)
    x, y, w, h = cv2.boundingRect(points)
    sprite = np.dstack([colours[nearest] * alpha[..., None], alpha])
    return sprite[max(y - 4, 0) : y + h + 4, max(x - 4, 0) : x + w + 4]


def between(poses: tuple[Pose, Pose, Pose], t: float) -> np.ndarray:
    """Return the pose at time t in [0, 1] on the parabola through the three poses, slower at both ends."""
    first, middle, last = np.array(poses)
    s = t - 0.3 * np.sin(2 * np.pi * t) / (2 * np.pi)
    return first * (1 - s) * (1 - 2 * s) + middle * 4 * s * (1 - s) + last * s * (2 * s - 1)


def place(sprite: np.ndarray, actor: Actor, t: float) -> np.ndarray:
    """Move, scale, turn and bend the cut-out for the frame at time t; returns premultiplied BGRA."""
    x, y, scale, turn = between(actor.poses, t)
    cos, sin = np.cos(np.deg2rad(turn)) / scale, np.sin(np.deg2rad(turn)) / scale
    v, u = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32) - np.array([y, x], np.float32)[:, None, None]
    h, w = sprite.shape[:2]
    across, down = cos * u + sin * v + w / 2, cos * v - sin * u + h / 2
    bent_x = across + actor.bend * np.sin(2 * np.pi * (down / 260 + 1.3 * t))
    bent_y = down + actor.bend * np.sin(2 * np.pi * (across / 300 - 1.1 * t))
    return cv2.remap(sprite, bent_x.astype(np.float32), bent_y.astype(np.float32), cv2.INTER_LINEAR)


def empty_launch_pad() -> np.ndarray:
    """Remove the rocket from the background photograph, by sky drawn across from either side of it."""
    image = photograph("rocket.jpg")
    left, right = 284, 356
    ends = [image[:, x - 4 : x].mean(axis=1, keepdims=True) for x in (left, right + 4)]
    weight = np.linspace(0, 1, right - left)[None, :, None]
    image[:, left:right] = (ends[0] * (1 - weight) + ends[1] * weight).round()
    return image


def backdrop(image: np.ndarray, t: float) -> np.ndarray:
    """Return the background at time t, under a slow pan and zoom."""
    h, w = image.shape[:2]
    zoom = WIDTH / w * (1.12 + 0.10 * t)
    centre_x, centre_y = w * (0.46 + 0.08 * t), h * (0.56 - 0.05 * t)
    matrix = np.array([[zoom, 0, WIDTH / 2 - zoom * centre_x], [0, zoom, HEIGHT / 2 - zoom * centre_y]])
    return cv2.warpAffine(image, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC).astype(np.float32)


def render(index: int, background: np.ndarray, sprites: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Render a frame, 8-bit BGR, and its mask of ids."""
    times = (index + SHUTTER * (np.arange(SUBFRAMES) / (SUBFRAMES - 1) - 0.5)) / (FRAMES - 1)
    frame = backdrop(background, index / (FRAMES - 1))
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    for actor, sprite in zip(ACTORS, sprites):
        layer = np.mean([place(sprite, actor, t) for t in times], axis=0)
        frame = frame * (1 - layer[..., 3:]) + layer[..., :3]
        mask[layer[..., 3] > 0.5] = actor.label
    light = 1 + 0.07 * np.sin(2 * np.pi * index / FRAMES)
    return np.clip(frame * light, 0, 255).round().astype(np.uint8), mask


def write_video(path: Path, frames: list[np.ndarray]) -> None:
    """Write the frames as H.264, set up so that the bytes are the same each time."""
    options = {"crf": "18", "preset": "slow", "x264-params": "threads=1:mbtree=0"}
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=FPS, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="bgr24")))
        container.mux(stream.encode())


@script_main
def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--out", type=Path, default=PROJECT_ROOT / "demo", help="folder to write to")
    out = parser.parse_args().out
    (out / "masks").mkdir(parents=True, exist_ok=True)
    background, sprites = empty_launch_pad(), [cut_out(actor) for actor in ACTORS]
    rendered = [render(index, background, sprites) for index in range(FRAMES)]
    write_video(out / "clip.mp4", [frame for frame, _ in rendered])
    for index, (_, mask) in enumerate(rendered):
        picture = Image.fromarray(mask)
        picture.putpalette(PALETTE)
        picture.save(out / "masks" / f"{index:05d}.png", optimize=True)


if __name__ == "__main__":
    main()
