"""Protection schemes side by side: ours, the published ones, and parts of ours. Each encodes, is hit and decodes."""
