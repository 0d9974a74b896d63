"""Making: from a shape to the bytes of a document like the one that it was learned from."""
