"""Codes over many words: what they restore of networks, how often their blocks fail, how long scrubbing takes."""
