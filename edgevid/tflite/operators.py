"""The TFLite operators that networks on pictures and on windows use, and their operands."""

from __future__ import annotations

from typing import NamedTuple


class Operator(NamedTuple):
    """The inputs and outputs of an operator.

    Attributes:
        inputs: minimum and maximum number.
        outputs: maximum number.
        options: kind of its table of options, by its number in the format; 0: none, or that of OPTIONAL.
        optional: positions of the inputs that may be left out, as -1.
    """

    name: str
    inputs: tuple[int, int]
    outputs: int = 1
    options: int = 0
    optional: tuple[int, ...] = ()


_MANY = 4096
# Number in the format -> name, inputs, and outputs, options, optional if they differ from the defaults above. Left out are
# operators that run foreign code (CUSTOM, DELEGATE, CALL), take strings, sparse tensors or tables, or make random numbers.
OPERATORS = {
    number: Operator(name, *rest)
    for number, name, *rest in (
        (0, "ADD", (2, 2)), (1, "AVERAGE_POOL_2D", (1, 1), 1, 5), (2, "CONCATENATION", (1, _MANY), 1, 10),
        (3, "CONV_2D", (2, 3), 1, 1, (2,)), (4, "DEPTHWISE_CONV_2D", (2, 3), 1, 2, (2,)),
        (5, "DEPTH_TO_SPACE", (1, 1), 1, 94), (6, "DEQUANTIZE", (1, 1)), (8, "FLOOR", (1, 1)),
        (9, "FULLY_CONNECTED", (2, 3), 1, 8, (2,)), (11, "L2_NORMALIZATION", (1, 1)),
        (12, "L2_POOL_2D", (1, 1), 1, 5), (13, "LOCAL_RESPONSE_NORMALIZATION", (1, 1), 1, 13),
        (14, "LOGISTIC", (1, 1)), (17, "MAX_POOL_2D", (1, 1), 1, 5), (18, "MUL", (2, 2)), (19, "RELU", (1, 1)),
        (20, "RELU_N1_TO_1", (1, 1)), (21, "RELU6", (1, 1)), (22, "RESHAPE", (1, 2)),
        (23, "RESIZE_BILINEAR", (2, 2), 1, 15), (25, "SOFTMAX", (1, 1), 1, 9), (26, "SPACE_TO_DEPTH", (1, 1), 1, 19),
        (28, "TANH", (1, 1)), (34, "PAD", (2, 2)), (36, "GATHER", (2, 2), 1, 23), (37, "BATCH_TO_SPACE_ND", (3, 3)),
        (38, "SPACE_TO_BATCH_ND", (3, 3)), (39, "TRANSPOSE", (2, 2)), (40, "MEAN", (2, 2), 1, 27),
        (41, "SUB", (2, 2)), (42, "DIV", (2, 2)), (43, "SQUEEZE", (1, 1), 1, 30),
        (44, "UNIDIRECTIONAL_SEQUENCE_LSTM", (20, 24), 1, 71, (1, 5, 9, 10, 11, 12, 16, 17, 20, 21, 22, 23)),
        (45, "STRIDED_SLICE", (4, 4), 1, 32), (47, "EXP", (1, 1)), (48, "TOPK_V2", (2, 2), 2),
        (49, "SPLIT", (2, 2), _MANY, 35), (50, "LOG_SOFTMAX", (1, 1)), (53, "CAST", (1, 1)), (54, "PRELU", (2, 2)),
        (55, "MAXIMUM", (2, 2)), (56, "ARG_MAX", (2, 2), 1, 40), (57, "MINIMUM", (2, 2)), (58, "LESS", (2, 2)),
        (59, "NEG", (1, 1)), (60, "PADV2", (3, 3)), (61, "GREATER", (2, 2)), (62, "GREATER_EQUAL", (2, 2)),
        (63, "LESS_EQUAL", (2, 2)), (64, "SELECT", (3, 3)), (65, "SLICE", (3, 3)), (66, "SIN", (1, 1)),
        (67, "TRANSPOSE_CONV", (3, 4), 1, 49, (3,)), (69, "TILE", (2, 2)), (70, "EXPAND_DIMS", (2, 2)),
        (71, "EQUAL", (2, 2)), (72, "NOT_EQUAL", (2, 2)), (73, "LOG", (1, 1)), (74, "SUM", (2, 2), 1, 27),
        (75, "SQRT", (1, 1)), (76, "RSQRT", (1, 1)), (77, "SHAPE", (1, 1), 1, 55), (78, "POW", (2, 2)),
        (79, "ARG_MIN", (2, 2), 1, 57), (81, "REDUCE_PROD", (2, 2), 1, 27), (82, "REDUCE_MAX", (2, 2), 1, 27),
        (83, "PACK", (1, _MANY), 1, 59), (84, "LOGICAL_OR", (2, 2)), (86, "LOGICAL_AND", (2, 2)),
        (87, "LOGICAL_NOT", (1, 1)), (88, "UNPACK", (1, 1), _MANY, 64), (89, "REDUCE_MIN", (2, 2), 1, 27),
        (90, "FLOOR_DIV", (2, 2)), (92, "SQUARE", (1, 1)), (93, "ZEROS_LIKE", (1, 1)), (94, "FILL", (2, 2)),
        (95, "FLOOR_MOD", (2, 2)), (96, "RANGE", (3, 3)), (97, "RESIZE_NEAREST_NEIGHBOR", (2, 2), 1, 74),
        (98, "LEAKY_RELU", (1, 1), 1, 75), (99, "SQUARED_DIFFERENCE", (2, 2)), (100, "MIRROR_PAD", (2, 2), 1, 77),
        (101, "ABS", (1, 1)), (102, "SPLIT_V", (3, 3), _MANY, 79), (104, "CEIL", (1, 1)), (105, "REVERSE_V2", (2, 2)),
        (106, "ADD_N", (1, _MANY)), (108, "COS", (1, 1)), (110, "RANK", (1, 1)), (111, "ELU", (1, 1)),
        (114, "QUANTIZE", (1, 1)), (116, "ROUND", (1, 1)), (117, "HARD_SWISH", (1, 1)),
        (118, "IF", (1, _MANY), _MANY, 92), (119, "WHILE", (1, _MANY), _MANY, 93), (123, "SELECT_V2", (3, 3)),
        (126, "BATCH_MATMUL", (2, 2), 1, 101), (128, "CUMSUM", (2, 2)), (130, "BROADCAST_TO", (2, 2)),
        (150, "GELU", (1, 1)), (151, "DYNAMIC_UPDATE_SLICE", (3, 3)),
        (158, "SIGN", (1, 1)),
    )
}  # fmt: skip

# fmt: off
# Kinds of options of operators that can do without
OPTIONAL = {
    "ADD": 11, "DEQUANTIZE": 38, "MUL": 21, "RESHAPE": 17, "PAD": 22, "BATCH_TO_SPACE_ND": 24, "SPACE_TO_BATCH_ND":
    25, "TRANSPOSE": 26, "SUB": 28, "DIV": 29, "EXP": 33, "TOPK_V2": 34, "LOG_SOFTMAX": 36, "CAST": 37, "MAXIMUM":
    39, "MINIMUM": 39, "LESS": 41, "NEG": 42, "PADV2": 43, "GREATER": 44, "GREATER_EQUAL": 45, "LESS_EQUAL": 46,
    "SELECT": 47, "SLICE": 48, "TILE": 51, "EXPAND_DIMS": 52, "EQUAL": 53, "NOT_EQUAL": 54, "POW": 56, "LOGICAL_OR":
    60, "LOGICAL_AND": 62, "LOGICAL_NOT": 63, "FLOOR_DIV": 65, "SQUARE": 66, "ZEROS_LIKE": 67, "FILL": 68,
    "FLOOR_MOD": 72, "RANGE": 73, "SQUARED_DIFFERENCE": 76, "ABS": 78, "REVERSE_V2": 81, "ADD_N": 82, "COS": 84,
    "RANK": 86, "QUANTIZE": 89, "HARD_SWISH": 91, "SELECT_V2": 98, "CUMSUM": 102, "BROADCAST_TO": 104, "GELU": 116,
    "DYNAMIC_UPDATE_SLICE": 117, "SIGN": 123,
}
# The field of an operator's options that gives its activation
ACTIVATION = {
    "ADD": 0, "MUL": 0, "SUB": 0, "DIV": 0, "FULLY_CONNECTED": 0, "UNIDIRECTIONAL_SEQUENCE_LSTM": 0, "CONCATENATION": 1,
    "CONV_2D": 3, "DEPTHWISE_CONV_2D": 4, "AVERAGE_POOL_2D": 5, "MAX_POOL_2D": 5, "L2_POOL_2D": 5,
}
SAME_SHAPE = frozenset({
    "ABS", "CAST", "CEIL", "COS", "DEQUANTIZE", "ELU", "EXP", "FLOOR", "GELU", "HARD_SWISH", "L2_NORMALIZATION",
    "LEAKY_RELU", "LOCAL_RESPONSE_NORMALIZATION", "LOG", "LOGICAL_NOT", "LOGISTIC", "LOG_SOFTMAX", "NEG",
    "QUANTIZE", "RELU", "RELU6", "RELU_N1_TO_1", "ROUND", "RSQRT", "SIGN", "SIN", "SOFTMAX", "SQRT", "SQUARE",
    "TANH", "ZEROS_LIKE",
})
# With two operands, whose lengths must be equal or 1
BROADCAST = frozenset({
    "ADD", "DIV", "EQUAL", "FLOOR_DIV", "FLOOR_MOD", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL",
    "LOGICAL_AND", "LOGICAL_OR", "MAXIMUM", "MINIMUM", "MUL", "NOT_EQUAL", "POW", "PRELU", "SQUARED_DIFFERENCE",
    "SUB",
})
# The size of their outputs depends on the values of their operands.
GROWING = frozenset({
    "BATCH_TO_SPACE_ND", "BROADCAST_TO", "FILL", "MIRROR_PAD", "PAD", "PADV2", "RANGE", "RESIZE_BILINEAR",
    "RESIZE_NEAREST_NEIGHBOR", "SPACE_TO_BATCH_ND", "TILE", "TRANSPOSE_CONV",
})
# Their results have the type of the first operand.
KEEP_KIND = frozenset({
    "ADD", "AVERAGE_POOL_2D", "BATCH_MATMUL", "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D", "DIV",
    "FULLY_CONNECTED", "HARD_SWISH", "LEAKY_RELU", "LOGISTIC", "MAX_POOL_2D", "MEAN", "MUL", "PRELU", "RELU",
    "RELU6", "SOFTMAX", "SUB", "TANH",
})
COMPARING = frozenset({"EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL", "NOT_EQUAL"})
DIVIDING = frozenset({"DIV", "FLOOR_DIV", "FLOOR_MOD"})
REDUCING = frozenset({"MEAN", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD", "SUM"})
# Their second operand may have a scale for each channel.
HAVE_WEIGHTS = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"})
# fmt: on
# They compute with integers of 8 and 16 bits by their scale.
SCALED = (KEEP_KIND | BROADCAST | SAME_SHAPE) - {"CAST", "DEQUANTIZE", "QUANTIZE", "SIGN", "ZEROS_LIKE"}
