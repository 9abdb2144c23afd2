"""The report's part on single faults: how often one flipped bit changes what a network answers, and where."""
