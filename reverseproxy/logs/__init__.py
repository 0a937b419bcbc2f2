"""What is written down: a line for each request, and whatever went wrong."""
