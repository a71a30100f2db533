"""The images that the lab's hub offers: what is in them, and how they are packed (`pack`, in Go)."""
