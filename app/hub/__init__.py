"""The Hugging Face Hub's read protocol below /hf: its clients work unmodified, and nothing can be written."""
