from iota_cloudtrail import account, by_aws_service, context
from iota_site import is_trusted_address

# What people and attackers run, and instances do not.
SYSTEMS = ("os/macos", "darwin", "kali", "parrot", "microsoft-standard")
# First numbers of IPv4 addresses where AWS has no machines, as far as its published ranges tell. Numbers that it shares
# with others are left out, so that this misses much and is seldom wrong.
# fmt: off
ELSEWHERE = (
    "5", "14", "24", "25", "31", "32", "37", "38", "39", "41", "42", "45", "48", "49", "53", "55", "59", "60",
    "61", "62", "73", "77", "78", "80", "81", "82", "83", "84", "85", "86", "88", "89", "90", "91", "92", "93",
    "94", "95", "97", "101", "102", "105", "106", "110", "112", "115", "121", "123", "125", "126", "128", "133",
    "141", "145", "153", "154", "171", "179", "181", "183", "186", "187", "188", "189", "190", "191", "196",
    "197", "200", "201", "202", "203", "206", "210", "211", "217", "218", "219", "220", "221", "222",
)
# fmt: on


def rule(event):
    if event.deep_get("userIdentity", "type") != "AssumedRole":
        return False
    # The session of an instance is named after it.
    if ":i-" not in event.deep_get("userIdentity", "principalId", default="") or by_aws_service(event):
        return False
    return on_a_laptop(event) or from_elsewhere(event)


def on_a_laptop(event):
    agent = (event.get("userAgent") or "").lower()
    return any(system in agent for system in SYSTEMS)


def from_elsewhere(event):
    source = event.get("sourceIPAddress") or ""
    # Instances may reach AWS through the organisation's own ways out.
    if is_trusted_address(source):
        return False
    # Calls that a service makes on behalf of the instance have its name here, not an address.
    return source.split(".")[0] in ELSEWHERE


def instance(event):
    return event.deep_get("userIdentity", "principalId", default="unknown").rpartition(":")[2]


def severity(event):
    return "HIGH" if on_a_laptop(event) else "MEDIUM"


def title(event):
    return f"credentials of instance {instance(event)} of account {account(event)} are used somewhere else"


def dedup(event):
    return instance(event)


def alert_context(event):
    return context(event, instance=instance(event), call=event.get("eventName"), error=event.get("errorCode"))
