"""Learning: a census of a snapshot's places, taken block by block and folded into a shape."""
