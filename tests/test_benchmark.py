"""benchmark.py runs from a clone alone; what it measures is not tested."""

import json
import re
from pathlib import Path

import benchmark


def test_data_throughput_is_printed_and_written(run_main, tmp_path: Path) -> None:
    arguments = ["data", "--clips", 2, "--repeats", 1, "--json", tmp_path / "figures.json"]
    status, out, _ = run_main(benchmark.main, *arguments)
    assert status == 0
    figures = json.loads((tmp_path / "figures.json").read_text())
    for name, published in (("static", 1.8), ("video", 12.7)):
        line = rf"{name}: {figures[name]:.1f} clips per core-second, {figures[name] / published:.1f} times"
        assert re.search(line, out)


def test_demo_data_holds_every_frame(tmp_path: Path) -> None:
    benchmark.write_demo_data(tmp_path)
    for pattern in ("JPEGImages/demo/*.jpg", "Annotations/demo/*.png", "static/*.jpg", "static/*.png"):
        assert len(list(tmp_path.glob(pattern))) == 36
