from iota_cloudtrail import actor, by_aws_service, context, succeeded

ENDINGS = (".txt", ".html", ".htm", ".hta", ".md", ".rtf", ".pdf")
# What the names of notes contain once case, spaces, dots, dashes and underscores are gone.
WORDS = (
    "ransom",
    "howtodecrypt",
    "howtorecover",
    "howtorestore",
    "decryptinstruction",
    "decryptyour",
    "decryptmyfile",
    "recoverinstruction",
    "recoveryourfile",
    "recoveryourdata",
    "restoreyourfile",
    "restoreyourdata",
    "restoremyfile",
    "yourfilesareencrypted",
    "yourdataisencrypted",
    "filesencrypted",
    "dataencrypted",
    "fileslocked",
    "unlockyour",
    "readmetodecrypt",
    "readmetorestore",
    "readmetorecover",
    "readmedecrypt",
    "payinstruction",
    "paymentinstruction",
    "alldataisgone",
    "yourdatahasbeen",
    "yourfileshavebeen",
    "warningyourdata",
)
NOTHING = str.maketrans("", "", " ._-!+")


def rule(event):
    if event.get("eventName") != "PutObject" or event.get("eventSource") != "s3.amazonaws.com":
        return False
    if not succeeded(event) or by_aws_service(event):
        return False
    name = key(event).lower()
    return name.endswith(ENDINGS) and is_note(name)


def is_note(name):
    letters = name.rpartition("/")[2].translate(NOTHING)
    return any(word in letters for word in WORDS)


def key(event):
    return event.deep_get("requestParameters", "key", default="")


def bucket(event):
    return event.deep_get("requestParameters", "bucketName", default="unknown")


def title(event):
    return f"{actor(event)} wrote a ransom note into bucket {bucket(event)}"


def alert_context(event):
    return context(event, bucket=bucket(event), note=key(event))
