"""What makes the files of recordings of one's own."""
