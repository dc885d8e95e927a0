"""Data that scikit-learn carries along, standardised."""

import numpy as np
from benchopt import BaseDataset
from sklearn import datasets
from sklearn.preprocessing import StandardScaler


class Dataset(BaseDataset):
    name = "bundled"
    parameters = {"data": ["iris", "wine", "digits"]}

    def get_data(self):
        X, y = getattr(datasets, f"load_{self.data}")(return_X_y=True)
        X = np.ascontiguousarray(StandardScaler().fit_transform(X))
        return {"X": X, "y": y}
