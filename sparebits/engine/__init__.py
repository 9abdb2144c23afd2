"""Running networks with faults: only what a fault reaches, and only the images that it can change."""
