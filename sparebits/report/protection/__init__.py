"""The report's part on protection: what the chosen codes hold, how words are stored, and what else could be chosen."""
