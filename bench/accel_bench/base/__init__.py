"""Small helpers for every floor above: files, processes, tables, statistics, texts."""
