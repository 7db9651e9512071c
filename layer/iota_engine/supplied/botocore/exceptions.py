"""The exceptions that code around `boto3` catches. Nothing raises them here."""


class BotoCoreError(Exception):
    """The base of what botocore raises before a call."""


class ClientError(Exception):
    """What botocore raises for a refused call."""


class NoCredentialsError(BotoCoreError):
    """No credentials were found."""
