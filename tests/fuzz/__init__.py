"""Damaged files through the real commands: one line, a status, nothing outside the output, nothing half-written."""
