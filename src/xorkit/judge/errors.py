"""The errors that Python and PyTorch raise most often in beginners' loops, by their symptom.

What a tutor says to each stands in `messages.toml`. To any other error nothing is added: its last
line and the line of the cell say what is known.
"""

from __future__ import annotations

import re

from xorkit.verdict import Diagnosis

# A pattern that `Name: text` of an error holds, one that the line of the cell which raised it
# holds, and what the error is a symptom of; the first row that fits counts.
KNOWN_ERRORS: tuple[tuple[str, str, str], ...] = (
    (r"^NameError: name", r"", "undefined-name"),
    (r"^UnboundLocalError", r"", "unbound-name"),
    (
        r"'(numpy\.)?(float|int|float(32|64)|ndarray)' object has no attribute '(backward|item)'",
        r"",
        "cut",
    ),
    (r"does not require grad", r"", "cut"),
    (r"'tuple' object has no attribute 'backward'", r"", "tuple"),
    (r"has no attribute 'backward'", r"", "no-backward-method"),
    (r"has no attribute '(zero_grad|step)'", r"", "no-optimizer-method"),
    (r"'NoneType' object has no attribute", r"", "none"),
    (r"unsupported operand .*'NoneType'", r"", "none-operand"),
    (
        r"^AttributeError: (module|type object|partially|'(Tensor|Sequential|SGD|MSELoss)' object)",
        r"",
        "no-such-name",
    ),
    (r"Boolean value of Tensor with more than one value", r"Loss\s*\(", "loss-arguments"),
    (r"Boolean value of Tensor with more than one value", r"", "condition"),
    (r"mat1 and mat2 must have the same dtype|expected scalar type|Found dtype", r"", "dtype"),
    (r"mat1 and mat2 shapes cannot be multiplied", r"", "layer-shapes"),
    (
        r"size of tensor a .* must match the size of tensor b|different to the input size",
        r"",
        "compared-shapes",
    ),
    (r"grad can be implicitly created only for scalar", r"", "no-scalar"),
    (r"leaf Variable that requires grad", r"", "leaf"),
    (r"'(Tensor|float)' object is not callable", r"\.step\(", "call-arguments"),
    (r"'Tensor' object is not callable", r"", "tensor-called"),
    (r"'int' object is not callable", r"numpy|np\.", "loop"),  # `size` of an array is a number
    (r"object is not callable", r"", "not-callable"),
    (r"must be Tensor, not|linear\(\): argument 'input'", r"", "no-tensor"),
    (r"forward\(\) (missing|takes)|__call__\(\) (missing|takes)", r"", "call-arguments"),
    (r"__init__\(\) (missing|takes|got)", r"", "constructor-arguments"),
    (r"'method' object is not iterable|'builtin_function_or_method' object is not", r"", "no-call"),
    (r"'int' object is not iterable", r"", "no-sequence"),
    (r"elements? cannot be converted to Scalar|only one element tensors", r"", "one-element"),
    (r"Can't call numpy\(\) on Tensor that requires grad", r"", "no-array"),
    (r"optimizer got an empty parameter list", r"", "nothing-to-move"),
    (
        r"params argument given to the optimizer|object is not iterable",
        r"optim|SGD|Adam",
        "no-parameters",
    ),
    (
        r"all elements of input should be between 0 and 1|only supports? inputs? between 0 and 1",
        r"",
        "cross-entropy",
    ),
    (r"^(IndentationError|TabError)", r"", "indentation"),
    (r"^SyntaxError", r"", "syntax"),
    (r"out of bounds|out of range", r"", "index"),
    (r"values to unpack", r"", "unpacking"),
)
CODES = {"cut": Diagnosis.DETACHED_LOSS}  # of those that are more than a crash


def known_error(error: tuple[str, str], line: str) -> tuple[Diagnosis, str]:
    """Code and symptom of an error (name, text) that a line of a cell raised."""
    whole = ": ".join(error)
    symptom = next(
        (
            name
            for pattern, where, name in KNOWN_ERRORS
            if re.search(pattern, whole) and re.search(where, line)
        ),
        "loop",
    )
    return CODES.get(symptom, Diagnosis.CRASH), symptom
