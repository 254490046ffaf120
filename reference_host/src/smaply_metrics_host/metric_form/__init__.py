"""Making metrics: the form as people fill it, what it may offer, and what comes of it."""
