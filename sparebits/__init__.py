"""sparebits: spare bits of a network's parameters, found by experiment and put to work as error-correcting codes."""
