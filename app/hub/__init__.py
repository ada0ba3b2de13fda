"""The Hugging Face Hub's read protocol below /hf."""
