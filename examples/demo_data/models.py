"""The models of the demo: made up, but such as a laboratory of single-cell biology has."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Model:
    """One model: what it is, how good its first and its best version are, and over how many days it came to be.

    ``metrics``: a name, and its value at the start and at the end; the first one is what decides, and the
    first of the alphabet too, since lists show that one. ``weights_kb`` is the size of each version.
    ``quiet_days``: for how long nothing has happened. ``bar``: what a policy asks of the first metric before production
    names a version, with so many ``reviews``, and perhaps ``is_signed``; 0: there is none.
    """

    task: str
    name: str
    about: str
    framework: str
    dataset: str
    organism: str
    labels: tuple[str, ...]
    metrics: tuple[tuple[str, float, float], ...]
    versions: int
    days: int
    quiet_days: int
    weights_kb: int = 96
    is_in_production: bool = True
    bar: float = 0
    reviews: int = 0
    is_signed: bool = False

    @property
    def decisive(self) -> str:
        return self.metrics[0][0]


T_CELLS = ("CD4 T", "CD8 T", "NK", "B", "CD14 Mono", "FCGR3A Mono", "DC", "Platelet")
NEURONS = ("Glut IT", "Glut ET", "Sst", "Pvalb", "Vip", "Lamp5", "Astro", "Oligo", "Micro")

MODELS = (
    Model(
        "celltype", "human_pbmc", "Annotates cells of human blood by a transformer over 2,000 genes.",
        "torch", "pbmc68k-2026.1", "human", T_CELLS,
        (("accuracy", 0.874, 0.953), ("macro_f1", 0.801, 0.917), ("ece", 0.082, 0.031)),
        29, 310, 40, weights_kb=640, bar=0.9, reviews=2,
    ),
    Model(
        "celltype", "mouse_brain", "Annotates neurons and glia of the mouse cortex.",
        "torch", "allen-cortex-4m", "mouse", NEURONS,
        (("accuracy", 0.842, 0.921), ("macro_f1", 0.744, 0.873), ("ece", 0.095, 0.044)), 29, 260, 21,
    ),
    Model(
        "variants", "splice_effect", "Scores the effect of single-nucleotide variants on splice sites.",
        "torch", "clinvar-2026-03", "human", ("benign", "weakens", "disrupts"),
        (("auprc", 0.731, 0.856), ("auroc", 0.884, 0.947), ("brier", 0.128, 0.081)), 29, 280, 1,
        bar=0.8, reviews=1, is_signed=True,
    ),
    Model(
        "peaks", "atac_heart", "Predicts base-resolution accessibility profiles of heart cells.",
        "tensorflow", "encode-heart-atac", "human", ("Cardiomyocyte", "Fibroblast", "Endothelial", "Macrophage"),
        (("profile_jsd", 0.652, 0.768), ("spearman_counts", 0.613, 0.781)), 29, 230, 3,
    ),
    Model(
        "segmentation", "nuclei_he", "Segments nuclei in H&E slides of five organs.",
        "torch", "pannuke-v3", "human", ("Neoplastic", "Inflammatory", "Connective", "Epithelial", "Dead"),
        (("dice", 0.821, 0.904), ("panoptic_quality", 0.574, 0.689)), 29, 270, 6,
    ),
    Model(
        "batch-correction", "lung_scvi", "Integrates 14 studies of human lung into one latent space.",
        "scvi-tools", "hlca-core-1.3", "human", ("AT1", "AT2", "Basal", "Ciliated", "Macrophage", "Endothelial"),
        (("ilisi", 0.642, 0.791), ("kbet", 0.402, 0.577), ("label_asw", 0.601, 0.688)), 29, 240, 12,
    ),
    Model(
        "perturbation", "crispr_k562", "Predicts expression after knock-downs that were never seen.",
        "jax", "replogle-k562-essential", "human", ("no effect", "weak", "strong"),
        (("pearson_delta", 0.391, 0.549), ("rmse_top20", 0.311, 0.204)), 29, 300, 17,
    ),
    Model(
        "doublets", "scrublet_net", "Finds doublets in droplets of any kit; one network for all of them.",
        "torch", "doublet-mix-16", "human", ("singlet", "doublet"),
        (("auprc", 0.582, 0.742), ("fpr_at_90", 0.121, 0.047)), 30, 180, 0,
    ),
    Model(
        "protein", "tcr_epitope", "Tells whether a T-cell receptor binds an epitope.",
        "torch", "vdjdb-2026-02", "human", ("binds", "does not bind"),
        (("auprc", 0.412, 0.533), ("auroc", 0.681, 0.757)), 12, 190, 34,
    ),
    Model(
        "spatial", "visium_deconv", "Says which cell types a Visium spot is made of.",
        "pyro", "visium-liver-8", "human", ("Hepatocyte", "Kupffer", "Stellate", "LSEC", "Cholangiocyte"),
        (("pearson", 0.673, 0.765), ("rmse", 0.088, 0.061)), 12, 150, 27,
    ),
    Model(
        "trajectory", "kidney_velocity", "Orders cells of the developing kidney in latent time.",
        "jax", "fetal-kidney-2", "human", ("Nephron progenitor", "Podocyte", "Proximal", "Distal"),
        (("velocity_coherence", 0.612, 0.668),), 4, 24, 0, is_in_production=False,
    ),
)  # fmt: skip
