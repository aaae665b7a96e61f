"""A page to glyphs: rulings removed, lines found, touching digits cut."""
