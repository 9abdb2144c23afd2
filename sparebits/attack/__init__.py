"""Malicious flips: which bits an attacker chooses, and how many of them bring a network to chance."""
