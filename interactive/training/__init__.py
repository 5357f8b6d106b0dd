"""The trainings of the interactive networks: simulated strokes, stored results of propagation, their options."""
