from iota_cloudtrail import account, actor, context
from iota_resources import from_console, with_long_term_key

EVENTS = (
    "GetSendQuota",
    "GetSendStatistics",
    "GetAccount",
    "GetAccountSendingEnabled",
    "ListIdentities",
    "ListEmailIdentities",
    "GetIdentityVerificationAttributes",
    "GetSMSAttributes",
    "GetSMSSandboxAccountStatus",
    "ListOriginationNumbers",
    "DescribeSpendLimits",
    "DescribeAccountAttributes",
)
SOURCES = ("ses.amazonaws.com", "sns.amazonaws.com", "sms-voice.amazonaws.com")


def rule(event):
    # Refused questions count too.
    return (
        event.get("eventName") in EVENTS
        and event.get("eventSource") in SOURCES
        and with_long_term_key(event)
        and not from_console(event)
    )


def title(event):
    return f"{actor(event)} looked up what mail and messages account {account(event)} may send"


def dedup(event):
    return event.deep_get("userIdentity", "arn") or actor(event)


def unique(event):
    return event.get("eventName")


def alert_context(event):
    return context(event, last=event.get("eventName"), error=event.get("errorCode"))
