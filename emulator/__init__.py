"""A stand-in for the parts of Vertex AI and Cloud Storage that the pipeline talks to, over real HTTP.

It imports nothing else of this repository: it is a second, independent reading of the API. If it shared
our request builders, one misreading would pass every test.
"""
