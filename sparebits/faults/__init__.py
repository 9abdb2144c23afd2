"""Faults: bits of stored words that flip."""
