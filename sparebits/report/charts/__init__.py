"""The report's charts: data frames in, Altair charts out. One module a question, what they share in `style`."""
