"""Diagrams of estimators in notebooks, read back from their HTML."""

from html.parser import HTMLParser

import pytest
from sklearn.datasets import load_wine
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_linloss import (
    SoftmaxClassifier,
    SoftmaxClassifierCV,
    SVMClassifier,
    SVMClassifierCV,
)


class Boxes(HTMLParser):
    """Names and captions of the boxes, in the order of the page."""

    def __init__(self):
        super().__init__()
        self.names, self.captions, self._in_label, self._in_caption = [], [], False, 0

    def handle_starttag(self, tag, attrs):
        if tag == "label":
            self._in_label = True
            self.names.append("")
        self._in_caption = dict(attrs).get("class") == "caption"

    def handle_endtag(self, tag):
        self._in_label = self._in_label and tag != "label"

    def handle_data(self, data):
        if self._in_caption:
            self.captions.append(data)
            self._in_caption = False
        elif self._in_label and not self.names[-1]:
            self.names[-1] = data.strip()


def boxes(estimator):
    parser = Boxes()
    parser.feed(estimator._repr_html_())
    return parser


@pytest.fixture(scope="module")
def wine():
    return load_wine(return_X_y=True)


def test_a_search_ends_in_the_chosen_classifier(wine):
    search = SVMClassifierCV(
        alphas=[0.01, 0.1], deltas=[1.0, 4.0], preprocessor=StandardScaler()
    ).fit(*wine)
    found = boxes(search)
    assert found.names == ["SVMClassifierCV", "StandardScaler", "SVMClassifier"]
    assert found.captions == [
        f"alpha={search.alpha_:g}, l1_ratio=0, delta={search.delta_:g}; "
        f"gap_={search.gap_:.1e}"
    ]


def test_a_search_within_a_pipeline(wine):
    search = SoftmaxClassifierCV(alphas=[0.02])
    found = boxes(make_pipeline(StandardScaler(), search).fit(*wine))
    assert found.names[-1] == "SoftmaxClassifier"
    assert len(found.captions) == 1
    assert found.captions[0].startswith("alpha=0.02, l1_ratio=0; gap_=")


@pytest.mark.parametrize("fitted", [False, True])
def test_without_a_model_the_diagram_ends_in_the_kind_of_it(fitted, wine):
    search = SoftmaxClassifierCV(alphas=[1.0], tol=0.01, refit=False)
    found = boxes(search.fit(*wine) if fitted else search)
    assert found.names == ["SoftmaxClassifierCV", "SoftmaxClassifier"]
    assert found.captions == []


def test_a_classifier_shows_its_gap_once_it_is_fitted(wine):
    model = SVMClassifier(alpha=0.5)
    assert boxes(model).captions == []
    model.fit(*wine)
    assert boxes(model).captions == [
        f"alpha=0.5, l1_ratio=0, delta=1; gap_={model.gap_:.1e}"
    ]
    stream = SoftmaxClassifier().partial_fit(*wine, classes=[0, 1, 2])
    assert boxes(stream).captions == []  # the distance of a stream is unknown
