"""What is known of a run folder: who works in it, which of its jobs run, what was finished and what was not."""
