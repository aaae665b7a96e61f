"""A recipe is data: architecture, loss, optimiser, schedule, augmentation, epochs."""
