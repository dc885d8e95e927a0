"""Gaussian classes, overlapping."""

import numpy as np
from benchopt import BaseDataset


class Dataset(BaseDataset):
    name = "simulated"
    parameters = {
        "n_samples, n_features, n_classes": [
            (1_000, 20, 5),
            (10_000, 100, 10),
            (50_000, 500, 10),
        ],
        "dtype": ["float32"],
        "random_state": [0],
    }
    test_parameters = {
        "n_samples, n_features, n_classes": [(200, 5, 3)],
    }

    def get_data(self):
        rng = np.random.default_rng(self.random_state)
        shape = (self.n_samples, self.n_features)
        y = rng.integers(self.n_classes, size=self.n_samples)
        centres = rng.normal(size=(self.n_classes, self.n_features))
        X = rng.normal(size=shape) + 3.0 / np.sqrt(self.n_features) * centres[y]
        return {"X": X.astype(self.dtype), "y": y}
