"""Word layouts: how the value of a word becomes data bits, and back."""
