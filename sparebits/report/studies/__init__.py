"""The report's answers to the questions of the research notes, a section each."""
