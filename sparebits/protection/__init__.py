"""Protection of a network's words: which layout and code each tensor gets, and what becomes of its words."""
