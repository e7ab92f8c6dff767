"""The configuration: its sections, the presets of every scale, reading it and writing its documents."""
