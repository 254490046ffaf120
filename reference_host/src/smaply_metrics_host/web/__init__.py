"""What pages and the JSON API share: who asks, what is refused, how pages are made."""
