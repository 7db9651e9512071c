from iota_cloudtrail import account, actor, as_list, by_aws_service, context, succeeded
from iota_identity import by_pipeline


def rule(event):
    return (
        event.get("eventName") == "DeleteFlowLogs"
        and event.get("eventSource") == "ec2.amazonaws.com"
        and succeeded(event)
        and not by_aws_service(event)
    )


def flow_logs(event):
    found = as_list(event.deep_get("requestParameters", "DeleteFlowLogsRequest", "FlowLogId"))
    return [one.get("content") if hasattr(one, "keys") else one for one in found]


def severity(event):
    return "LOW" if by_pipeline(event) else "MEDIUM"


def title(event):
    return f"{actor(event)} deleted VPC flow logs in account {account(event)}, {event.get('awsRegion')}"


def alert_context(event):
    return context(event, flow_logs=flow_logs(event))
