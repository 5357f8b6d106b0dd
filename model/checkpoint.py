"""Files of weights: all reading, checking and surgery."""

import logging
from http.client import HTTPException
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn
from torchvision.models import get_model_weights

from model.memory import PUBLISHED_READING, SIMILARITIES, MemoryReading
from model.network import READING, SIZES, STCN
from model.torch_file import read_torch_file
from model.weights import DEFAULT_WEIGHTS, SMALL_WEIGHTS
from util.errors import InputError

log = logging.getLogger(__name__)

StateDict = dict[str, Tensor]
Network = TypeVar("Network", bound=nn.Module)
FOLDED_SCALE = 0.25  # about the factor of ResNet-18's first normalisation, for weights in which it is folded away
MASK_CONV = "value_encoder.conv1.weight"  # input channels: RGB, the object's mask, (the other objects' masks)
ATTENTION = "value_encoder.fuser.attention."  # names of CBAM's weights begin with it


def load_network(path: Path | str, device: torch.device | str = "cpu") -> STCN:
    """Build the network that a file of weights belongs to, for inference.

    The file may hold released weights, with or without CBAM, those of the small network, or a checkpoint of training,
    also of the published code. Single-object (stage 0) weights get a fifth input channel of zeros: the other objects'
    masks are ignored.

    Returns:
        The network in eval mode on ``device``, float32.

    Raises:
        InputError: no such file, not a file of weights, or weights of another network.
    """
    path = Path(path)
    if path == SMALL_WEIGHTS:
        log.info("the small network, for research use; `python download_model.py` fetches the more accurate one")
    state_dict = read_state_dict(path)
    if _num_mask_channels(state_dict) == 1:
        log.info("%s: single-object weights, an input channel of zeros is added", path)
        state_dict[MASK_CONV] = nn.functional.pad(state_dict[MASK_CONV], (0, 0, 0, 0, 0, 1))
    with torch.device("meta"):
        network = STCN(
            use_cbam=has_cbam(state_dict), size=find_size(state_dict), reading=find_reading(path, state_dict)
        )
    check_weights(path, network, state_dict)
    return load_for_inference(network, state_dict, device)


def load_for_inference(network: Network, state_dict: StateDict, device: torch.device | str) -> Network:
    """Give a network, which may be on the meta device, checked weights: in eval mode on ``device``, float32."""
    network.load_state_dict(state_dict, assign=True)
    return network.float().to(device).eval()


def find_size(state_dict: StateDict) -> str:
    """Return the key of ``SIZES`` whose network has these weights; "full" if none fits."""
    for name in SIZES:
        with torch.device("meta"):
            expected = STCN(size=name).state_dict()
        common = state_dict.keys() & expected.keys() - {MASK_CONV}
        if all(state_dict[key].shape == expected[key].shape for key in common):
            return name
    return "full"


def find_reading(path: Path, state_dict: StateDict) -> MemoryReading:
    """Find out how the network of these weights reads its memory.

    Args:
        path: of the weights, for messages.

    Raises:
        InputError: in no known way.
    """
    if READING not in state_dict:
        return PUBLISHED_READING
    numbers = state_dict[READING].flatten().tolist()
    if len(numbers) != 2 or numbers[0] not in range(len(SIMILARITIES)) or not 0 <= numbers[1] < 2**31:
        raise InputError(f"{path}: reads its memory in a way that is not known here; take weights of this code")
    return MemoryReading(SIMILARITIES[int(numbers[0])], int(numbers[1]) or None)


def has_cbam(state_dict: StateDict) -> bool:
    """Tell whether weights include CBAM."""
    return any(name.startswith(ATTENTION) for name in state_dict)


def read_state_dict(path: Path) -> StateDict:
    """Read a network's state dict, if need be out of a checkpoint of training.

    Raises:
        InputError: no such file, or not a file of weights.
    """
    if not path.is_file():
        raise InputError(_how_to_get(path))
    content = read_torch_file(path)
    if isinstance(content, dict) and isinstance(content.get("network"), dict):
        log.info("%s: a checkpoint of a training, its network is used", path)
        content = content["network"]
    return _as_state_dict(path, content)


def load_imagenet_encoders(network: STCN, folder: Path | None = None) -> None:
    """Give both encoders the ImageNet weights that training starts from.

    The value encoder's extra input channels are orthogonal, its biases zero.

    Args:
        folder: holds torchvision's ``resnet18*.pth`` and, for a full network, ``resnet50*.pth``; layers after
            ``layer3`` may be missing. None: torchvision downloads them if needed.

    Raises:
        OSError: the weights cannot be downloaded.
        InputError: the folder lacks them.
    """
    key_weights = read_imagenet(network.key_encoder.name, folder)
    key_weights = {name.replace("layer1.", "res2."): tensor for name, tensor in key_weights.items()}
    copy_matching(network.key_encoder, key_weights)
    copy_matching(network.value_encoder, read_imagenet("resnet18", folder, network.value_encoder.conv1.in_channels))


def read_imagenet(name: str, folder: Path | None = None, in_channels: int = 3) -> StateDict:
    """Read torchvision's ImageNet weights of a ResNet.

    Args:
        name: ``resnet18`` or ``resnet50``.
        folder: as for ``load_imagenet_encoders``.
        in_channels: input channels of ``conv1``; those beyond the image's three are orthogonal.

    Raises:
        OSError: the weights cannot be downloaded.
        InputError: the folder lacks them.
    """
    try:
        weights = _read_imagenet(name, folder)
    except (RuntimeError, HTTPException) as e:  # a wrong checksum, a cut connection
        raise OSError(str(e)) from e
    first = weights["conv1.weight"]
    if in_channels > first.shape[1]:
        extra = nn.init.orthogonal_(first.new_empty(len(first), in_channels - first.shape[1], *first.shape[2:]))
        if torch.all(weights["bn1.weight"] == 1):  # normalisation folded into the convolution
            extra *= FOLDED_SCALE
        weights["conv1.weight"] = torch.cat([first, extra], dim=1)
    return weights


def start_from_weights(network: STCN, path: Path) -> None:
    """Give a network the weights that a training, mostly the stage before, left.

    Single-object weights get the fifth input channel that a network for several objects has, orthogonal and always the
    same.

    Raises:
        InputError: no such file, or weights of another network.
    """
    state_dict = read_state_dict(path)
    if not network.single_object and _num_mask_channels(state_dict) == 1:
        log.info("%s: single-object weights, an orthogonal input channel is added", path)
        weight = state_dict[MASK_CONV]
        channel = nn.init.orthogonal_(torch.empty_like(weight[:, :1]), generator=torch.Generator().manual_seed(0))
        state_dict[MASK_CONV] = torch.cat([weight, channel], dim=1)
    if (reading := find_reading(path, state_dict)) != network.reading:
        log.info("%s: trained with %s, trained further with %s", path, reading, network.reading)
    own = {READING: getattr(network, READING)} if hasattr(network, READING) else {}
    state_dict = {**{name: tensor for name, tensor in state_dict.items() if name != READING}, **own}
    check_weights(path, network, state_dict)
    network.load_state_dict(state_dict)


def read_checkpoint(path: Path) -> dict:
    """Read the state of an interrupted training, as ``Trainer.state_dict`` gives it, and its ``recipe``.

    A checkpoint of the published code lacks the scaler's and the random states, and its recipe: these are None.

    Raises:
        InputError: no such file, or not a checkpoint.
    """
    content = read_torch_file(path)
    keys = content.keys() if isinstance(content, dict) else set()
    if {"network", "optimizer", "random", "recipe"} <= keys:
        return {**content, "network": _as_state_dict(path, content["network"])}
    if {"network", "optimizer", "scheduler", "it"} <= keys:
        state = {"iteration": content["it"], "network": _as_state_dict(path, content["network"])}
        state |= {"optimizer": content["optimizer"], "scheduler": content["scheduler"]}
        return {**state, "scaler": None, "random": None, "recipe": None}
    remedy = "load it as network weights (load_network) to start a new training from it"
    raise InputError(f"{path}: not a checkpoint, which holds the optimizer's state as well; {remedy}")


def check_weights(path: Path, network: STCN, found: StateDict) -> None:
    """Make sure that weights fit a network, by names and shapes, and are numbers to compute with.

    Raises:
        InputError: they do not.
    """
    expected = network.state_dict()
    if _num_mask_channels(found) in (1, 2):
        _check_variant(path, expected, found)
    check_names(path, expected, found, "STCN")


def check_names(path: Path, expected: StateDict, found: StateDict, network: str) -> None:
    """Make sure that a state dict has a network's names and shapes, and numbers to compute with.

    Args:
        network: what the weights should be of, for the message.

    Raises:
        InputError: it has others.
    """
    missing = [name for name in expected if name not in found]
    unknown = [name for name in found if name not in expected]
    reshaped = [name for name in expected if name in found and found[name].shape != expected[name].shape]
    for what, names in (("lacks", missing), ("has the unknown", unknown), ("has another shape of", reshaped)):
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            remedy = f"give the weights of {network}"
            raise InputError(f"{path}: weights of another network: {what} {names[0]}{more}; {remedy}")
    _check_numbers(path, expected, found)


def _read_imagenet(name: str, folder: Path | None) -> StateDict:
    if folder is None:
        return get_model_weights(name).IMAGENET1K_V1.get_state_dict(check_hash=True)
    paths = sorted(folder.glob(f"{name}*.pth"))
    if not paths:
        raise InputError(f"{folder}: no {name}*.pth in it; put torchvision's weights there")
    state_dict = read_state_dict(paths[0])
    if not {"conv1.weight", "bn1.weight", "layer3.1.conv2.weight"} <= state_dict.keys():
        raise InputError(f"{paths[0]}: lacks layers of {name}; put torchvision's weights there, under its names")
    return state_dict


def _as_state_dict(path: Path, content: object) -> StateDict:
    """Take tensors by name, without the prefix that DistributedDataParallel gives to names."""
    if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
        raise InputError(f"{path}: holds no network weights; give a .pth as download_model.py writes it")
    if unusable := [name for name, tensor in content.items() if not _is_plain(tensor)]:
        raise InputError(f"{path}: {unusable[0]} is no plain tensor of real numbers; give trained weights")
    return {name.removeprefix("module."): tensor for name, tensor in content.items()}


def _is_plain(tensor: object) -> bool:
    if not isinstance(tensor, Tensor) or tensor.layout != torch.strided or tensor.is_nested:
        return False
    return not (tensor.is_complex() or tensor.is_quantized or tensor.is_meta)


def _num_mask_channels(state_dict: StateDict) -> int:
    """Count the input channels for masks; 0 if these are no weights of STCN."""
    weight = state_dict.get(MASK_CONV)
    return weight.shape[1] - 3 if weight is not None and weight.ndim == 4 else 0


def copy_matching(module: nn.Module, state_dict: StateDict) -> None:
    """Load the tensors whose names the module knows."""
    known = module.state_dict()
    module.load_state_dict({name: tensor for name, tensor in state_dict.items() if name in known}, strict=False)


def _check_variant(path: Path, expected: StateDict, found: StateDict) -> None:
    """Refuse weights of STCN in another size, with or without CBAM, or for another number of objects."""
    size = find_size(found)
    if size != find_size(expected):
        raise InputError(f"{path}: weights of the {size} network; train with network {size}")
    if has_cbam(found) and not has_cbam(expected):
        raise InputError(f"{path}: weights with CBAM; train without no_cbam")
    if has_cbam(expected) and not has_cbam(found):
        raise InputError(f"{path}: weights without CBAM; train with no_cbam")
    channels = _num_mask_channels(found)
    if channels != _num_mask_channels(expected):
        kind, number = ("a single object", "1") if channels == 1 else ("several objects", "2 or more")
        raise InputError(f"{path}: weights for {kind}; set num_objects to {number}, or take the stage they belong to")


def _check_numbers(path: Path, expected: StateDict, found: StateDict) -> None:
    """Refuse integers in place of fractions, and numbers that are none."""
    for name, tensor in found.items():
        if expected[name].is_floating_point() and not tensor.is_floating_point():
            raise InputError(f"{path}: {name} is {tensor.dtype}, not floating point; give trained weights")
        if not torch.isfinite(tensor.float()).all():
            raise InputError(f"{path}: {name} holds NaN or infinite numbers; take weights of before they diverged")


def _how_to_get(path: Path) -> str:
    if path == DEFAULT_WEIGHTS:
        return f"{path}: no weights there; `python download_model.py` fetches them"
    cause = "not a regular file" if path.exists() else "no such file"
    return f"{path}: {cause}; `python download_model.py` writes released weights, such as {DEFAULT_WEIGHTS}"
