"""Images that nobody wrote, to learn from beside those that somebody did."""
