"""Code that makes the tables of bio-signals out of metrics."""
