"""A file and its parts: what it is, its pictures, and writing it without losing anything."""
