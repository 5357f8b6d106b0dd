"""Object ids with a meaning of their own in mask files."""

UNLABELLED_ID = 255  # beside other ids it marks pixels that nobody labelled
MAX_ID = 65535  # the largest id that a 16-bit image holds
