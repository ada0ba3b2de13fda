"""Uses a registered classifier: loads the package from where it was resolved to, and names cell types.

    python predict.py PACKAGE_DIR

Predicts the held-out cells and compares the accuracy with the one that the package claims. Exit code 1 if
they differ: then these are not the model and the cells that were registered. Needs no scikit-learn.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cells
import package


def main() -> None:
    """Load, predict, compare."""
    parser = argparse.ArgumentParser(description="Predict the held-out cells with a registered classifier.")
    parser.add_argument("package", type=Path, help="the path that the registry resolved")
    top = parser.parse_args().package

    model = package.read(top)
    metrics = package.read_metrics(top)
    held_out = cells.load().named(package.read_held_out(top))
    predicted = model.predict(held_out.expression, list(held_out.genes))
    accuracy = round(float((predicted == held_out.labels).mean()), 6)
    for barcode, label, truth in list(zip(held_out.barcodes, predicted, held_out.labels, strict=True))[:5]:
        print(f"{barcode}  {label}" + ("" if label == truth else f"  (labelled {truth})"))
    print(f"accuracy on {len(predicted)} held-out cells: {accuracy:.4f}; metrics.json says {metrics['accuracy']:.4f}")
    if accuracy != metrics["accuracy"]:
        raise SystemExit("the accuracy is not the one that was registered")


if __name__ == "__main__":
    main()
