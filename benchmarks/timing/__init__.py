"""Time trainings, steps and readings in turns."""
