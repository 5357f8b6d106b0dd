"""Frames and masks: videos to segment, and their way into the network."""
