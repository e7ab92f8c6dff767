"""Code that makes the files of video; the code hash covers it."""
