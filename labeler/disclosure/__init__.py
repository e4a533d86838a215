"""Labels that people see, hear and read."""
