"""Costs: what a scheme asks of the circuit or the processor that reads the memory, beside what it protects."""
