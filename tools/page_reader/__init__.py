"""Train the network that finds and reads the glyphs of a page, and ship it with the package."""
