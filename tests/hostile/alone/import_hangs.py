"""An import that does not end: not here, its limit is ten seconds; it writes instead."""
# expect: unloaded

open("@CANARY@", "w").write("here")
