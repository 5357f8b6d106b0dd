"""Bad inputs, a table for each command: one line, the right exit status, nothing lost, nothing half-written."""
