"""The common clock, resampling, windows, stitching and the loader."""
