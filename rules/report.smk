# Needs: results. Makes: summary and report.
