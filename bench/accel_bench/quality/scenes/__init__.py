"""Scenes: captions that say exactly what is in a picture, and a program that reads it back."""
