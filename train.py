"""Train STCN, stage by stage.

    python train.py --id s0 --stage 0
    torchrun --nproc_per_node 2 train.py --id s03 --stage 3 --load_network saves/<date>_s0/<date>_s0_300000.pth
    python train.py --load_model saves/<date>_s03/<date>_s03_checkpoint.pth

Stage 0 takes photographs, 1 BL30K, 2 and 3 DAVIS and YouTube-VOS. The model s012 comes from stages 0, 1, 2, the model
s03 from 0, 3; each stage starts from the last network of the one before. The third line resumes an interrupted training
exactly. An iteration computes the published batch, however many processes share it.
"""

import util.signals  # noqa: F401 (first, so that Ctrl-C during the other imports ends in one line)

# isort: split
from functools import partial

from training.launch import launch
from training.options import read_settings
from training.setup import prepare_training
from util.script import script_main


@script_main
def main() -> int:
    settings = read_settings(__doc__)
    return launch(partial(prepare_training, settings), settings.compute, settings.recipe.clip.seed)


if __name__ == "__main__":
    main()
