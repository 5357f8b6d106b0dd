"""What is written for a person or another program: masks, overlays, probabilities."""
