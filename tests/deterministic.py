"""Deterministic network weights and synthetic video, the same on every machine.

``fill_state_dict`` overwrites every tensor of a state dict with values drawn from a
generator seeded by the tensor's own name, so two implementations with the same key
names and shapes hold bit-identical weights without exchanging a checkpoint.
"""

import zlib

import numpy as np
import torch


def tensor_for(name, shape, seed=0):
    """float32 array of `shape` for parameter `name` (NumPy PCG64, seeded by crc32(name) + seed)."""
    rng = np.random.default_rng(zlib.crc32(name.encode()) + seed)
    shape = tuple(shape)
    if name.endswith("running_var"):
        return rng.uniform(0.8, 1.2, shape).astype(np.float32)
    if name.endswith("running_mean"):
        return (0.1 * rng.standard_normal(shape)).astype(np.float32)
    if len(shape) >= 2:  # convolution or linear weight
        fan_in = int(np.prod(shape[1:]))
        gain = 1.2 if name.startswith("key_proj") else 1.4
        if name == "decoder.pred.weight":
            gain = 0.3
        return (gain / np.sqrt(fan_in) * rng.standard_normal(shape)).astype(np.float32)
    if name.endswith("weight"):  # batch-norm scale; small on a block's last norm, so that depth does not blow up
        low, high = (0.2, 0.4) if ("bn3" in name or "bn2" in name) else (0.8, 1.2)
        return rng.uniform(low, high, shape).astype(np.float32)
    return (0.05 * rng.standard_normal(shape)).astype(np.float32)  # biases


def fill_state_dict(state_dict, seed=0):
    """Overwrite every floating-point tensor in place; integer tensors (num_batches_tracked) become 0."""
    with torch.no_grad():
        for name, tensor in state_dict.items():
            if tensor.is_floating_point():
                tensor.copy_(torch.from_numpy(tensor_for(name, tensor.shape, seed)))
            else:
                tensor.zero_()
    return state_dict


def synthetic_video(num_frames=12, height=120, width=200, num_objects=2, seed=0):
    """RGB uint8 video T x H x W x 3 of textured discs on a textured ground, and its uint8 index masks T x H x W."""
    rng = np.random.default_rng(1000 + seed)
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float32)

    def texture(scale):
        field = np.zeros((height, width, 3), np.float32)
        for _ in range(6):
            fy, fx, phase = rng.uniform(-scale, scale, 2).tolist() + [rng.uniform(0, 6.28)]
            colour = rng.uniform(-40, 40, 3)
            field += np.sin(fy * ys + fx * xs + phase)[..., None] * colour
        return field

    ground = 120 + texture(0.15)
    skins = [rng.uniform(40, 215, 3) + texture(0.5) for _ in range(num_objects)]
    centre = rng.uniform(0.25, 0.75, (num_objects, 2)) * (height, width)
    speed = rng.uniform(-3, 3, (num_objects, 2))
    radius = rng.uniform(0.12, 0.25, num_objects) * min(height, width)

    video = np.zeros((num_frames, height, width, 3), np.uint8)
    masks = np.zeros((num_frames, height, width), np.uint8)
    for t in range(num_frames):
        frame = np.roll(ground, t, axis=1).copy()
        for k in range(num_objects):
            cy, cx = centre[k] + t * speed[k]
            inside = (ys - cy) ** 2 + (xs - cx) ** 2 < radius[k] ** 2
            frame[inside] = skins[k][inside]
            masks[t][inside] = k + 1
        video[t] = frame.clip(0, 255)
    return video, masks
