"""A text classifier of a few kilobytes, made and loaded by transformers.

Not imported by any test: it runs in that library's own virtual environment.
"""

import json
import sys
from pathlib import Path

CARD = "---\nlibrary_name: transformers\npipeline_tag: text-classification\n---\n# Tiny\n"
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "cd19", "cd3"]


def make(directory):
    """With random weights: what it says does not matter, but that the same bytes say the same."""
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    top = Path(directory)
    top.mkdir()
    (top / "vocab.txt").write_text("\n".join(WORDS))
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = BertConfig(vocab_size=len(WORDS), id2label={0: "B cell", 1: "T cell"}, **sizes)
    BertForSequenceClassification(config).save_pretrained(top)
    BertTokenizerFast(str(top / "vocab.txt")).save_pretrained(top)
    (top / "README.md").write_text(CARD)
    return sorted(path.name for path in top.iterdir())


def classify(model):
    """As a user does who names no task."""
    from transformers import pipeline

    loaded = pipeline(model=model)
    return {"task": loaded.task, "answer": loaded("cd19"), "type": type(loaded.model).__name__}


if __name__ == "__main__":
    print("\n" + json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
