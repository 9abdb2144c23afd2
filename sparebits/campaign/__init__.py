"""Fault campaigns: many trials, each of which is kept as soon as it is done."""
