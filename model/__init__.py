"""The STCN network: its layers, how it reads its memory, and how its weights are loaded."""
