"""Plans: as data, compiled, and as a file."""
