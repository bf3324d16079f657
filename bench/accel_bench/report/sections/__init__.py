"""What a page says of each kind of record."""
