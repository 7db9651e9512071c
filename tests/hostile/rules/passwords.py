"""A file of the system that is none of a rule's business."""


def attempt():
    return open("/etc/passwd").read()
