from iota_cloudtrail import account, actor, by_aws_service, context, succeeded

SAML = ("CreateSAMLProvider", "UpdateSAMLProvider")
OIDC = (
    "CreateOpenIDConnectProvider",
    "AddClientIDToOpenIDConnectProvider",
    "UpdateOpenIDConnectProviderThumbprint",
)


def rule(event):
    name = event.get("eventName")
    if name not in SAML and name not in OIDC:
        return False
    # Identity Center keeps its own provider up to date in a service-linked role.
    return event.get("eventSource") == "iam.amazonaws.com" and succeeded(event) and not by_aws_service(event)


def provider(event):
    return (
        event.deep_get("requestParameters", "url")
        or event.deep_get("requestParameters", "sAMLProviderArn")
        or event.deep_get("requestParameters", "openIDConnectProviderArn")
        or event.deep_get("requestParameters", "name", default="unknown")
    )


def severity(event):
    if event.get("eventName") in SAML:
        return "HIGH"
    return "LOW" if "oidc.eks." in provider(event) else "MEDIUM"


def title(event):
    what = f"identity provider {provider(event)}"
    return f"{actor(event)} changed {what} in account {account(event)}: {event.get('eventName')}"


def alert_context(event):
    return context(event, provider=provider(event))
