"""Training: the loop, one step, losses, the published recipe and the data of its stages."""
