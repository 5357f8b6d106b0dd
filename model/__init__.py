"""The STCN network, its memory reading, and the reading of its weights."""
