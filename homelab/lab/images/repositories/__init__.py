"""What the hub offers, one file for a family of images."""
