"""Export of fitted classifiers to ONNX by skl2onnx.

Needs ``pip install "sklearn-linloss[onnx]"``.
"""

import numpy as np
from scipy import sparse
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.model_selection import TunedThresholdClassifierCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.pipeline import Pipeline

from ._cv import SoftmaxClassifierCV, SVMClassifierCV
from ._softmax import SoftmaxClassifier
from ._svm import SVMClassifier

__all__ = ["register_converters"]


def register_converters() -> None:
    """Teach skl2onnx to convert the classifiers of this package.

    Call it once, before ``skl2onnx.to_onnx`` or ``skl2onnx.convert_sklearn``.
    :class:`~sklearn_linloss.SVMClassifier`,
    :class:`~sklearn_linloss.SoftmaxClassifier`, and those that choose their
    parameters, as their `best_estimator_`, then convert alone and as parts of
    pipelines, searches, `OneVsRestClassifier`, `OneVsOneClassifier`,
    `CalibratedClassifierCV` with sigmoids, `VotingClassifier` and
    `StackingClassifier`. What skl2onnx cannot make of them is refused.

    The graphs take float32 or float64, and compute in what they take. Their first
    output is the label, int64 or string. The second is:

    - for the softmax the probabilities, as dictionaries from labels to numbers, or
      with the option ``zipmap=False`` as an array (n_samples, n_classes);
    - for the SVM what `decision_function` gives, as an array (n_samples, n_classes),
      or (n_samples, 1) for two classes, positive where `classes_[1]` is predicted.

    With the option ``raw_scores=True`` it is for both classifiers the scores of all
    classes, two columns of opposite sign for two classes. The options `nocl` and, for
    the softmax, `output_class_labels` and ``zipmap="columns"`` are those of
    scikit-learn's own classifiers in skl2onnx. `zipmap` has no effect on the SVM.

    A `OneVsRestClassifier` of SVMs has no probabilities; its second output is as with
    ``raw_scores=True``, the scores of all classes.

    Raises
    ------
    ImportError
        If skl2onnx is not installed.

    Notes
    -----
    Conversion raises a `NotImplementedError` where the graph would be another model
    than the classifier: for calibration without sigmoids, one against the rest with
    several labels a sample, one against one with labels other than 0, 1 and so on,
    stacking of two classes on probabilities as well as scores, and SVMs within
    bagging, boosting and choices of a threshold.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_linloss import SoftmaxClassifier
    >>> from sklearn_linloss.onnx import register_converters
    >>> X, y = load_iris(return_X_y=True)
    >>> model = SoftmaxClassifier(alpha=0.01).fit(X, y)
    >>> register_converters()  # doctest: +SKIP
    >>> from skl2onnx import to_onnx  # doctest: +SKIP
    >>> onnx_model = to_onnx(model, X[:1])  # doctest: +SKIP
    """
    try:
        from skl2onnx import update_registered_converter
    except ImportError as error:
        raise ImportError(
            'The ONNX export needs skl2onnx: pip install "sklearn-linloss[onnx]".'
        ) from error

    # Pipelines hand zipmap on to their last step, so that the SVM has to know it too.
    common = {
        "nocl": [True, False],
        "raw_scores": [True, False],
        "zipmap": [True, False, "columns"],
        # What other converters need of two classes: one column of scores, or two.
        "columns": [None, 1, 2],
    }
    of_softmax = common | {"output_class_labels": [False, True]}
    for model, options, parser in (
        (SoftmaxClassifier, of_softmax, None),
        (SVMClassifier, common, _parse_scores),
    ):
        update_registered_converter(
            model, _alias(model), _set_shapes, _convert, parser=parser, options=options
        )
    for model, options in (
        (SoftmaxClassifierCV, of_softmax),
        (SVMClassifierCV, common),
    ):
        update_registered_converter(
            model,
            _alias(model),
            _set_shapes,
            _convert_search,
            parser=_parse_search,
            options=options,
        )
    for model, prepare in _PREPARATIONS.items():
        _prepare_first(model, prepare)


def _alias(model):
    return f"Linloss{model.__name__}"


def _parse_scores(scope, model, inputs, custom_parsers=None):
    """Declare the outputs of an SVM: its scores are never made into dictionaries."""
    from skl2onnx.common.data_types import Int64TensorType, guess_tensor_type

    operator = scope.declare_local_operator(_alias(type(model)), model)
    operator.inputs = inputs
    # The type of the labels is mended with the shapes.
    operator.outputs.append(scope.declare_local_variable("label", Int64TensorType()))
    operator.outputs.append(
        scope.declare_local_variable("scores", guess_tensor_type(inputs[0].type))
    )
    return operator.outputs


def _parse_search(scope, model, inputs, custom_parsers=None):
    """A search is what it has found."""
    from skl2onnx._parse import _parse_sklearn

    best = model.best_estimator_
    scope.add_options(id(best), scope.get_options(model))
    return _parse_sklearn(scope, best, inputs, custom_parsers=custom_parsers)


def _convert_search(scope, operator, container):
    """The same for a search within another estimator, which is not parsed."""
    from skl2onnx._supported_operators import sklearn_operator_name_map
    from skl2onnx.common._apply_operation import apply_identity

    best = operator.raw_operator.best_estimator_
    found = scope.declare_local_operator(sklearn_operator_name_map[type(best)], best)
    found.inputs = operator.inputs
    for output in operator.outputs:
        inner = scope.declare_local_variable(output.onnx_name, type=output.type)
        found.outputs.append(inner)
        apply_identity(scope, inner.full_name, output.full_name, container)


def _set_shapes(operator):
    """Types and shapes of the two outputs."""
    from skl2onnx.common.shape_calculator import (
        calculate_linear_classifier_output_shapes,
    )

    calculate_linear_classifier_output_shapes(operator)
    if _scores_one_column(operator, operator.scope_inst):
        operator.outputs[1].type.shape = [operator.inputs[0].get_first_dimension(), 1]


def _convert(scope, operator, container):
    """Add the graph of a fitted classifier to the container."""
    from skl2onnx.common._apply_operation import (
        apply_add,
        apply_argmax,
        apply_cast,
        apply_concat,
        apply_identity,
        apply_reshape,
        apply_sigmoid,
        apply_softmax,
    )
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
    from skl2onnx.common.utils_classifier import get_label_classes
    from skl2onnx.proto import onnx_proto

    model = operator.raw_operator
    types = onnx_proto.TensorProto
    X = operator.inputs[0]
    label, second = (output.full_name for output in operator.outputs)
    number = types.DOUBLE if isinstance(X.type, DoubleTensorType) else types.FLOAT

    def new(name):
        return scope.get_unique_variable_name(name)

    def constant(name, kind, values):
        name = new(name)
        container.add_initializer(name, kind, values.shape, values.ravel().tolist())
        return name

    features = X.full_name
    if not isinstance(X.type, (DoubleTensorType, FloatTensorType)):
        features = new("features")
        apply_cast(scope, X.full_name, features, container, to=number)
    W = model.coef_.toarray() if sparse.issparse(model.coef_) else model.coef_
    b = np.reshape(model.intercept_, (1, -1))
    product, scores, code = new("product"), new("scores"), new("code")
    container.add_node(
        "MatMul",
        [features, constant("coef", number, W.T)],
        product,
        name=scope.get_unique_operator_name("MatMul"),
    )
    apply_add(
        scope, [product, constant("intercept", number, b)], scores, container, axis=0
    )

    if len(model.classes_) > 2:
        apply_argmax(scope, scores, code, container, axis=1, keepdims=0)
    else:
        flat, positive = new("flat"), new("positive")
        apply_reshape(scope, scores, flat, container, desired_shape=(-1,))
        container.add_node(
            "Greater",
            [flat, constant("zero", number, np.zeros(1))],
            positive,
            name=scope.get_unique_operator_name("Greater"),
        )
        apply_cast(scope, positive, code, container, to=types.INT64)
    kind, labels = _labels(get_label_classes(scope, model), types)
    container.add_node(
        "Gather",
        [constant("classes", kind, labels), code],
        label,
        name=scope.get_unique_operator_name("Gather"),
        axis=0,
    )

    by_class = scores
    if len(model.classes_) == 2 and not _scores_one_column(operator, scope):
        negated, by_class = new("negated"), new("by_class")
        container.add_node(
            "Neg", scores, negated, name=scope.get_unique_operator_name("Neg")
        )
        apply_concat(scope, [negated, scores], by_class, container, axis=1)
    if _is_svm(model) or _raw(operator, scope):
        apply_identity(scope, by_class, second, container)
    elif len(model.classes_) == 2:
        apply_sigmoid(scope, by_class, second, container)
    else:
        apply_softmax(scope, by_class, second, container, axis=1)


def _option(operator, scope, name):
    return scope.get_options(operator.raw_operator, {name: None}).get(name)


def _raw(operator, scope):
    return bool(_option(operator, scope, "raw_scores") or _columns(operator, scope))


def _columns(operator, scope):
    return _option(operator, scope, "columns")


def _scores_one_column(operator, scope):
    """Whether the scores of two classes stay one column."""
    model = operator.raw_operator
    if len(model.classes_) != 2:
        return False
    asked = _columns(operator, scope)
    if asked is not None:
        return asked == 1
    return _is_svm(model) and not _raw(operator, scope)


def _is_svm(model):
    return isinstance(model, (SVMClassifier, SVMClassifierCV))


def _labels(classes, types):
    """The element type and the values of the labels in a graph."""
    if all(isinstance(label, str) for label in classes):
        return types.STRING, np.array([label.encode() for label in classes], object)
    whole = classes.astype(np.int64)
    if not np.array_equal(whole, classes):
        raise ValueError(f"ONNX has integer and string labels only, not {classes}.")
    return types.INT64, whole


# -- within other estimators -----------------------------------------------------------

# The converters of skl2onnx for estimators of estimators know its own classifiers, and
# take others for such with probabilities. They are told what to ask ours for.


def _prepare_first(model, prepare):
    """Let skl2onnx call `prepare` before it converts estimators of a type."""
    from skl2onnx._supported_operators import sklearn_operator_name_map
    from skl2onnx.common._registration import get_converter, register_converter

    if model not in sklearn_operator_name_map:
        return
    alias = sklearn_operator_name_map[model]
    converter = get_converter(alias)
    if getattr(converter._fct, "prepares_linloss", False):
        return

    def convert(scope, operator, container):
        prepare(scope, operator, container)
        converter(scope, operator, container)

    convert.prepares_linloss = True
    options = converter.get_allowed_options()
    register_converter(alias, convert, overwrite=True, options=options)


def _chain(model):
    """An estimator, and those that it ends in: of pipelines, of searches."""
    while model is not None:
        yield model
        if isinstance(model, Pipeline):
            model = model.steps[-1][1]
        else:
            model = getattr(model, "best_estimator_", None)


def _ours(models):
    """Those that are of this package at last."""
    ours = SVMClassifier, SoftmaxClassifier
    return [model for model in models if isinstance([*_chain(model)][-1], ours)]


def _ask(scope, container, models, **options):
    """Set options of ours, and of searches on the way to them."""
    kinds = SVMClassifier, SoftmaxClassifier, SVMClassifierCV, SoftmaxClassifierCV
    for model in _ours(models):
        for link in _chain(model):
            if isinstance(link, kinds):
                _set_options(scope, container, link, **options)


def _set_options(scope, container, model, **options):
    for place in (scope, container):
        if place.options is None:
            place.options = {}
        # A new dictionary: the old one may be the caller's.
        before = place.options.get(id(model)) or {}
        place.options[id(model)] = before | options


def _svms(models):
    return [model for model in _ours(models) if _is_svm([*_chain(model)][-1])]


def _refuse(what, remedy):
    raise NotImplementedError(f"skl2onnx cannot convert {what}; {remedy}.")


def _within_one_vs_rest(scope, operator, container):
    model = operator.raw_operator
    if not _svms(model.estimators_):
        return
    if model.multilabel_:
        _refuse(
            "a OneVsRestClassifier of SVMs with several labels a sample",
            "take SoftmaxClassifier",
        )
    # It would turn them into probabilities by dividing by their sum.
    _set_options(scope, container, model, raw_scores=True)
    _ask(scope, container, model.estimators_, raw_scores=True)


def _within_one_vs_one(scope, operator, container):
    model = operator.raw_operator
    counted = np.arange(len(model.classes_))
    if _ours(model.estimators_) and not np.array_equal(model.classes_, counted):
        _refuse(
            "a OneVsOneClassifier with labels other than 0, 1, ... n_classes - 1",
            "encode them first",
        )
    _ask(scope, container, model.estimators_, raw_scores=True)


def _within_calibration(scope, operator, container):
    model = operator.raw_operator
    bases = [calibrated.estimator for calibrated in model.calibrated_classifiers_]
    if _ours(bases) and model.method != "sigmoid":
        _refuse(
            f"CalibratedClassifierCV with method={model.method!r}",
            "take method='sigmoid'",
        )
    _ask(scope, container, bases, raw_scores=True)


def _within_voting(scope, operator, container):
    # The softmax keeps its probabilities: they are what voting="soft" adds up.
    svms = _svms(operator.raw_operator.estimators_)
    _ask(scope, container, svms, columns=2)


def _within_stacking(scope, operator, container):
    model = operator.raw_operator
    used = [base for base in model.estimators_ if base != "drop"]
    methods = set(model.stack_method_)
    if _ours(used):
        if "predict" in methods:
            _refuse(
                "a StackingClassifier on labels", "leave stack_method at its default"
            )
        if len(model.classes_) == 2 and "decision_function" in methods:
            if len(methods) > 1 or len(_ours(used)) < len(used):
                _refuse(
                    "a StackingClassifier of two classes on probabilities as well as "
                    "scores",
                    "stack classifiers that all have probabilities, or SVMClassifiers",
                )
            _ask(scope, container, used, columns=1)
        elif "decision_function" in methods:
            on_scores = [
                base
                for base, method in zip(used, model.stack_method_, strict=True)
                if method == "decision_function"
            ]
            _ask(scope, container, on_scores, raw_scores=True)
    _ask(scope, container, _svms([model.final_estimator_]), columns=2)


def _without_svms(scope, operator, container):
    model = operator.raw_operator
    parts = [*getattr(model, "estimators_", []), getattr(model, "estimator_", None)]
    if _svms(parts):
        _refuse(
            f"a {type(model).__name__} of classifiers without probabilities",
            "take SoftmaxClassifier, or CalibratedClassifierCV(SVMClassifier())",
        )


_PREPARATIONS = {
    OneVsRestClassifier: _within_one_vs_rest,
    OneVsOneClassifier: _within_one_vs_one,
    CalibratedClassifierCV: _within_calibration,
    VotingClassifier: _within_voting,
    StackingClassifier: _within_stacking,
    BaggingClassifier: _without_svms,
    AdaBoostClassifier: _without_svms,
    TunedThresholdClassifierCV: _without_svms,
}
