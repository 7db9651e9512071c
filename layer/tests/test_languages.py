"""The small languages: JSONPath for data models, YAML, and times."""

import pytest

from iota_engine._paths import PathRefused, compile_path
from iota_engine._syntax import parse, top_level_names
from iota_engine._times import panther_time
from iota_engine._yaml import Reader, YamlProblem

RECORD = {"a": {"b": {"c": 1}}, "l": [{"x": 1}, {"x": 2}, {"y": 3}], "odd key": 2, "null": None, "B": 3}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$", [RECORD]),
        ("B", [3]),
        ("b", []),
        ("a.b.c", [1]),
        ("$.a.b.c", [1]),
        ("$['a']['b'].c", [1]),
        ('$["odd key"]', [2]),
        ('"odd key"', [2]),
        ("a.'b'", [{"c": 1}]),
        ("null", [None]),
        ("a.x.c", []),
        ("l[0].x", [1]),
        ("l[-1].y", [3]),
        ("l[9].x", []),
        ("l[*].x", [1, 2]),
        ("$.l.[0].x", [1]),
        ("a.*.c", [1]),
        ("a[0]", []),
    ],
)
def test_paths(path, expected):
    """A path lists every place it names, in exact case; a null is a place, a gap is none."""
    got = compile_path(path)(RECORD)
    print("expected", expected, "got", got)
    assert got == expected


@pytest.mark.parametrize("path", ["a..b", "$..a", "l[?(@.x)]", "l[0:2]", "a b", "a.", "$a", "a`x`", "a|b", "l[0]x"])
def test_other_paths_are_refused(path):
    """Anything else of JSONPath is refused, with the place that is not understood."""
    with pytest.raises(PathRefused, match="is not understood at"):
        compile_path(path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("yes", "yes"),
        ("No", "No"),
        ("on", "on"),
        ("true", True),
        ("TRUE", True),
        ("False", False),
        ("0644", 644),
        ("-12", -12),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("2024-01-01", "2024-01-01"),
        ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z"),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("null", None),
        ("~", None),
        ("", None),
        ("'5'", "5"),
        ("{a: &x [1], b: *x}", {"a": [1], "b": [1]}),
        ("{<<: {a: 1}, b: 2}", {"a": 1, "b": 2}),
    ],
)
def test_yaml_is_read_as_panther_reads_it(text, expected):
    """Only true and false are booleans, numbers are decimal, times and words stay text."""
    got = Reader().read(f"key: {text}".encode())["key"]
    print("expected", repr(expected), "got", repr(got))
    assert (got, type(got)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("data", "line"),
    [(b"a: [1", 2), (b"a: 1\nb: !!python/object:os.system {}", 2), (b"a: \xff", None), (b"a: 1\n---\nb: 2", 2)],
)
def test_what_is_not_yaml(data, line):
    """A file that cannot be read is told with its line where that is known."""
    with pytest.raises(YamlProblem, match="not YAML: ") as caught:
        Reader().read(data)
    print("expected", line, "got", caught.value.line, caught.value)
    assert caught.value.line == line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-05-01T10:11:12Z", "2024-05-01 10:11:12"),
        ("2024-05-01T10:11:12.123Z", "2024-05-01 10:11:12.123000"),
        ("2024-05-01T10:11:12-01:00", "2024-05-01 11:11:12"),
        ("2024-05-01 10:11:12", "2024-05-01 10:11:12"),
        ("yesterday", None),
        ("", None),
        (5, None),
        (None, None),
    ],
)
def test_panther_time(text, expected):
    """`eventTime` becomes a time without zone in UTC; what is no time becomes nothing."""
    assert panther_time(text) == expected


def test_top_level_names():
    """Names bound at the top level count in any branch; those inside functions, classes and lambdas do not."""
    source = b"""
import os.path as p, a.b
from c import d as e
f, (g, h) = 1, (2, 3)
def i(x): j = 1
class k:
    l = 1
if p:
    m = 1
else:
    def n(): pass
try:
    o = 1
except Exception:
    q = 1
finally:
    r = 1
for s in []: t = 1
with open as u: pass
if (v := 1): pass
match p:
    case 1: w = 1
x: int = 1
y = lambda z: (zz := z)
"""
    got = top_level_names(parse(source, "x"))
    assert sorted(got) == sorted("pa e f g h i k m n o q r s t u v w x y".replace("pa", "p a").split())
