"""Make the README's moving picture, docs/demo.webp, from the demo's overlay.

make demo
python -m scripts.make_demo_picture
"""

import util.signals  # noqa: F401 (first, so that Ctrl-C during the other imports ends in one line)

# isort: split
import av
from PIL import Image

from util.files import PROJECT_ROOT, write_then_rename
from util.script import make_parser, script_main

OVERLAY, PICTURE = PROJECT_ROOT / "results" / "demo" / "clip_overlay.mp4", PROJECT_ROOT / "docs" / "demo.webp"
WIDTH, QUALITY = 640, 60  # pixels; of WebP, 0 to 100


@script_main
def main() -> None:
    make_parser(__doc__).parse_args()
    with av.open(str(OVERLAY)) as video:
        milliseconds = round(1000 / video.streams.video[0].average_rate)
        frames = [frame.to_image() for frame in video.decode(video=0)]
    size = WIDTH, round(WIDTH * frames[0].height / frames[0].width)
    first, *others = (frame.resize(size, Image.Resampling.LANCZOS) for frame in frames)
    with write_then_rename(PICTURE) as temporary:
        first.save(
            temporary, save_all=True, append_images=others, duration=milliseconds, loop=0, quality=QUALITY, method=6
        )
    print(f"{PICTURE}: {len(frames)} frames, {PICTURE.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
