"""Binary linear block codes: constructed by their definitions, with distances that are proven, not looked up."""
