"""What was trained, used: media that somebody hands over become features, and a finished run answers for them."""
