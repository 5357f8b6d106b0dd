"""Kills, full disks and long runs: whatever is left is whole, and the next run finishes."""
