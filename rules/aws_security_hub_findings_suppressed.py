from iota_cloudtrail import account, actor, as_list, by_aws_service, context, succeeded

RULES = ("CreateAutomationRule", "BatchUpdateAutomationRules")


def rule(event):
    name = event.get("eventName")
    if name != "BatchUpdateFindings" and name not in RULES:
        return False
    if event.get("eventSource") != "securityhub.amazonaws.com" or not succeeded(event) or by_aws_service(event):
        return False
    if name == "BatchUpdateFindings":
        return event.deep_get("requestParameters", "Workflow", "Status") == "SUPPRESSED"
    return any(suppresses(item) for item in rules(event))


def rules(event):
    """The automation rules that the call wrote: one, or several at once."""
    if event.get("eventName") == "CreateAutomationRule":
        return [event.get("requestParameters") or {}]
    return as_list(event.deep_get("requestParameters", "UpdateAutomationRulesRequestItems"))


def suppresses(item):
    for action in as_list(item.get("Actions")):
        workflow = (action.get("FindingFieldsUpdate") or {}).get("Workflow") or {}
        if workflow.get("Status") == "SUPPRESSED":
            return True
    return False


def severity(event):
    return "MEDIUM" if event.get("eventName") in RULES else "LOW"


def title(event):
    how = "by rule" if event.get("eventName") in RULES else "by hand"
    return f"{actor(event)} suppressed findings of Security Hub {how} in account {account(event)}"


def alert_context(event):
    return context(
        event,
        findings=len(as_list(event.deep_get("requestParameters", "FindingIdentifiers"))),
        name=event.deep_get("requestParameters", "RuleName"),
    )
