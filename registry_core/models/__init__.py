"""One model's truth: its journal, the changes that become true, and the documents that follow."""
