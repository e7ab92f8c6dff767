"""Frozen extractors, one module each, one interface."""
