"""What a program of somebody else may call; ``affectssm`` itself has these names, and no others are public."""
