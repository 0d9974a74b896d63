"""The structure of JSON text, found block by block with numpy: tokens, containers and paths."""
