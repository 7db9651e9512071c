"""Stands in for `botocore`, so that code which names its exceptions can be imported; see `boto3`."""
