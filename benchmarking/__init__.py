"""What ``benchmark.py`` measures, and the plain twin that it measures against."""
