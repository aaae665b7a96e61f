"""Recipes and engines side by side: tables, tests, figures, leaderboard."""
