"""Compare recipes and engines: tables, tests, figures, leaderboard."""
