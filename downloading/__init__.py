"""Downloads: where weights and data come from, how they get to their places, and whether they are whole there."""
