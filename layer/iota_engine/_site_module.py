"""The module `iota_site`: the organisation's values, as rules import them.

In: a `Site`. Out: Python source. The worker runs these very lines, the pack carries them, and conditions are taken from
them: what a rule sees and what is known of it ahead of time cannot differ. What is not set is written as a constant
answer, so that a rule that asks for it costs nothing more.
"""

from __future__ import annotations

import ipaddress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from iota_engine._site import Site

MODULE = "iota_site"
# What each name of the module says something of.
NAMES = {
    "ACCOUNTS": "accounts",
    "ALLOWED_REGIONS": "allowed_regions",
    "BREAK_GLASS": "break_glass",
    "CI_ROLES": "ci_roles",
    "TRUSTED_CIDRS": "trusted_cidrs",
    "account_name": "accounts",
    "environment": "accounts",
    "is_allowed_region": "allowed_regions",
    "is_break_glass": "break_glass",
    "is_ci_role": "ci_roles",
    "is_known_account": "accounts",
    "is_trusted_address": "trusted_cidrs",
}

_TEXT = '''"""What `site.yml` says of the organisation. `iota compile` puts its values here; without, it is this."""
{imports}
ACCOUNTS = {accounts}
TRUSTED_CIDRS = {trusted_cidrs}
CI_ROLES = {ci_roles}
BREAK_GLASS = {break_glass}
ALLOWED_REGIONS = {allowed_regions}
{tables}

def is_known_account(account):
    """Whether an account is one of those listed."""
    return {is_known_account}


def account_name(account):
    """What people call an account; None where that is not said."""
    return {account_name}


def environment(account):
    """What an account is for, such as `prod`; None where that is not said."""
    return {environment}


def is_trusted_address(address):
    """Whether an address lies in one of the organisation's networks."""
{is_trusted_address}


def is_ci_role(arn):
    """Whether a role is one that deploys; give it the ARN of the role, not of its session."""
    return {is_ci_role}


def is_break_glass(arn):
    """Whether a role or user is kept for emergencies."""
    return {is_break_glass}


def is_allowed_region(region):
    """Whether a region is one that the organisation works in; all are where that is not said."""
    return {is_allowed_region}
'''
_IN_NETWORKS = """\
    if not isinstance(address, str):
        return False
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(version == found.version and first <= int(found) <= last for version, first, last in _RANGES)"""


def _range(cidr: str) -> tuple[int, int, int]:
    network = ipaddress.ip_network(cidr)
    return network.version, int(network[0]), int(network[-1])


def source(site: Site) -> str:
    """Return the text of the module."""
    names = {account: said["name"] for account, said in site.accounts.items() if said["name"]}
    environments = {account: said["environment"] for account, said in site.accounts.items() if said["environment"]}
    tables = ""
    if names:
        tables += f"_NAMES = {names!a}\n"
    if environments:
        tables += f"_ENVIRONMENTS = {environments!a}\n"
    if site.trusted_cidrs:
        # Plain numbers are constants to whoever takes conditions from this; networks would be objects.
        tables += f"_RANGES = {tuple(map(_range, site.trusted_cidrs))}\n"
    return _TEXT.format(
        imports="\nimport ipaddress\n" if site.trusted_cidrs else "",
        tables=tables,
        accounts=ascii(tuple(site.accounts)),
        trusted_cidrs=ascii(site.trusted_cidrs),
        ci_roles=ascii(site.ci_roles),
        break_glass=ascii(site.break_glass),
        allowed_regions=ascii(site.allowed_regions),
        is_known_account="account in ACCOUNTS" if site.accounts else "False",
        account_name="_NAMES.get(account) if isinstance(account, str) else None" if names else "None",
        environment="_ENVIRONMENTS.get(account) if isinstance(account, str) else None" if environments else "None",
        is_trusted_address=_IN_NETWORKS if site.trusted_cidrs else "    return False",
        is_ci_role="arn in CI_ROLES" if site.ci_roles else "False",
        is_break_glass="arn in BREAK_GLASS" if site.break_glass else "False",
        is_allowed_region="region in ALLOWED_REGIONS" if site.allowed_regions else "True",
    )
