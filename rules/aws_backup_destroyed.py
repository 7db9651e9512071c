from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_resources import on_behalf

EVENTS = (
    "DeleteRecoveryPoint",
    "DisassociateRecoveryPoint",
    "DeleteBackupVault",
    "DeleteBackupVaultLockConfiguration",
    "DeleteBackupVaultAccessPolicy",
)


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "backup.amazonaws.com":
        return False
    # What expires is a service event, and by AWS itself.
    return (
        event.get("eventType") != "AwsServiceEvent"
        and succeeded(event)
        and not by_aws_service(event)
        and not on_behalf(event)
    )


def vault(event):
    return event.deep_get("requestParameters", "backupVaultName", default="unknown")


def title(event):
    where = f"vault {vault(event)} of account {account(event)}"
    return f"{actor(event)} destroyed backups in {where}: {event.get('eventName')}"


def alert_context(event):
    return context(event, vault=vault(event), recovery_point=event.deep_get("requestParameters", "recoveryPointArn"))
