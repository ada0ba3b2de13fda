"""The Hugging Face Hub's read protocol below /hf: its clients work unmodified, and nothing can be written.

``views`` are the addresses, ``answers`` and ``card`` what is told of versions, ``listing`` finds models, ``errors``
says failures as those clients read them.
"""
