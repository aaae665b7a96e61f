"""Any picture in, images as MNIST's makers made them out."""
