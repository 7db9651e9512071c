from iota_cloudtrail import actor, by_aws_service, context, succeeded

ORGANIZATION = ("RegisterDelegatedAdministrator", "DeregisterDelegatedAdministrator")
# The services that kept calls of their own for it: GuardDuty, Security Hub, Macie, Inspector, Detective, CloudTrail.
OWN = (
    "EnableOrganizationAdminAccount",
    "DisableOrganizationAdminAccount",
    "EnableDelegatedAdminAccount",
    "DisableDelegatedAdminAccount",
    "RegisterOrganizationDelegatedAdmin",
    "DeregisterOrganizationDelegatedAdmin",
)


def rule(event):
    name = event.get("eventName")
    if name not in ORGANIZATION and name not in OWN:
        return False
    return succeeded(event) and not by_aws_service(event)


def delegate(event):
    for part in ("accountId", "adminAccountId", "delegatedAdminAccountId", "memberAccountId"):
        found = event.deep_get("requestParameters", part)
        if found:
            return found
    return "unknown"


def service(event):
    return event.deep_get("requestParameters", "servicePrincipal") or event.get("eventSource") or "unknown"


def title(event):
    return f"{actor(event)}: {event.get('eventName')} {delegate(event)} for {service(event)}"


def dedup(event):
    # The services' own calls are followed by that of the organization.
    return delegate(event)


def alert_context(event):
    return context(event, delegate=delegate(event), service=service(event))
