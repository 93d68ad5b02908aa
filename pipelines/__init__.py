"""Pipeline definitions, one file for each, and their compiler."""
