"""How quickly: trainings, steps and readings timed in turns."""
