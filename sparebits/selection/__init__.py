"""The choice of a network's layouts and codes: what may be chosen, what each costs, and what is best."""
