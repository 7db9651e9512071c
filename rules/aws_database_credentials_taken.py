from iota_cloudtrail import account, actor, as_list, by_aws_service, context, succeeded

LIGHTSAIL = ("GetRelationalDatabaseMasterUserPassword", "DownloadDefaultKeyPair")
ADMINS = ("admin", "awsuser", "master", "postgres", "rdsdb", "root")


def rule(event):
    name = event.get("eventName")
    if name not in LIGHTSAIL and name != "GetClusterCredentials":
        return False
    if not succeeded(event) or by_aws_service(event):
        return False
    if name in LIGHTSAIL:
        return True
    groups = [str(group).lower() for group in as_list(event.deep_get("requestParameters", "dbGroups"))]
    return database_user(event).lower() in ADMINS or any(group in ADMINS for group in groups)


def database_user(event):
    return event.deep_get("requestParameters", "dbUser", default="")


def title(event):
    return f"{actor(event)} fetched credentials in account {account(event)}: {event.get('eventName')}"


def alert_context(event):
    return context(event, call=event.get("eventName"), database_user=database_user(event))
