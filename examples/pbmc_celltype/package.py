"""The package of the example on disk: five files of the OmniBioAI set, and the held-out barcodes.

``model.pt`` is a NumPy ``.npz`` archive under the name that the set asks for. It holds three arrays and
no code: ``numpy.load(path, allow_pickle=False)`` reads it, torch is not needed and would refuse it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

MODEL = "model.pt"
GENES = "model_genes.txt"
LABEL_MAP = "label_map.json"
METRICS = "metrics.json"
SCHEMA = "feature_schema.json"
HELD_OUT = "held_out_cells.txt"


@dataclass(frozen=True)
class Classifier:
    """A linear classifier: the label of the largest of ``expression @ weights + bias`` wins."""

    genes: list[str]
    labels: list[str]
    weights: np.ndarray
    bias: np.ndarray

    def predict(self, expression: np.ndarray, genes: list[str]) -> np.ndarray:
        """The label of each cell. ``genes`` names the columns, in any order, further ones allowed.

        Raises ``KeyError`` for a gene that the model needs and the cells lack.
        """
        column_of = {gene: column for column, gene in enumerate(genes)}
        columns = [column_of[gene] for gene in self.genes]
        scores = expression[:, columns] @ self.weights + self.bias
        return np.array(self.labels)[scores.argmax(axis=1)]


def write(top: Path, model: Classifier, metrics: dict[str, Any], held_out: list[str]) -> None:
    """The package is in ``top``, which is made. The same model gives the same bytes."""
    top.mkdir(parents=True, exist_ok=True)
    with (top / MODEL).open("wb") as file:  # a file object: savez would add .npz to a name
        np.savez(file, format=np.array("linear-softmax/1"), weights=model.weights, bias=model.bias)
    _write_lines(top / GENES, model.genes)
    _write_lines(top / HELD_OUT, held_out)
    _write_json(top / LABEL_MAP, {str(number): label for number, label in enumerate(model.labels)})
    _write_json(top / METRICS, metrics)
    schema = {
        "features": len(model.genes),
        "feature_order": GENES,
        "feature_kind": "gene symbol",
        "values": "log1p of counts normalised per cell",
        "dtype": "float64",
        "model_format": "npz: weights (features x labels), bias (labels)",
        "classes": len(model.labels),
    }
    _write_json(top / SCHEMA, schema)


def read(top: Path) -> Classifier:
    """The classifier of the package in ``top``."""
    with np.load(top / MODEL, allow_pickle=False) as arrays:
        weights, bias = arrays["weights"], arrays["bias"]
    label_map = json.loads((top / LABEL_MAP).read_text(encoding="utf-8"))
    labels = [label_map[str(number)] for number in range(len(label_map))]
    return Classifier(_read_lines(top / GENES), labels, weights, bias)


def read_metrics(top: Path) -> dict[str, Any]:
    """What the training measured."""
    metrics: dict[str, Any] = json.loads((top / METRICS).read_text(encoding="utf-8"))
    return metrics


def read_held_out(top: Path) -> list[str]:
    """The barcodes of the cells that the training never saw."""
    return _read_lines(top / HELD_OUT)


def _write_lines(path: Path, lines: list[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _read_lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
