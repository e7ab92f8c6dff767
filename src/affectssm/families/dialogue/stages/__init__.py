"""Code that makes the files of dialogues; the code hash covers it."""
