"""Tune Gemini on Vertex AI and judge the result: everything the pipeline's steps do, typed and without KFP."""
