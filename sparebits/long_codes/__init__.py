"""Codes over many words, for storage and scrubbing."""
