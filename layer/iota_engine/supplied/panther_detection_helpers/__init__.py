"""The part of Panther's helper library that rules use: see `caching`."""
