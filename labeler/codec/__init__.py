"""The ground that both sides stand on: pure arrays and bits, no files, no network."""
