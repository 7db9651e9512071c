"""JSON: Python's own codec, bound so that no rule can take it away.

In: values and texts. Out: texts and values.
Separate because `json` looks its parts up at every call, and a rule that patches the module would patch the engine too.
"""

from __future__ import annotations

from json import JSONDecoder, JSONEncoder
from json.encoder import c_make_encoder, encode_basestring_ascii  # type: ignore[attr-defined]  # no stub has it

from iota_engine._clock import calls_rules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

quote_any: Callable[[str], str] = encode_basestring_ascii
_decoder = JSONDecoder()
decode: Callable[[str], Any] = _decoder.decode
# Reads one value from a position on; returns it and where it ends.
scan: Callable[[str, int], tuple[Any, int]] = _decoder.scan_once  # type: ignore[attr-defined]  # no stub has it


def decoder(parse_int: Callable[[str], int | float]) -> Callable[[str], Any]:
    """Return a function that decodes with another reading of integers."""
    decode_so: Callable[[str], Any] = JSONDecoder(parse_int=parse_int).decode
    return decode_so


def encoder(
    default: Callable[[Any], Any] | None = None, separators: tuple[str, str] = (",", ":")
) -> Callable[[Any], str]:
    """Return a function that encodes as `json.dumps` does: in ASCII, without NaN, refusing circles."""
    plain = JSONEncoder(default=default, separators=separators, allow_nan=False)
    make, quote, refuse = c_make_encoder, encode_basestring_ascii, plain.default
    if make is None:
        return plain.encode
    item, key = separators

    @calls_rules
    def encode(value: Any) -> str:
        # The first argument remembers the containers that are open, hence a new one each time.
        chunks: tuple[str, ...] = make({}, refuse, quote, None, key, item, False, False, False)(value, 0)
        return "".join(chunks)

    return encode


encode = encoder()
