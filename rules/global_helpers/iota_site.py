"""What `site.yml` says of the organisation. `iota compile` puts its values here; without, it is this."""

ACCOUNTS = ()
TRUSTED_CIDRS = ()
CI_ROLES = ()
BREAK_GLASS = ()
ALLOWED_REGIONS = ()


def is_known_account(account):
    """Whether an account is one of those listed."""
    return False


def account_name(account):
    """What people call an account; None where that is not said."""
    return None


def environment(account):
    """What an account is for, such as `prod`; None where that is not said."""
    return None


def is_trusted_address(address):
    """Whether an address lies in one of the organisation's networks."""
    return False


def is_ci_role(arn):
    """Whether a role is one that deploys; give it the ARN of the role, not of its session."""
    return False


def is_break_glass(arn):
    """Whether a role or user is kept for emergencies."""
    return False


def is_allowed_region(region):
    """Whether a region is one that the organisation works in; all are where that is not said."""
    return True
