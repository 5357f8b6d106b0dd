"""The engine behind the tracker: the state of one video, and what its frames are needed for."""
