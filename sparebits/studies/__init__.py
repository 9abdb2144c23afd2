"""The questions of the research notes, each an experiment."""
