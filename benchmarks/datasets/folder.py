"""The data sets of a folder of your own: see ../data_folder.py."""

import sys
from pathlib import Path

from benchopt import BaseDataset

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import data_folder


class Dataset(BaseDataset):
    name = "folder"
    parameters = {
        "data": data_folder.names() or ["none"],
        "scale": ["none"],
        "dtype": ["float32"],
    }

    def get_data(self):
        if data_folder.folder() is None:
            raise ValueError(f"Set {data_folder.VARIABLE} to a folder of data sets.")
        X, y = data_folder.load(self.data, self.scale, self.dtype)
        return {"X": X, "y": y}
