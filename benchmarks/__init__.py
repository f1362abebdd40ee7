"""Ratios of speed and memory, each against a reference that runs in the same process and turn."""

import os

# TensorFlow reads this once, when it is imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
