"""Scenes drawn by a program: unlimited pictures with captions that state everything in them."""
