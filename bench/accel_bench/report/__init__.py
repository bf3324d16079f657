"""Records as one self-contained HTML page: no script, no network, every picture and number in the file."""
