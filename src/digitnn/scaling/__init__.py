"""Work that one training does not hold: large collections, and searches of many trainings."""
