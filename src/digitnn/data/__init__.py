"""Files to `Dataset`, its splits, and the changes made to training images. Knows no network."""
