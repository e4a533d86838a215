"""How the registry's tables came to be what they are: a module for each change, for Alembic."""
