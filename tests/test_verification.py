"""A certificate travels, and is believed by nobody who can check it."""

import shutil
import subprocess
import sys
from pathlib import Path

import _reference as reference
import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from sklearn_linloss import SoftmaxClassifier, SVMClassifier, verification
from sklearn_linloss.inspection import Certificate, CertificateError, certify, verify

IRIS, Y = load_iris(return_X_y=True)


def softmax():
    return (
        SoftmaxClassifier(alpha=0.05, tol=1e-3).fit(IRIS, Y).certify(IRIS, Y),
        IRIS,
        Y,
    )


def sparse_softmax():
    model = SoftmaxClassifier(alpha=0.05, l1_ratio=1.0, tol=1e-3).fit(IRIS, Y)
    return model.certify(IRIS, Y), IRIS, Y


def hinge():
    model = SVMClassifier(alpha=0.05, l1_ratio=0.3, tol=1e-3).fit(IRIS, Y)
    return model.certify(IRIS, Y), IRIS, Y


def squared_hinge_of_two():
    y = np.where(Y == 1, "no", "yes")
    weight = np.arange(len(y)) % 3.0
    model = SVMClassifier("squared_hinge", alpha=0.05).fit(IRIS, y, weight)
    return model.certify(IRIS, y, weight), IRIS, y


def penalised_intercept():
    y = (Y == 1).astype(int)
    model = LinearSVC(loss="hinge", random_state=0, max_iter=100_000).fit(IRIS, y)
    return certify(model, IRIS, y), IRIS, y


def rows_of_words():
    rows = sparse.csr_array(np.where(IRIS > 2.0, IRIS, 0.0))
    return certify(LogisticRegression(C=0.1).fit(rows, Y), rows, Y), rows, Y


CASES = [
    softmax,
    sparse_softmax,
    hinge,
    squared_hinge_of_two,
    penalised_intercept,
    rows_of_words,
]
NUMBERS = {
    "objective": 0.999,
    "bound": 1.001,
    "gap": 0.5,
    "alpha": 1.001,
    "coef": 1.001,
}


def resealed(arrays, **changes):
    """What a forger makes: other numbers, and the hash of those."""
    arrays = {**arrays, **changes}
    return arrays | {"seal": np.asarray(verification.seal(arrays))}


@pytest.fixture(params=CASES, ids=lambda case: case.__name__, scope="module")
def case(request):
    return request.param()


def test_a_certificate_travels(case, tmp_path):
    certificate, X, y = case
    certificate.save(tmp_path / "certificate.npz")
    loaded = Certificate.load(tmp_path / "certificate.npz")
    assert str(loaded) == str(certificate)
    assert loaded.gap == certificate.gap
    np.testing.assert_array_equal(loaded.best_intercept, certificate.best_intercept)
    for known in (certificate, loaded, tmp_path / "certificate.npz"):
        verified = verify(known, X, y)
        assert verified.objective == pytest.approx(certificate.objective, rel=1e-12)
        assert verified.gap == pytest.approx(certificate.gap, abs=1e-12)


def test_any_change_of_the_file_is_seen(case):
    certificate, X, y = case
    for name, array in certificate.arrays.items():
        if array.dtype.kind == "f" and array.size:
            changed = array.copy()
            changed.flat[-1] = np.nextafter(changed.flat[-1], np.inf)
        elif array.dtype.kind in "iu" and array.size:
            changed = array + 1
        elif array.dtype.kind == "b":
            changed = ~array
        elif array.size:
            changed = np.char.add(array, "x")
        else:
            changed = np.ones(1)
        with pytest.raises(CertificateError):
            verify({**certificate.arrays, name: changed}, X, y)


def text(path):
    path.write_text("no certificate")


def nothing(path):
    path.write_bytes(b"")


def half(path):
    np.savez(path, format="other")
    path.write_bytes(path.read_bytes()[:60])


def one_array(path):
    with path.open("wb") as file:
        np.save(file, np.arange(3))


def other_arrays(path):
    np.savez(path, X=IRIS)


@pytest.mark.parametrize("write", [text, nothing, half, one_array, other_arrays])
def test_a_file_of_another_kind(tmp_path, write):
    path = tmp_path / "some.npz"
    write(path)
    for reads in (Certificate.load, lambda path: verify(path, IRIS, Y)):
        with pytest.raises(CertificateError, match=r"some.npz.*Certificate.save"):
            reads(path)


@pytest.mark.parametrize("name", NUMBERS)
def test_a_lie_is_seen_behind_a_new_seal(case, name):
    certificate, X, y = case
    arrays = certificate.arrays
    value = NUMBERS[name] * arrays[name]
    if name == "gap":
        value = arrays["gap"] + 1e-6
    if name == "bound" and certificate.gap < 1e-3:
        value = arrays["bound"] + 1e-6 * arrays["objective"]
    with pytest.raises(CertificateError):
        verify(resealed(arrays, **{name: value}), X, y)


def test_a_bound_is_computed_from_the_dual_point(case):
    """A better claim needs a better proof: scaled, the same one proves less."""
    certificate, X, y = case
    name = "dual_data" if "dual_data" in certificate.arrays else "dual_scale"
    with pytest.raises(CertificateError, match="bound"):
        verify(
            resealed(certificate.arrays, **{name: 0.9 * certificate.arrays[name]}), X, y
        )


def test_other_data_are_refused(case):
    certificate, X, y = case
    moved = X.copy()
    if sparse.issparse(moved):
        moved.data[3] += 1e-9
    else:
        moved[3, 1] += 1e-9
    other = y.copy()
    other[3] = y[60]
    rows = np.r_[1, 0, 2 : len(y)]
    for data in [(moved, y), (X, other), (X[:-1], y[:-1])]:
        with pytest.raises(CertificateError):
            verify(certificate, *data)
    with pytest.raises(CertificateError, match="not those that were certified"):
        verify(certificate, X[rows], y[rows])
    with pytest.raises(CertificateError):
        verify(certificate, X[:, :-1], y)


def test_dual_variables_outside_of_the_domain():
    certificate, X, y = hinge()
    arrays = certificate.arrays
    a = arrays["dual_data"]
    with pytest.raises(CertificateError, match="not in the domain"):
        verify(resealed(arrays, dual_data=-a), X, y)
    # Too large ones are made smaller in whole, and prove less.
    with pytest.raises(CertificateError, match="bound"):
        verify(resealed(arrays, dual_data=np.r_[3.0, a[1:]]), X, y)
    with pytest.raises(CertificateError, match="parts of a matrix"):
        verify(resealed(arrays, dual_indices=arrays["dual_indices"] + 9), X, y)


@pytest.mark.parametrize(
    "changes",
    [
        {"loss": np.asarray("zero_one")},
        {"format": np.asarray("another")},
        {"alpha": np.asarray(-1.0)},
        {"l1_ratio": np.asarray(2.0)},
        {"fit_intercept": np.asarray(False)},
        {"sample_weight": -np.ones(len(Y))},
        {"classes": np.array([0, 1, 2, 3])},
        {"coef": np.full((3, 4), np.nan)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_is_no_problem_of_these_is_refused(changes):
    """Without these checks a bound would hold for nothing."""
    certificate, X, y = softmax()
    with pytest.raises(CertificateError):
        verify(resealed(certificate.arrays, **changes), X, y)


@pytest.mark.parametrize("l1_ratio", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("loss", verification.LOSSES)
def test_both_sides_by_slow_formulas(loss, n_classes, l1_ratio):
    """At any dual point the bound is that of the formulas, and below any objective."""
    some = slice(0, 50 * n_classes, 3)
    X, y = IRIS[some], Y[some]
    rng = np.random.default_rng(1)
    n_rows = 1 if n_classes == 2 else n_classes
    share = rng.uniform(0.5, 2.0, len(y))
    problem = verification.Problem(
        X, y, share / share.sum(), n_classes, loss, 0.7, 0.1, l1_ratio, False, True
    )
    a = rng.uniform(0.0, 0.5, (len(y), n_classes))
    a[np.arange(len(y)), y] = 0.0
    feasible, _ = verification.feasible(problem, a)
    A = verification.with_true_class(problem, feasible)
    assert np.abs(problem.share @ A).max() < 1e-15
    terms = (loss, 0.1, l1_ratio, 0.7, share)
    known = reference.dual_value(A[:, -n_rows:], X, y, *terms)
    assert verification.lower_bound(problem, a) == pytest.approx(known, rel=1e-9)
    for _ in range(20):
        W, b = rng.normal(size=(n_rows, 4)), rng.normal(size=n_rows)
        value = verification.objective(problem, W, b)
        assert value == pytest.approx(reference.objective(W, b, X, y, *terms))
        assert value >= known


def test_it_runs_where_the_package_is_not(tmp_path):
    """The one file, NumPy and SciPy are enough."""
    shutil.copy(verification.__file__, tmp_path / "check.py")
    certificate, X, y = softmax()
    certificate.save(tmp_path / "certificate.npz")
    np.savez(tmp_path / "data.npz", X=X, y=y)
    program = (
        "import sys, numpy, check\n"
        "data = numpy.load('data.npz')\n"
        "print(check.verify('certificate.npz', data['X'], data['y']).gap)\n"
        "assert not {'sklearn', 'numba', 'sklearn_linloss'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(tmp_path),
        env={"PATH": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) == pytest.approx(certificate.gap)
