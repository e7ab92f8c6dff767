"""The pages of the tables of recordings of one's own."""
