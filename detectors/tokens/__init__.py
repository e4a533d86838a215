"""What `detectors.text` is made of: tokens, their scores, and where these are high."""
