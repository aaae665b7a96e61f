"""Segment the ink of a page into text lines and glyphs."""
