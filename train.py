"""Train STCN, stage by stage.

    python train.py --id s0 --stage 0
    torchrun --nproc_per_node 2 train.py --id s03 --stage 3 --load_network saves/<date>_s0/<date>_s0_300000.pth
    python train.py --stage 3 --load_model saves/<date>_s03/<date>_s03_checkpoint.pth

Stage 0 takes photographs, 1 BL30K, 2 and 3 DAVIS and YouTube-VOS. The model s012 comes from stages 0, 1, 2, the model
s03 from 0, 3; each stage starts from the last network of the one before. The third line resumes an interrupted training
exactly. An iteration computes the published batch, however many processes share it.
"""

import logging

import torch

from training.options import read_settings
from training.setup import choose_mixed_precision, prepare_training
from training.trainer import seed_everything
from util.device import allow_tf32, choose_device
from util.distributed import process_group
from util.script import script_main


@script_main
def main() -> int:
    settings = read_settings(__doc__)
    device = choose_device(settings.compute.device)
    amp_dtype = choose_mixed_precision(settings.compute.precision, device)
    allow_tf32(amp_dtype or torch.float32)
    torch.backends.cudnn.benchmark = settings.compute.benchmark
    if device.type == "cuda":
        torch.cuda.set_device(device)
    with process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo") as group:
        if not group.is_main:  # the main process speaks for all
            logging.getLogger().setLevel(max(logging.getLogger().level, logging.WARNING))
        seed_everything(settings.recipe.clip.seed + group.rank)
        training = prepare_training(settings, device, amp_dtype, group)
        if group.is_main:
            print(training.description, flush=True)
        return training.run.train(training.loader, group)


if __name__ == "__main__":
    main()
