"""Trains a cell-type classifier on real single cells and writes it as a package for the registry.

    python train.py OUTPUT_DIR [--genes N] [--seed N]

Multinomial logistic regression on log-normalised expression. Everything that is chosen (genes, their scale,
the strength of the regularisation) is chosen on the training cells; the held-out cells are used once, for
the figures in ``metrics.json``.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import cells
import numpy as np
import package
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, precision_recall_fscore_support
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split
from threadpoolctl import threadpool_limits

HELD_OUT_FRACTION = 0.3
STRENGTHS = (0.003, 0.03, 0.3)
FOLDS = 5


def main() -> None:
    """Train, measure, write."""
    parser = argparse.ArgumentParser(description="Train a PBMC cell-type classifier and write its package.")
    parser.add_argument("output", type=Path)
    parser.add_argument("--genes", type=int, help="use only the N genes that vary most among the training cells")
    parser.add_argument("--seed", type=int, default=20240501, help="of the split [default: %(default)s]")
    options = parser.parse_args()

    everything = cells.load()
    training, held_out = _split(everything, options.seed)
    model, strength = _fit(training, options.genes or len(everything.genes), options.seed)
    metrics = {
        **_measure(held_out.labels, model.predict(held_out.expression, list(held_out.genes))),
        "training_cells": len(training.labels),
        "held_out_cells": len(held_out.labels),
        "genes": len(model.genes),
        "regularisation_c": strength,
        "seed": options.seed,
        "dataset": cells.DATASET,
        "majority_class_accuracy": round(float(np.mean(held_out.labels == _most_common(training.labels))), 6),
    }
    package.write(options.output, model, metrics, list(held_out.barcodes))
    print(
        f"{len(model.genes)} genes, {metrics['training_cells']} cells to train on, "
        f"{metrics['held_out_cells']} held out: accuracy {metrics['accuracy']:.4f} "
        f"(always the most common type: {metrics['majority_class_accuracy']:.4f}), "
        f"macro F1 {metrics['macro_f1']:.4f}"
    )


def _split(everything: cells.Cells, seed: int) -> tuple[cells.Cells, cells.Cells]:
    rows = np.arange(len(everything.labels))
    training, held_out = train_test_split(
        rows, test_size=HELD_OUT_FRACTION, stratify=everything.labels, random_state=seed
    )
    return everything.take(np.sort(training)), everything.take(np.sort(held_out))


def _fit(training: cells.Cells, gene_count: int, seed: int) -> tuple[package.Classifier, float]:
    by_variance = np.argsort(-training.expression.var(axis=0), kind="stable")
    columns = np.sort(by_variance[:gene_count])
    values = training.expression[:, columns]
    centre, scale = values.mean(axis=0), values.std(axis=0)
    scale[scale == 0] = 1.0
    search = GridSearchCV(
        LogisticRegression(class_weight="balanced", max_iter=5000),
        {"C": STRENGTHS},
        scoring="f1_macro",
        cv=StratifiedKFold(FOLDS, shuffle=True, random_state=seed),
    )
    with threadpool_limits(1):  # these matrices are small: more threads only wait for each other
        search.fit((values - centre) / scale, training.labels)
    fitted = search.best_estimator_
    # The scaling goes into the weights, so that who uses the model needs no more than one product.
    weights = fitted.coef_.T / scale[:, None]
    bias = fitted.intercept_ - centre @ weights
    model = package.Classifier(
        genes=[str(gene) for gene in training.genes[columns]],
        labels=[str(label) for label in fitted.classes_],
        weights=weights,
        bias=bias,
    )
    return model, float(search.best_params_["C"])


def _measure(truth: np.ndarray, predicted: np.ndarray) -> dict[str, Any]:
    labels = sorted(set(truth))
    precision, recall, f1, cells_of = precision_recall_fscore_support(truth, predicted, labels=labels, zero_division=0)
    return {
        "accuracy": round(float(accuracy_score(truth, predicted)), 6),
        "macro_f1": round(float(f1.mean()), 6),
        "per_class": {
            label: {
                "precision": round(float(precision[n]), 6),
                "recall": round(float(recall[n]), 6),
                "f1": round(float(f1[n]), 6),
                "cells": int(cells_of[n]),
            }
            for n, label in enumerate(labels)
        },
    }


def _most_common(labels: np.ndarray) -> str:
    names, counts = np.unique(labels, return_counts=True)
    return str(names[counts.argmax()])


if __name__ == "__main__":
    main()
