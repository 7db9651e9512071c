"""Another event for whoever comes after."""
# expect: raise nothing


def rule(event):
    event["eventName"] = "Good"
