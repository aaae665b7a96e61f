"""Reading of whole pages: a network finds the glyphs, geometry puts them into lines."""
