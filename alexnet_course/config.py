"""Settings as plain data, and a digest of them that tells whether two runs mean the same thing."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from difflib import get_close_matches
from numbers import Number
from typing import Any


def plain(value: Any) -> Any:
    """Turn specs, architectures and recipes into dicts, lists, numbers and strings.

    Fields that stand at their default are left out, so that a field added later does not change
    the description (nor the digest) of everything that was described before. Fields whose
    metadata says ``describes=True`` (sources, notes) are left out too: they change no result.
    """
    if is_dataclass(value) and not isinstance(value, type):
        described = {"type": type(value).__name__}
        for field in fields(value):
            item = getattr(value, field.name)
            if field.metadata.get("describes") or (
                field.default is not MISSING and item == field.default
            ):
                continue
            described[field.name] = plain(item)
        return described
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"settings hold plain data only, got {type(value).__name__}: {value!r}")


def digest(value: Any) -> str:
    """SHA-256 (hexadecimal) of the canonical JSON of :func:`plain`."""
    text = json.dumps(plain(value), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def look_up(table: Mapping[str, Any], name: str, kind: str) -> Any:
    """``table[name]``; a :class:`KeyError` that lists what there is, and what is nearest, where
    that is missing.
    """
    if not isinstance(name, str) or name not in table:
        near = get_close_matches(str(name), table, 1)
        hint = f". The nearest is {near[0]}" if near else ""
        raise KeyError(f"there is no {kind} {name!r}; choose one of {', '.join(table)}{hint}")
    return table[name]


def several(given: Any) -> list[Any]:
    """What was given, each once, as a list; a text or a number alone is a list of one."""
    items = [given] if isinstance(given, (str, Number)) else list(given)
    return [item for place, item in enumerate(items) if item not in items[:place]]
