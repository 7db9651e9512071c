from iota_cloudtrail import account, actor, context
from iota_resources import first_look

TOOLS = (
    "pacu",
    "cloudfox",
    "trufflehog",
    "enumerate-iam",
    "cloudmapper",
    "weirdaal",
    "stratus-red-team",
    "s3scanner",
    "bucket-finder",
    "nimbostratus",
    "peirates",
    "cloudgrappler",
    "#kali",
    "-kali",
    "kali-",
    "kali/",
    "parrotsec",
    "#parrot",
    "pentoo",
    "blackarch",
)
AUDITORS = ("prowler", "scoutsuite", "scout suite", "cloudsploit", "steampipe", "cloudsplaining")


def rule(event):
    # Every tool asks at least one of these. Refused calls count: most are.
    if not first_look(event):
        return False
    agent = (event.get("userAgent") or "").lower()
    return any(tool in agent for tool in (*TOOLS, *AUDITORS))


def tool(event):
    agent = (event.get("userAgent") or "").lower()
    return next((name for name in (*TOOLS, *AUDITORS) if name in agent), "unknown").strip("#-/")


def severity(event):
    return "LOW" if tool(event) in AUDITORS else "HIGH"


def title(event):
    return f"{actor(event)} of account {account(event)} is used with {tool(event)}"


def alert_context(event):
    return context(event, tool=tool(event), error=event.get("errorCode"))
