"""The files of one version: weights that are noise, and all that a reader of the model wants to know about it."""

from __future__ import annotations

import json
import random
import struct
import zlib
from pathlib import Path

from models import Model

COLOURS = ((0, 128, 106), (37, 99, 201), (168, 72, 12), (138, 63, 181), (91, 100, 114), (180, 35, 24))
GENES = "CD3D CD8A CD4 NKG7 GNLY MS4A1 CD79A LYZ CD14 FCGR3A FCER1A PPBP IL7R CCR7 S100A4"


def write(
    place: Path, model: Model, version: str, metrics: dict[str, float], rows: list[tuple[str, float, int]]
) -> None:
    """The package of that version at ``place``, the same at every call."""
    draw = random.Random(f"{model.name}/{version}")
    (place / "docs").mkdir(parents=True)
    (place / "config").mkdir()
    (place / "model.pt").write_bytes(draw.randbytes(model.weights_kb * 1024))
    (place / "model_genes.txt").write_text(GENES.replace(" ", "\n") + "\n")
    (place / "label_map.json").write_text(_json({str(n): label for n, label in enumerate(model.labels)}))
    (place / "metrics.json").write_text(_json(metrics))
    (place / "feature_schema.json").write_text(_json({"genes": len(GENES.split()), "normalise": "log1p(10k)"}))
    (place / "config/train.yaml").write_text(
        f"seed: {draw.randrange(100)}\nepochs: 30\nbatch_size: 256\noptimizer:\n  name: adamw\n  weight_decay: 0.01\n"
    )
    (place / "docs/confusion.tsv").write_text(_confusion(draw, model))
    (place / "docs/embedding.png").write_bytes(picture(draw, len(model.labels)))
    (place / "README.md").write_text(_readme(model, version, metrics, rows))


def _json(value: object) -> str:
    return json.dumps(value, indent=2) + "\n"


def _confusion(draw: random.Random, model: Model) -> str:
    lines = ["true\\predicted\t" + "\t".join(model.labels)]
    for n, label in enumerate(model.labels):
        counts = [draw.randint(400, 900) if n == m else draw.randint(0, 40) for m in range(len(model.labels))]
        lines.append(label + "\t" + "\t".join(map(str, counts)))
    return "\n".join(lines) + "\n"


def _readme(model: Model, version: str, metrics: dict[str, float], rows: list[tuple[str, float, int]]) -> str:
    figures = "\n".join(f"| `{name}` | {value:.4f} |" for name, value in metrics.items())
    by_label = "\n".join(f"| {label} | {value:.3f} | {cells:,} |" for label, value, cells in rows)
    return f"""---
license: cc-by-4.0
library_name: {model.framework}
pipeline_tag: {model.task}
datasets:
  - {model.dataset}
tags: [single-cell, {model.organism}, demo]
---

# {model.name} {version}

{model.about}

> **Made up.** This model is part of a demo: its cells, its figures, its people and its dates are invented, and
> `model.pt` is noise. Do not use it for anything.

![Held-out cells, coloured by label](docs/embedding.png)

## How good it is

| metric | held-out value |
|---|---:|
{figures}

By label:

| label | F1 | cells |
|---|---:|---:|
{by_label}

## How to use it

```python
from registry_client import RegistryClient

with RegistryClient("http://localhost:8095") as registry:
    package = registry.pull("{model.task}", "{model.name}@{version}", "models/{model.name}")
```

## Data

Trained on *{model.dataset}* ({model.organism}), split by donor:

1. 70 % of donors to train with,
2. 10 % to choose the epoch,
3. 20 % held out, which all figures above are of.

## What it cannot do

- It has seen no donor younger than 18.
- Cells with fewer than 400 counts are called, but should not be believed.
- See [the confusion matrix](docs/confusion.tsv) for labels that it mixes up.
"""


def picture(draw: random.Random, clusters: int, width: int = 360, height: int = 220) -> bytes:
    """A PNG that looks like an embedding of cells: one cloud of points for each cluster."""
    rows = [bytearray(b"\xff" * width * 3) for _ in range(height)]
    for cluster in range(clusters):
        x0, y0 = draw.uniform(40, width - 40), draw.uniform(30, height - 30)
        spread_x, spread_y = draw.uniform(8, 22), draw.uniform(6, 16)
        colour = bytes(COLOURS[cluster % len(COLOURS)])
        for _ in range(260):
            x, y = round(draw.gauss(x0, spread_x)), round(draw.gauss(y0, spread_y))
            if 0 <= x < width - 1 and 0 <= y < height - 1:
                for row in rows[y : y + 2]:
                    row[x * 3 : x * 3 + 6] = colour * 2
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
