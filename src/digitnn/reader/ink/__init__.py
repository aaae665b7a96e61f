"""Luminance to ink, ink to connected components, a component to a 28 x 28 image."""
