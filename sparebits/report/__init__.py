"""The report: one page that opens offline, with its charts, tables and words."""
