"""Helpers that know nothing of the network: files, masks, devices, threads."""
