"""Families of pipelines: what each exports, and what the manifest says of it."""
