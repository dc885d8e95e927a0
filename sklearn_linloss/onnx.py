"""Export of fitted classifiers to ONNX by skl2onnx.

Needs ``pip install "sklearn-linloss[onnx]"``.
"""

import numpy as np
from scipy import sparse

from ._softmax import SoftmaxClassifier
from ._svm import SVMClassifier

__all__ = ["register_converters"]


def register_converters():
    """Teach skl2onnx to convert :class:`SVMClassifier` and :class:`SoftmaxClassifier`.

    Call it once, before ``skl2onnx.to_onnx`` or ``skl2onnx.convert_sklearn``; the
    classifiers then convert alone and as parts of pipelines. Of the classifiers that
    choose their parameters, convert `best_estimator_`.

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

    Raises
    ------
    ImportError
        If skl2onnx is not installed.

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
    }
    update_registered_converter(
        SoftmaxClassifier,
        _alias(SoftmaxClassifier),
        _set_shapes,
        _convert,
        options=common | {"output_class_labels": [False, True]},
    )
    update_registered_converter(
        SVMClassifier,
        _alias(SVMClassifier),
        _set_shapes,
        _convert,
        parser=_parse_scores,
        options=common,
    )


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
    if isinstance(model, SVMClassifier) or _raw(operator, scope):
        apply_identity(scope, by_class, second, container)
    elif len(model.classes_) == 2:
        apply_sigmoid(scope, by_class, second, container)
    else:
        apply_softmax(scope, by_class, second, container, axis=1)


def _raw(operator, scope):
    options = scope.get_options(operator.raw_operator, {"raw_scores": False})
    return options.get("raw_scores", False)


def _scores_one_column(operator, scope):
    """Whether the scores of two classes stay one column."""
    model = operator.raw_operator
    binary = len(model.classes_) == 2
    return binary and isinstance(model, SVMClassifier) and not _raw(operator, scope)


def _labels(classes, types):
    """The element type and the values of the labels in a graph."""
    if all(isinstance(label, str) for label in classes):
        return types.STRING, np.array([label.encode() for label in classes], object)
    whole = classes.astype(np.int64)
    if not np.array_equal(whole, classes):
        raise ValueError(f"ONNX has integer and string labels only, not {classes}.")
    return types.INT64, whole
