"""The PBMC 68k cells that the ``scanpy`` wheel ships, and their split into training and held-out cells.

Only the data file of scanpy is used; scanpy itself is not imported, which saves its heavy dependencies.
"""

from __future__ import annotations

import importlib.metadata
import warnings
from dataclasses import dataclass
from pathlib import Path

import anndata
import numpy as np

DATASET = "10x_pbmc68k_reduced.h5ad"
LABELS = "bulk_labels"


@dataclass(frozen=True)
class Cells:
    """Cells by genes: ``expression[i, j]`` is the log-normalised expression of gene j in cell i."""

    barcodes: np.ndarray
    genes: np.ndarray
    expression: np.ndarray
    labels: np.ndarray

    def take(self, rows: np.ndarray) -> Cells:
        """Only these cells, in this order."""
        return Cells(self.barcodes[rows], self.genes, self.expression[rows], self.labels[rows])

    def named(self, barcodes: list[str]) -> Cells:
        """The cells of these barcodes. Raises ``KeyError`` for one that is not there."""
        row_of = {barcode: row for row, barcode in enumerate(self.barcodes)}
        return self.take(np.array([row_of[barcode] for barcode in barcodes]))


def dataset_path() -> Path:
    """Where the installed scanpy has the data file."""
    for file in importlib.metadata.files("scanpy") or []:
        if file.name == DATASET:
            return Path(str(file.locate()))
    raise SystemExit(f"the installed scanpy ships no {DATASET}; install requirements-example.txt")


def load() -> Cells:
    """All 700 cells, from ``raw``: normalised and logged cell by cell, so no cell knows of another.

    (``X`` of the file was scaled over all cells, held-out ones included; it would leak.)
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # the file is older than anndata's present layout
        data = anndata.read_h5ad(dataset_path())
    return Cells(
        barcodes=data.obs_names.to_numpy(dtype=str),
        genes=data.raw.var_names.to_numpy(dtype=str),
        expression=data.raw.X.toarray().astype(np.float64),
        labels=data.obs[LABELS].to_numpy(dtype=str),
    )
