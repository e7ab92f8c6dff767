"""The pages of the tables of dialogues."""
