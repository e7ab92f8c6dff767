"""What the owners ship: one module a corpus, each discovering its manifest below a root."""
