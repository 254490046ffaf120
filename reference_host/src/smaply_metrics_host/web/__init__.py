"""What pages and the JSON API share: authentication, security headers, request bodies."""
