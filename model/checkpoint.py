"""The only place that reads weights or does surgery on them."""

import logging
from http.client import HTTPException
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.models import get_model_weights

from model.network import SIZES, STCN
from model.weights import DEFAULT_WEIGHTS, SMALL_WEIGHTS
from util.errors import InputError

log = logging.getLogger(__name__)

StateDict = dict[str, Tensor]
FOLDED_SCALE = 0.25  # about what ResNet-18's first normalisation multiplies its input by, if it is folded away
MASK_CONV = "value_encoder.conv1.weight"  # its input channels: RGB, the object's mask, (the other objects' masks)


def load_network(path: Path | str, device: torch.device | str = "cpu") -> STCN:
    """Build the network that a file of weights belongs to, for inference.

    Released weights are taken unchanged, with or without CBAM, and so are those of the small network. Single-object
    (stage 0) weights get a fifth input channel of zeros: the other objects' masks are ignored.

    Returns:
        The network in eval mode on ``device``, float32.

    Raises:
        InputError: no such file, not a file of weights, or weights of another network.
    """
    path = Path(path)
    if path == SMALL_WEIGHTS:
        log.info("the small network; `python download_model.py` fetches the published one, which is more accurate")
    state_dict = read_state_dict(path)
    if MASK_CONV in state_dict and state_dict[MASK_CONV].shape[1] == 4:
        log.info("%s: single-object weights, an input channel of zeros is added", path)
        state_dict[MASK_CONV] = nn.functional.pad(state_dict[MASK_CONV], (0, 0, 0, 0, 0, 1))
    with torch.device("meta"):
        use_cbam = any("fuser.attention" in name for name in state_dict)
        network = STCN(use_cbam=use_cbam, size=find_size(state_dict))
    _check_names(path, network.state_dict(), state_dict)
    network.load_state_dict(state_dict, assign=True)
    return network.float().to(device).eval()


def find_size(state_dict: StateDict) -> str:
    """The key of ``SIZES`` whose network has these weights; "full" where none fits."""
    found = state_dict.get("key_comp.weight", torch.empty(0)).shape[:1]
    return next((name for name, size in SIZES.items() if found == (size.value_channels,)), "full")


def read_state_dict(path: Path, *, allow_checkpoint: bool = True) -> StateDict:
    """Read a network's state dict; of a resumable checkpoint, its network.

    Raises:
        InputError: no such file, not a file of weights, or a resumable checkpoint where none is allowed.
    """
    if not path.is_file():
        raise InputError(_how_to_get(path))
    content = _read_file(path)
    if isinstance(content, dict) and isinstance(content.get("network"), dict):
        if not allow_checkpoint:
            raise InputError(f"{path}: a resumable checkpoint; go on from it with --load_model")
        log.info("%s: a resumable checkpoint, its network is used", path)
        content = content["network"]
    if not isinstance(content, dict) or not all(isinstance(tensor, Tensor) for tensor in content.values()):
        raise InputError(f"{path}: holds no network weights; give a .pth as download_model.py writes it")
    return {name.removeprefix("module."): tensor for name, tensor in content.items()}


def load_imagenet_encoders(network: STCN, folder: Path | None = None) -> None:
    """Give both encoders the ImageNet weights that training starts from.

    The value encoder's extra input channels are orthogonal, its biases zero.

    Args:
        folder: holds torchvision's ``resnet18*.pth`` and, for a full network, ``resnet50*.pth``, whole or without what
            lies behind ``layer3``; None: torchvision downloads them if needed.

    Raises:
        OSError: the weights cannot be downloaded.
        InputError: there are none in the folder.
    """
    try:
        key_weights = _read_imagenet(network.key_encoder.name, folder)
        value_weights = _read_imagenet("resnet18", folder)
    except (RuntimeError, HTTPException) as e:  # a wrong checksum, a cut connection
        raise OSError(str(e)) from e
    key_weights = {name.replace("layer1.", "res2."): tensor for name, tensor in key_weights.items()}
    _copy_matching(network.key_encoder, key_weights)
    extra = torch.empty_like(network.value_encoder.conv1.weight[:, 3:], device="cpu")
    nn.init.orthogonal_(extra)
    if torch.all(value_weights["bn1.weight"] == 1):  # normalisation folded into the convolution
        extra *= FOLDED_SCALE
    value_weights["conv1.weight"] = torch.cat([value_weights["conv1.weight"], extra], dim=1)
    _copy_matching(network.value_encoder, value_weights)


def hand_over(network: STCN, path: Path) -> None:
    """Start a stage from the network weights that the one before it left.

    Single-object weights get the fifth input channel that a network for several objects has, orthogonal and always the
    same.

    Raises:
        InputError: no such file, a resumable checkpoint, or weights of another network.
    """
    state_dict = read_state_dict(path, allow_checkpoint=False)
    if not network.single_object and MASK_CONV in state_dict and state_dict[MASK_CONV].shape[1] == 4:
        log.info("%s: single-object weights, an orthogonal input channel is added", path)
        weight = state_dict[MASK_CONV]
        channel = nn.init.orthogonal_(torch.empty_like(weight[:, :1]), generator=torch.Generator().manual_seed(0))
        state_dict[MASK_CONV] = torch.cat([weight, channel], dim=1)
    if MASK_CONV in state_dict and (size := find_size(state_dict)) != find_size(network.state_dict()):
        raise InputError(f"{path}: weights of the {size} network; train it with --network {size}")
    _check_names(path, network.state_dict(), state_dict)
    network.load_state_dict(state_dict)


def read_checkpoint(path: Path) -> dict:
    """Read the state of an interrupted training.

    Raises:
        InputError: no such file, or network weights only.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; give a ..._checkpoint.pth of an interrupted training")
    content = _read_file(path)
    if not isinstance(content, dict) or not {"network", "optimizer", "random", "recipe"} <= content.keys():
        raise InputError(f"{path}: no resumable checkpoint; start from network weights with --load_network")
    return content


def _read_imagenet(name: str, folder: Path | None) -> StateDict:
    if folder is None:
        return get_model_weights(name).IMAGENET1K_V1.get_state_dict(check_hash=True)
    paths = sorted(folder.glob(f"{name}*.pth"))
    if not paths:
        raise InputError(f"{folder}: no {name}*.pth in it; put torchvision's weights there, or drop --encoder_weights")
    state_dict = read_state_dict(paths[0])
    if not {"conv1.weight", "bn1.weight", "layer3.1.conv2.weight"} <= state_dict.keys():
        raise InputError(f"{paths[0]}: lacks layers of {name}; put torchvision's weights there, under its names")
    return state_dict


def _read_file(path: Path) -> object:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as e:  # the unpickler raises whatever the bytes make it raise
        raise InputError(f"{path}: not a PyTorch file, or cut short; download or copy it again") from e


def _copy_matching(module: nn.Module, state_dict: StateDict) -> None:
    """Load the tensors whose names the module knows."""
    known = module.state_dict()
    module.load_state_dict({name: tensor for name, tensor in state_dict.items() if name in known}, strict=False)


def _check_names(path: Path, expected: StateDict, found: StateDict) -> None:
    """Refuse a state dict whose names or shapes differ from the network's."""
    missing = [name for name in expected if name not in found]
    unknown = [name for name in found if name not in expected]
    reshaped = [name for name in expected if name in found and found[name].shape != expected[name].shape]
    for what, names in (("lacks", missing), ("has the unknown", unknown), ("has another shape of", reshaped)):
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            raise InputError(f"{path}: weights of another network: {what} {names[0]}{more}; give STCN's weights")


def _how_to_get(path: Path) -> str:
    if path == DEFAULT_WEIGHTS:
        return f"{path}: no weights there; `python download_model.py` fetches them"
    return f"{path}: no such file; `python download_model.py` writes {DEFAULT_WEIGHTS}"
