"""Short, stable names of Arrow types.

pyarrow's own spelling has changed between releases, and a manifest must not change with it.
"""

from typing import Any

# A name is read in one glance; what is longer or deeper ends in an ellipsis.
MAX_LENGTH = 120
MAX_DEPTH = 6

_SPELLINGS = {"halffloat": "float16", "float": "float32", "double": "float64"}
_DAYS = {"date32[day]": "date32", "date64[ms]": "date64"}


# Any: pyarrow has no types of its own that mypy could see.
def type_name(kind: Any) -> str:
    """Return the name of a pyarrow.DataType."""
    name = "".join(char if char.isprintable() else "?" for char in _name(kind, 0))
    return name if len(name) <= MAX_LENGTH else name[: MAX_LENGTH - 3] + "..."


def count_leaves(kind: Any) -> int:
    """Return how many Parquet columns a value of this type takes."""
    from pyarrow import types

    if isinstance(kind, _extension_class()):
        return count_leaves(kind.storage_type)
    if types.is_struct(kind):
        return sum(count_leaves(kind.field(i).type) for i in range(kind.num_fields))
    if types.is_map(kind):
        return count_leaves(kind.key_type) + count_leaves(kind.item_type)
    if _is_list(kind):
        return count_leaves(kind.value_type)
    return 1


def _name(kind: Any, depth: int) -> str:
    from pyarrow import types

    if depth > MAX_DEPTH:
        return "..."
    if isinstance(kind, _extension_class()):
        return str(kind.extension_name)
    if types.is_struct(kind):
        fields = [kind.field(i) for i in range(min(kind.num_fields, MAX_LENGTH))]
        return f"struct<{', '.join(f'{f.name}: {_name(f.type, depth + 1)}' for f in fields)}>"
    if types.is_map(kind):
        return f"map<{_name(kind.key_type, depth + 1)}, {_name(kind.item_type, depth + 1)}>"
    if types.is_dictionary(kind):
        return f"dictionary<{_name(kind.value_type, depth + 1)}>"
    if types.is_fixed_size_list(kind):
        return f"fixed_size_list<{_name(kind.value_type, depth + 1)}>[{kind.list_size}]"
    if _is_list(kind):
        large = "large_" if types.is_large_list(kind) else ""
        return f"{large}list<{_name(kind.value_type, depth + 1)}>"
    if types.is_run_end_encoded(kind):
        return f"run_end_encoded<{_name(kind.value_type, depth + 1)}>"
    if types.is_union(kind):
        parts = (_name(kind.field(i).type, depth + 1) for i in range(min(kind.num_fields, MAX_LENGTH)))
        return f"union<{', '.join(parts)}>"
    if types.is_fixed_size_binary(kind) and not types.is_decimal(kind):
        return f"fixed_size_binary[{kind.byte_width}]"
    text = str(kind)
    return _SPELLINGS.get(text) or _DAYS.get(text) or text


def _is_list(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))


def _extension_class() -> Any:
    import pyarrow

    return pyarrow.BaseExtensionType
