"""Answers whose class lies about itself."""
# expect: raise type nothing


class Text(str):
    def __len__(self):
        return 1 << 62

    def __str__(self):
        return "\ud800\x00"

    def encode(self, *_):
        return b"\xff\n"


class Yes:
    def __bool__(self):
        raise KeyboardInterrupt


def rule(event):
    return True


def title(event):
    return Text("a\nb")


def dedup(event):
    return Text("c")


def alert_context(event):
    return {Text("k"): Text("v"), "x": Yes()}
