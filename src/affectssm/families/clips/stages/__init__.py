"""Code that makes the files of clips; the code hash covers it."""
