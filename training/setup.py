"""A training of STCN: its data, its network, and the facts that a resumed run must share."""

from functools import partial

import torch

from model.checkpoint import load_imagenet_encoders, start_from_weights
from model.network import STCN
from training.assembly import Training, assemble
from training.data import make_data, mixed_data
from training.imagenet import load_in_turn
from training.recipe import STAGES
from training.settings import Recipe, Start, TrainingPlan, TrainingSettings
from training.validation import annotated_videos, held_out_videos
from util.distributed import ProcessGroup


def prepare_training(
    settings: TrainingSettings, device: torch.device, amp_dtype: torch.dtype | None, group: ProcessGroup
) -> Training:
    """Set a training up, in each of its processes.

    Raises:
        InputError: data or files are missing or do not fit.
    """
    recipe, places = settings.recipe, settings.data
    if recipe.mixture:
        data = mixed_data(recipe.mixture, places, recipe.clip)
    else:
        data = make_data(STAGES[recipe.stage].data, places, recipe.clip, scenes=recipe.scenes)
    val_root = settings.output.val_root
    videos = [] if val_root is None else annotated_videos(val_root)
    videos += held_out_videos(places)
    return assemble(make_plan(settings), data, partial(make_network, recipe), device, amp_dtype, group, videos)


def make_plan(settings: TrainingSettings) -> TrainingPlan:
    """Tell what this training has in common with others."""
    recipe = settings.recipe
    stage, shares = STAGES[recipe.stage], ", ".join(f"{name} {x:g}" for name, x in recipe.mixture.items())
    return TrainingPlan(
        name=f"stage {recipe.stage}",
        start=settings.start,
        stage=stage,
        crop=recipe.clip.crop,
        seed=recipe.clip.seed,
        iterations=recipe.iterations,
        batch_per_process=recipe.batch_per_process,
        optimizer=recipe.optimizer,
        facts=describe_recipe(recipe),
        compute=settings.compute,
        output=settings.output,
        record=settings.record,
        notes=(f"shares of the sources: {shares}",) if shares else (),
        max_jump=recipe.max_jump,
        has_jumps=bool(shares) or stage.data != "static",
    )


def make_network(recipe: Recipe, start: Start, group: ProcessGroup) -> STCN:
    """Make the network that the first iteration gets, on the CPU.

    Raises:
        InputError: weights are missing or belong to another network.
    """
    network = STCN(
        single_object=recipe.clip.num_objects == 1,
        use_cbam=recipe.use_cbam,
        size=recipe.network,
        reading=recipe.reading,
    )
    if start.network is not None:
        start_from_weights(network, start.network)
    elif start.checkpoint is None and not start.from_scratch:
        load_in_turn(partial(load_imagenet_encoders, network, start.encoder_weights), group)
    return network


def describe_recipe(recipe: Recipe) -> dict[str, object]:
    """Collect the facts that a resumed run must share, as checkpoints hold them."""
    clip, optimizer = recipe.clip, recipe.optimizer
    return {
        "stage": recipe.stage,
        "network": recipe.network,
        "no_cbam": not recipe.use_cbam,
        "similarity": recipe.reading.similarity,
        "top_k": recipe.reading.top_k or 0,
        "crop": clip.crop,
        "num_frames": clip.num_frames,
        "num_objects": clip.num_objects,
        "scenes": recipe.scenes,
        "mix": dict(recipe.mixture),
        "keep_surroundings": clip.keep_surroundings,
        "keep_scale": clip.keep_scale,
        "ignore_unlabelled": clip.ignore_unlabelled,
        "fit_jumps": clip.fit_jumps,
        "max_jump": recipe.max_jump or 0,
        "seed": clip.seed,
        "cosine": optimizer.cosine is not None,
        "encoder_lr": optimizer.encoder_lr,
        "clip_norm": optimizer.clip_norm or 0,
        "bootstrap": optimizer.bootstrap,
        "region_loss": optimizer.region_weight,
        "average": optimizer.average or 0,
    }
