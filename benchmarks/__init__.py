"""Ratios of speed and memory, each against a reference that runs in the same process and turn."""
