"""How bytes are read: video, audio and SSI streams."""
