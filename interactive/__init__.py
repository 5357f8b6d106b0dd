"""Interactive segmentation: strokes become masks, masks spread through the video both ways, results are fused."""
