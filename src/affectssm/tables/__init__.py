"""Published numbers, table builders and figures."""
