"""PyTorch as its tutorials use it: mini-batches of 128, SGD with momentum."""

import numpy as np
import torch
from benchopt import BaseSolver


class Solver(BaseSolver):
    name = "PyTorch-SGD"
    sampling_strategy = "iteration"
    parameters = {"lr": [0.1, 0.01]}
    requirements = ["pip::torch"]

    def set_objective(self, X, y, loss, alpha, l1_ratio, fit_intercept):
        torch.set_num_threads(1)
        self.X = torch.from_numpy(np.asarray(X, dtype=np.float32))
        self.y = torch.from_numpy(np.asarray(y, dtype=np.int64))
        self.loss, self.alpha, self.fit_intercept = loss, alpha, fit_intercept

    def skip(self, X, l1_ratio, **objective):
        return l1_ratio > 0.0 or hasattr(X, "tocsr"), "no L1, no sparse data"

    def run(self, n_iter):
        torch.manual_seed(0)
        n_classes = int(self.y.max()) + 1
        layer = torch.nn.Linear(self.X.shape[1], n_classes, bias=self.fit_intercept)
        torch.nn.init.zeros_(layer.weight)
        groups = [{"params": [layer.weight], "weight_decay": self.alpha}]
        if self.fit_intercept:
            torch.nn.init.zeros_(layer.bias)
            groups.append({"params": [layer.bias], "weight_decay": 0.0})
        optimiser = torch.optim.SGD(groups, lr=self.lr, momentum=0.9)
        for _ in range(n_iter):
            for rows in torch.randperm(len(self.y)).split(128):
                optimiser.zero_grad()
                self._mean_loss(layer(self.X[rows]), self.y[rows]).backward()
                optimiser.step()
        self.layer = layer

    def _mean_loss(self, scores, y):
        if self.loss == "softmax":
            return torch.nn.functional.cross_entropy(scores, y)
        slack = (scores - scores.gather(1, y[:, None]) + 1.0).clamp(min=0.0)
        return slack.sum(dim=1).mean() - 1.0  # the true class has slack one

    def get_result(self):
        bias = self.layer.bias
        return {
            "coef": self.layer.weight.detach().numpy(),
            "intercept": 0.0 if bias is None else bias.detach().numpy(),
        }
