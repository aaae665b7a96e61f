"""Files and arrays to pictures: formats, pages, luminance."""
