"""Draw a reading onto its picture, and explain it step by step."""
