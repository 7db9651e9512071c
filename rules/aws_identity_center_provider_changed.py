from iota_cloudtrail import account, actor, by_aws_service, context, succeeded

SOURCES = ("sso.amazonaws.com", "sso-directory.amazonaws.com")
EVENTS = (
    "AssociateDirectory",
    "CreateExternalIdPConfigurationForDirectory",
    "CreateTrustedTokenIssuer",
    "DisableExternalIdPConfigurationForDirectory",
    "DisassociateDirectory",
    "EnableExternalIdPConfigurationForDirectory",
    "ImportExternalIdPCertificate",
    "UpdateExternalIdPConfigurationForDirectory",
    "UpdateTrustedTokenIssuer",
)


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") not in SOURCES:
        return False
    return succeeded(event) and not by_aws_service(event)


def title(event):
    where = f"Identity Center in account {account(event)}"
    return f"{actor(event)} changed the identity source of {where}: {event.get('eventName')}"


def dedup(event):
    # Changing the source takes several calls.
    return f"{account(event)}:{actor(event)}"


def alert_context(event):
    return context(event, change=event.get("eventName"))
