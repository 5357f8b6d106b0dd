"""The command line of train.py as settings."""

import sys
from pathlib import Path

import pytest

from model.memory import MemoryReading
from training.options import read_settings
from training.settings import TrainingSettings


def read(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> TrainingSettings:
    monkeypatch.setattr(sys, "argv", ["train.py", *map(str, arguments)])
    return read_settings("Train.")


def test_the_defaults_are_the_published_recipe_of_the_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(monkeypatch, "--stage", 3)
    recipe, optimizer = settings.recipe, settings.recipe.optimizer
    assert (recipe.iterations, recipe.clip.num_objects, optimizer.lr_steps) == (150_000, 2, (125_000,))
    assert (optimizer.lr, optimizer.gamma, optimizer.weight_decay) == (1e-5, 0.1, 1e-7)
    assert (recipe.clip.crop, recipe.clip.num_frames, recipe.clip.seed) == (384, 3, 14159265)
    assert recipe.use_cbam
    assert not recipe.clip.keep_surroundings
    assert settings.output.name is None
    assert settings.compute.precision == "auto"


def test_each_option_reaches_its_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    options = ["--no_cbam", "--keep_surroundings", "--steps", 5, 6, "--cosine", "-i", 9, "--clip_norm", 5, "--seed", 1]
    options += ["--vos_root", "a", "b:3", "--debug", "--save_every", 7, "--id", "x", "--no_amp", "--local-rank", 1]
    settings = read(monkeypatch, *options)
    recipe, optimizer = settings.recipe, settings.recipe.optimizer
    assert not recipe.use_cbam
    assert recipe.clip.keep_surroundings
    assert (recipe.iterations, optimizer.cosine, optimizer.lr_steps, optimizer.clip_norm) == (9, 9, (5, 6), 5)
    assert settings.data.own == ((Path("a"), 1), (Path("b"), 3))
    every = settings.output.intervals
    assert (every.scalars, every.pictures, every.network) == (1, 1, 7)
    assert settings.output.name == "x"
    assert settings.compute.precision == "float32"
    assert settings.record["save_every"] == 7


def test_the_reading_of_the_memory_reaches_its_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch).recipe.reading == MemoryReading("l2", None)
    assert read(monkeypatch, "--similarity", "dot", "--top_k", 20).recipe.reading == MemoryReading("dot", 20)


def test_own_videos_have_jumps_that_fit_them(monkeypatch: pytest.MonkeyPatch) -> None:
    own = ["--stage", 3, "--vos_root", "a"]
    assert not read(monkeypatch, "--stage", 3).recipe.clip.fit_jumps
    assert read(monkeypatch, *own).recipe.clip.fit_jumps
    assert not read(monkeypatch, *own, "--no-fit_jumps").recipe.clip.fit_jumps
    assert read(monkeypatch, *own, "--max_jump", 7).recipe.max_jump == 7
    assert read(monkeypatch, "--ema", 0.9).recipe.optimizer.average == 0.9


def test_wandb_must_be_installed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(SystemExit) as end:
        read(monkeypatch, "--wandb")
    assert end.value.code == 2
    assert "--wandb needs a package that is not installed; pip install wandb" in capsys.readouterr().err
    monkeypatch.setattr("importlib.util.find_spec", lambda _: object())
    assert read(monkeypatch, "--wandb").output.wandb


def test_a_mixture_reaches_its_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    options = ["--mix", "scenes:2", "videos", "--vos_root", "a", "--hold_out", "x", "y", "--average", 0.99]
    settings = read(monkeypatch, *options, "--fit_jumps", "--keep_scale")
    recipe = settings.recipe
    assert recipe.mixture == {"scenes": 2, "videos": 1}
    assert settings.data.held_out == {"x", "y"}
    assert recipe.optimizer.average == 0.99
    assert recipe.clip.fit_jumps
    assert recipe.clip.keep_scale


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--mix", "films:1"], "films:1"),
        (["--mix", "scenes:0"], "scenes:0"),
        (["--mix", "scenes:many"], "scenes:many"),
        (["--mix", "scenes", "scenes:2"], "twice"),
        (["--mix", "scenes", "--scenes"], "exclude each other"),
        (["--hold_out", "x"], "--vos_root"),
        (["--average", "1"], "between 0 and 1"),
    ],
)
def test_wrong_mixtures_are_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: list[str], words: str
) -> None:
    with pytest.raises(SystemExit) as end:
        read(monkeypatch, *options)
    assert end.value.code == 2
    assert words in capsys.readouterr().err


def test_scenes_keep_their_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their layers are whole photographs, as the small network was trained."""
    assert read(monkeypatch, "--scenes").recipe.clip.keep_surroundings


@pytest.mark.parametrize("name", ["NULL", "null"])
def test_null_is_no_name(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert read(monkeypatch, "--id", name).output.name is None


def test_help_describes_every_option_with_its_default(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(SystemExit):
        read(monkeypatch, "--help")
    text = capsys.readouterr().out
    groups = text.split("\n\n")
    for title in ("start", "data", "recipe", "speed", "output", "expert"):
        (group,) = (group for group in groups if group.startswith(f"{title}:"))
        options = group.count("\n  -")
        described = group if title != "recipe" else " ".join(groups[groups.index(group) :])
        assert described.count("(default") >= options
    assert not {"--no_amp", "--local_rank"} & set(text.split())
