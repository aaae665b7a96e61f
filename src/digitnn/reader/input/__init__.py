"""Open picture files, documents and arrays as luminance."""
