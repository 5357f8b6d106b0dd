"""Downloads: where things come from, and their way to their places."""
