"""What changes an answer on its way out."""
