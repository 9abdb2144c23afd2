"""Protection schemes side by side: ours, the published ones and what they consist of. Each encodes, is hit, and decodes."""
