"""Boxes of scikit-learn's diagrams, which notebooks show for an estimator."""

from ._compat import VisualBlock


def box(model):
    """The box of a classifier: what a fit was asked for, and how far it can be off."""
    caption = None
    if hasattr(model, "gap_"):
        params = model.get_params()
        penalty = [name for name in ("alpha", "l1_ratio", "delta") if name in params]
        asked = ", ".join(f"{name}={params[name]:.3g}" for name in penalty)
        caption = f"{asked}; gap_={model.gap_:.1e}"
    return VisualBlock(
        "single",
        model,
        names=type(model).__name__,
        name_details=str(model),
        name_caption=caption,
    )


def chain(steps):
    """Boxes one below the other, the classifier last."""
    return VisualBlock(
        "serial",
        steps,
        names=[type(step).__name__ for step in steps],
        name_details=[str(step) for step in steps],
    )
