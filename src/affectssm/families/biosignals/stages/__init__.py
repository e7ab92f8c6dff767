"""Code that makes the files of bio-signals; the code hash covers it."""
