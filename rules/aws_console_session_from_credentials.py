from iota_cloudtrail import account, actor, context

EVENTS = ("GetSigninToken", "ConsoleLogin")


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "signin.amazonaws.com":
        return False
    if event.deep_get("responseElements", event.get("eventName")) != "Success":
        return False
    if event.deep_get("userIdentity", "type") == "FederatedUser":
        return True
    # The session of an instance is named after it; nobody else names sessions so by chance.
    return ":i-" in event.deep_get("userIdentity", "principalId", default="")


def title(event):
    return f"{actor(event)} opened the console of account {account(event)}, where only people should be"


def alert_context(event):
    return context(event)
