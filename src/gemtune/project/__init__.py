"""The project that runs happen in: its APIs, bucket, identities and roles, looked at and set up."""
