"""The model behind the emulator: a small extractive summariser that can really be trained. It is not Gemini."""
