"""Checks `template.yaml` without AWS: SAM must be able to transform it, and what comes out must keep our promises.

    python tests/sam/check_template.py

`sam validate --lint` accepts templates whose transform fails, and knows nothing of what this stack must not be able to
do. So the transform is run here, in this process, and its conditions are carried out for every choice of parameters
that matters: which resources exist, which rights, who may tell whom, and whether CloudFormation can find an order in
which to make it all.
"""

import itertools
import json
import re
import sys
from collections.abc import Callable, Iterator

from evaluate import Evaluated, references, rounds
from transform import ROOT, Json, source, translated

FILTER = '{ $.kind = "alert" || $.kind = "rule_error" || $.kind = "health" }'
EXISTING = "our-trail"
TOPIC = "arn:aws:sns:us-east-1:111122223333:trail"
BUS = "arn:aws:events:us-east-1:111122223333:event-bus/security"
KEY = "arn:aws:kms:us-east-1:111122223333:key/1a2b"

SOURCE = source()
TEMPLATE = translated(source())

WHERE: tuple[Json, ...] = (
    {},
    {"LogBucketName": EXISTING},
    {"LogBucketName": EXISTING, "LogArchiveAccountId": "999988887777"},
)
NOTIFIED: tuple[Json, ...] = (
    {"NotifiedBy": "EventBridge"},
    {"NotifiedBy": "TrailSns", "NotifyTopicArn": TOPIC},
    {"NotifiedBy": "BucketNotification"},
)
DELIVERED: tuple[Json, ...] = ({"Delivery": "Direct"}, {"Delivery": "Queue"})
PER_CALL: tuple[Json, ...] = ({"PerCallEvents": "off"}, {"PerCallEvents": "writes"}, {"PerCallEvents": "all"})
# Each alone, all together, and none.
EXTRAS: tuple[Json, ...] = (
    {"TrailKmsKeyArn": KEY},
    {"CreateTrail": "false"},
    {"TrailAccountId": "444455556666", "LogFileRetentionDays": 0},
    {"SwitchEventBridge": "false"},
    {"SiemDestinationArn": "arn:aws:lambda:us-east-1:111122223333:function:siem"},
    {
        "SiemDestinationArn": "arn:aws:firehose:us-east-1:111122223333:deliverystream/siem",
        "SiemRoleArn": "arn:aws:iam::111122223333:role/logs-to-firehose",
    },
    {"AlarmTopicArn": TOPIC, "SilenceHours": 24},
    {"Concurrency": 20, "Architecture": "arm64", "Timeout": 900},
    {"RulesLayerArn": "arn:aws:lambda:us-east-1:111122223333:layer:rules:7"},
    {
        "PermissionsBoundaryArn": "arn:aws:iam::111122223333:policy/wall",
        "RoleName": "iota-detect",
        "RolePath": "/security/",
    },
    {"SubnetIds": "subnet-1,subnet-2", "SecurityGroupIds": "sg-1"},
    {"EndpointVpcId": "vpc-1", "EndpointRouteTableIds": "rtb-1,rtb-2"},
    {"LogsKmsKeyArn": KEY, "QueueKmsKeyArn": KEY},
    {"CodeSigningConfigArn": "arn:aws:lambda:us-east-1:111122223333:code-signing-config:csc-1"},
    {"AlertsTo": BUS},
    {"WorkerPer": "rule"},
    {"MaskFields": "off"},
    {"Canary": "off"},
    {"ReaderRoleArn": "arn:aws:iam::999988887777:role/iota-log-reader"},
)


class Stack(Evaluated):
    """The template for one choice, with short questions."""

    def __init__(self, chosen: Json | None = None, region: str = "us-east-1") -> None:
        super().__init__(TEMPLATE, chosen, region)
        self.chosen = chosen or {}

    def of(self, kind: str) -> Json:
        """The properties of all resources of a kind, by name."""
        return {name: entry["Properties"] for name, entry in self.resources.items() if entry["Type"] == kind}

    def only(self, kind: str) -> Json:
        """The properties of the one resource of a kind."""
        [found] = self.of(kind).values()
        properties: Json = found
        return properties

    def statements(self, role: str = "DetectRole") -> dict[str, Json]:
        """The rights of a role, by their names."""
        [policy] = self.resources[role]["Properties"]["Policies"]
        return {entry["Sid"]: entry for entry in policy["PolicyDocument"]["Statement"]}


def choices() -> Iterator[Json]:
    """Every choice that matters: the four axes in full, each with every extra."""
    everything: Json = {}
    for extra in EXTRAS:
        everything |= extra
    for axes in itertools.product(WHERE, NOTIFIED, DELIVERED, PER_CALL):
        base: Json = {}
        for axis in axes:
            base |= axis
        for extra in ({}, *EXTRAS, everything):
            yield base | extra


def every_choice_is_a_whole_stack() -> None:
    """Whatever is chosen, what exists refers only to what exists, in an order, in every partition."""
    for number, chosen in enumerate(choices()):
        # The other partitions take turns: what differs there is spelt, not chosen.
        for region in ("us-east-1", ("us-gov-west-1", "cn-north-1")[number % 2]):
            stack = Stack(chosen, region)
            if stack.broken_rules():
                continue
            needs = {name: set(references(entry)) for name, entry in stack.resources.items()}
            for name, needed in (*needs.items(), ("Outputs", set(references(stack.outputs)))):
                if needed - stack.resources.keys():
                    missing = needed - stack.resources.keys()
                    raise AssertionError(f"{chosen}: `{name}` refers to {missing}, which do not exist")
            if rounds(needs):
                raise AssertionError(f"{chosen}: these need each other: {rounds(needs)}")
            foreign = [text for text in strings(stack.resources) if "arn:aws:" in text and region != "us-east-1"]
            given = set(map(str, stack.chosen.values()))
            equal([text for text in foreign if text not in given], [])


def every_choice_reaches_the_function() -> None:
    """One way in, and whoever stands at its end may use it: the function or the queue lets the sender in."""
    senders = {"EventBridge": "events.amazonaws.com", "TrailSns": "sns.amazonaws.com"}
    for chosen in choices():
        stack = Stack(chosen)
        if stack.broken_rules():
            continue
        sender = senders.get(chosen["NotifiedBy"], "s3.amazonaws.com")
        events = chosen["PerCallEvents"] != "off" or chosen.get("Canary") != "off"
        expected = {sender} | ({"events.amazonaws.com"} if events else set())
        queued = chosen["Delivery"] == "Queue"
        files = {"Fn::GetAtt": ["Files", "Arn"]}
        target = files if queued else {"Fn::GetAtt": ["Detect", "Arn"]}
        permissions = stack.of("AWS::Lambda::Permission").values()
        equal({entry["Principal"] for entry in permissions}, set() if queued else expected)
        equal(all("SourceArn" in entry for entry in permissions), True)
        if queued:
            allowed = stack.resources["FilesPolicy"]["Properties"]["PolicyDocument"]["Statement"]
            equal({entry["Principal"]["Service"] for entry in allowed if entry["Effect"] == "Allow"}, expected)
            equal(
                all("aws:SourceArn" in str(entry["Condition"]) for entry in allowed if entry["Effect"] == "Allow"), True
            )
            equal(stack.only("AWS::Lambda::EventSourceMapping")["FunctionResponseTypes"], ["ReportBatchItemFailures"])
        equal("Files" in stack.resources, queued)
        for rule in stack.of("AWS::Events::Rule").values():
            [to] = rule["Targets"]
            equal(to["Arn"], target)
            equal(to["DeadLetterConfig"], {"Arn": {"Fn::GetAtt": ["Failures", "Arn"]}})
        for subscription in stack.of("AWS::SNS::Subscription").values():
            equal((subscription["Protocol"], subscription["Endpoint"]), ("sqs" if queued else "lambda", target))
        for change in stack.of("Custom::BucketNotification").values():
            equal(change["Target"], target if change["Mode"] == "Entry" else "")
            # The destination lets the bucket in before the bucket is told of it.
            equal(change["Permitted"] != "", change["Mode"] == "Entry")


def a_choice_that_cannot_be_is_refused() -> None:
    """Before anything is made, and in words."""
    check = lambda chosen: len(Stack(chosen).broken_rules())  # noqa: E731
    equal(check({}), 0)
    equal(check({"NotifiedBy": "TrailSns"}), 1)
    equal(check({"LogArchiveAccountId": "999988887777"}), 1)
    archive = {"LogArchiveAccountId": "999988887777", "LogBucketName": EXISTING}
    equal(check(archive), 0)
    equal(check(archive | {"NotifiedBy": "BucketNotification"}), 1)
    equal(check({"Delivery": "Queue", "Concurrency": 1}), 1)


def only_what_was_asked_for_is_made() -> None:
    """The resources of the choices that people make most, by name."""
    always = {
        "Detect", "DetectEventInvokeConfig", "EngineLayer", "RulesLayer", "DetectRole", "DetectLogs", "Failures",
        "FailuresPolicy", "Dashboard", "LogFileCount", "CanarySchedule", "CanaryCount", "CanaryAlarm",
        "FailuresAlarm", "LostAlarm", "ErrorsAlarm", "ThrottlesAlarm", "RuleErrorsAlarm", "BlindPairsAlarm",
        "NotEvaluatedAlarm", "UnbalancedAlarm", "HealthAlarm", "SilenceAlarm", "LateAlarm",
    }  # fmt: skip
    own = {"LogBucket", "LogBucketPolicy", "Trail"}
    direct = {"AsyncWaitingAlarm", "CanaryInvokesDetect"}
    queue = {"Files", "FilesPolicy", "FilesFeed", "WaitingAlarm"}
    rule, change = {"NewLogFile"}, {"BucketChange", "BucketChanger", "BucketChangerRole", "BucketChangerLogs"}
    existing: Json = {"LogBucketName": EXISTING}

    def check(chosen: Json, expected: set[str]) -> None:
        found = {re.sub(r"(Layer)[0-9a-f]{10}$", r"\1", name) for name in Stack(chosen).resources}
        if found != always | expected:
            raise AssertionError(
                f"{chosen}: too many {found - always - expected}, missing {(always | expected) - found}"
            )

    check({}, own | direct | rule | {"NewLogFileInvokes"})
    check(existing, direct | rule | change | {"NewLogFileInvokes"})
    check(existing | {"SwitchEventBridge": "false"}, direct | rule | {"NewLogFileInvokes"})
    check(existing | {"Delivery": "Queue"}, queue | rule | change)
    topic = {"NotifiedBy": "TrailSns", "NotifyTopicArn": TOPIC}
    check(existing | topic, direct | {"TopicSubscription", "TopicInvokesDetect"})
    check(existing | topic | {"Delivery": "Queue"}, queue | {"TopicSubscription"})
    entry = {"NotifiedBy": "BucketNotification"}
    check(existing | entry, direct | change | {"BucketInvokes"})
    check(existing | entry | {"Delivery": "Queue"}, queue | change)
    check({"PerCallEvents": "all"}, own | direct | rule | {"NewLogFileInvokes", "ApiCalls", "ApiCallsInvoke"})
    archive = {"LogArchiveAccountId": "999988887777"}
    bus = {"ForwardedEvents", "ForwardedEventsPolicy"}
    check(existing | archive, direct | rule | bus | {"NewLogFileInvokes"})
    quiet = Stack(existing | {"Canary": "off"}).resources
    equal([name for name in quiet if "Canary" in name], [])


def the_function_is_the_wrapper() -> None:
    """The Rust binary is started in place of a Python runtime that AWS patches."""
    function = Stack().resources["Detect"]["Properties"]
    equal(function["Runtime"], "python3.13")
    equal(function["Architectures"], ["x86_64"])
    equal(function["Environment"]["Variables"]["AWS_LAMBDA_EXEC_WRAPPER"], "/var/task/bootstrap")
    equal(len(function["Layers"]), 2)


def alerts_go_where_the_role_may_send_them() -> None:
    """The setting is the parameter, there only if it was given, and takes queues and buses alone."""
    variables = lambda chosen: Stack(chosen).resources["Detect"]["Properties"]["Environment"]["Variables"]  # noqa: E731
    equal("IOTA_ALERTS_TO" in variables({}), False)
    equal("IOTA_WORKER_PER" in variables({}), False)
    equal(variables({"WorkerPer": "rule"})["IOTA_WORKER_PER"], "rule")
    equal("IOTA_MASK" in variables({}), False)
    equal(variables({"MaskFields": "apiKey,off_key"})["IOTA_MASK"], "apiKey,off_key")
    equal(variables({"AlertsTo": BUS})["IOTA_ALERTS_TO"], BUS)
    pattern = SOURCE["Parameters"]["AlertsTo"]["AllowedPattern"]
    for good in ("", BUS, "arn:aws-cn:sqs:cn-north-1:111122223333:alerts.fifo"):
        equal((good, bool(re.fullmatch(pattern, good))), (good, True))
    for bad in (TOPIC, "alerts", BUS.replace("event-bus", "rule"), "arn:aws:sqs:us-east-1:111122223333:*"):
        equal((bad, bool(re.fullmatch(pattern, bad))), (bad, False))


def no_line_is_dropped() -> None:
    """JSON logs into our own group, nothing filtered by level, kept for a while and beyond the stack's end."""
    stack = Stack({"LogsKmsKeyArn": KEY, "AlertRetentionDays": 365})
    logging = stack.resources["Detect"]["Properties"]["LoggingConfig"]
    equal(logging["LogFormat"], "JSON")
    equal(logging["ApplicationLogLevel"], "INFO")
    equal(logging["LogGroup"], {"Ref": "DetectLogs"})
    group = stack.resources["DetectLogs"]
    equal((group["Properties"]["RetentionInDays"], group["Properties"]["KmsKeyId"]), (365, KEY))
    equal(group["DeletionPolicy"], "Retain")


def the_siem_gets_what_people_must_see() -> None:
    """The subscription carries alerts, rule errors and health lines; the guides quote the very filter."""
    firehose = EXTRAS[5]
    filters = Stack(firehose).only("AWS::Logs::SubscriptionFilter")
    equal(filters["FilterPattern"], FILTER)
    equal(filters["RoleArn"], firehose["SiemRoleArn"])
    equal("RoleArn" in Stack(EXTRAS[4]).only("AWS::Logs::SubscriptionFilter"), False)
    for guide in ("docs/siem.md", "README.md"):
        equal(FILTER in (ROOT / guide).read_text(encoding="utf-8"), True)


def the_role_can_do_little() -> None:
    """Exactly the rights the function needs, each on the resource it needs it for, and no managed policy."""
    base = {
        "ReadLogFiles": ["s3:GetObject", "s3:GetObjectVersion"],
        "WriteLines": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "KeepFailures": "sqs:SendMessage",
    }
    queue = {"TakeNotifications": ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]}

    def check(chosen: Json, expected: Json) -> dict[str, Json]:
        stack = Stack({"LogBucketName": EXISTING} | chosen)
        rights = stack.statements()
        allowed = {sid: entry["Action"] for sid, entry in rights.items() if entry["Effect"] == "Allow"}
        equal(allowed, expected)
        for sid, entry in rights.items():
            if entry["Effect"] == "Allow" and sid != "LambdaMakesInterfaces" and "*" in str(entry["Resource"])[:-1]:
                raise AssertionError(f"`{sid}` is for anything: {entry['Resource']}")
        for role in stack.of("AWS::IAM::Role").values():
            equal(role.get("ManagedPolicyArns"), None)
        return rights

    rights = check({}, base)
    equal(rights["ReadLogFiles"]["Resource"], "arn:aws:s3:::our-trail/AWSLogs/*")
    equal(rights["WriteLines"]["Resource"], {"Fn::GetAtt": ["DetectLogs", "Arn"]})
    equal(rights["KeepFailures"]["Resource"], {"Fn::GetAtt": ["Failures", "Arn"]})
    rights = check({"LogPrefix": "o-1/AWSLogs/"}, base)
    equal(rights["ReadLogFiles"]["Resource"], "arn:aws:s3:::our-trail/o-1/AWSLogs/*")
    rights = check({"TrailKmsKeyArn": KEY}, base | {"DecryptLogFiles": "kms:Decrypt"})
    equal(rights["DecryptLogFiles"]["Resource"], KEY)
    equal(
        rights["DecryptLogFiles"]["Condition"], {"StringEquals": {"kms:ViaService": ["s3.us-east-1.amazonaws.com"] * 2}}
    )
    rights = check({"Delivery": "Queue"}, base | queue)
    equal(rights["TakeNotifications"]["Resource"], {"Fn::GetAtt": ["Files", "Arn"]})
    rights = check({"QueueKmsKeyArn": KEY}, base | {"UseQueueKey": ["kms:Decrypt", "kms:GenerateDataKey"]})
    reader = EXTRAS[-1]["ReaderRoleArn"]
    rights = check(EXTRAS[-1], base | {"TakeReaderRole": "sts:AssumeRole"})
    equal(rights["TakeReaderRole"]["Resource"], reader)
    for chosen, named in ((EXTRAS[-1], reader), ({}, None)):
        variables = Stack(chosen).resources["Detect"]["Properties"]["Environment"]["Variables"]
        equal(variables.get("IOTA_READER_ROLE_ARN"), named)
    rights = check({"AlertsTo": BUS}, base | {"DeliverAlerts": ["sqs:SendMessage", "events:PutEvents"]})
    equal(rights["DeliverAlerts"]["Resource"], BUS)
    rights = Stack(EXTRAS[10]).statements()
    equal((rights["FunctionMakesNone"]["Effect"], rights["FunctionMakesNone"]["Action"]), ("Deny", "ec2:*"))


def whoever_changes_the_bucket_can_do_nothing_else() -> None:
    """Read and write one bucket's notifications, see the names of rules, write its own lines; no other role can."""
    changer = Stack({"LogBucketName": EXISTING}).statements("BucketChangerRole")
    equal(sorted(changer), ["MergeNotifications", "SeeOtherListeners", "WriteLines"])
    equal(changer["MergeNotifications"]["Resource"], "arn:aws:s3:::our-trail")
    equal("NotificationConfiguration" in str(Stack().statements()), False)


def every_role_bears_the_boundary() -> None:
    """An organization's boundary, path and name are on every role that is made."""
    for base in ({"LogBucketName": EXISTING}, {"NotifiedBy": "BucketNotification"}):
        roles = Stack(base | EXTRAS[9]).of("AWS::IAM::Role").values()
        equal({role["PermissionsBoundary"] for role in roles}, {EXTRAS[9]["PermissionsBoundaryArn"]})
        equal({role["Path"] for role in roles}, {"/security/"})
        equal(sorted(role["RoleName"] for role in roles), ["iota-detect", "iota-detect-bucket"])


def queues_and_logs_have_the_customers_key() -> None:
    """Both queues, both log groups; else what AWS gives."""
    stack = Stack({"LogBucketName": EXISTING, "Delivery": "Queue"} | EXTRAS[12])
    equal({queue["KmsMasterKeyId"] for queue in stack.of("AWS::SQS::Queue").values()}, {KEY})
    equal({group["KmsKeyId"] for group in stack.of("AWS::Logs::LogGroup").values()}, {KEY})
    for queue in Stack({"Delivery": "Queue"}).of("AWS::SQS::Queue").values():
        equal((queue["SqsManagedSseEnabled"], "KmsMasterKeyId" in queue), (True, False))


def log_files_and_nothing_else_are_told() -> None:
    """CloudTrail's folders below the prefix, of this bucket; of another account only over the bus made for it."""
    rule = Stack({"LogBucketName": EXISTING}).of("AWS::Events::Rule")["NewLogFile"]
    equal(rule["EventPattern"]["detail"]["bucket"], {"name": [EXISTING]})
    equal(rule["EventPattern"]["detail"]["object"], {"key": [{"wildcard": "AWSLogs/*/CloudTrail*/*.json.gz"}]})
    equal(rule["EventBusName"], "default")
    archive = Stack(WHERE[2])
    equal(archive.of("AWS::Events::Rule")["NewLogFile"]["EventBusName"], {"Ref": "ForwardedEvents"})
    statement = archive.only("AWS::Events::EventBusPolicy")["Statement"]
    equal(statement["Principal"], {"AWS": "arn:aws:iam::999988887777:root"})
    equal(
        Stack().only("AWS::S3::Bucket")["NotificationConfiguration"],
        {"EventBridgeConfiguration": {"EventBridgeEnabled": True}},
    )


def an_existing_bucket_is_left_alone() -> None:
    """Nothing is made of it or on it but its notifications, and those only if that was chosen."""
    for chosen in choices():
        stack = Stack(chosen)
        if "LogBucketName" in chosen and not stack.broken_rules():
            kinds = {entry["Type"] for entry in stack.resources.values()}
            equal({kind for kind in kinds if kind.startswith(("AWS::S3::", "AWS::CloudTrail::"))}, set())
            untouched = chosen["NotifiedBy"] == "TrailSns" or "LogArchiveAccountId" in chosen
            untouched |= chosen["NotifiedBy"] == "EventBridge" and chosen.get("SwitchEventBridge") == "false"
            equal("BucketChange" in stack.resources, not untouched)


def the_bucket_is_closed() -> None:
    """Log files are private, kept when the stack goes, and written by the expected account's trails alone."""
    stack = Stack({"TrailAccountId": "444455556666"})
    bucket = stack.only("AWS::S3::Bucket")
    equal(set(bucket["PublicAccessBlockConfiguration"].values()), {True})
    equal(stack.resources["LogBucket"]["DeletionPolicy"], "Retain")
    equal(stack.resources["LogBucketPolicy"]["DeletionPolicy"], "Retain")
    for entry in stack.only("AWS::S3::BucketPolicy")["PolicyDocument"]["Statement"]:
        if entry["Effect"] == "Allow":
            equal(entry["Principal"], {"Service": "cloudtrail.amazonaws.com"})
            equal(entry["Condition"]["ArnLike"]["aws:SourceArn"], "arn:aws:cloudtrail:*:444455556666:trail/*")


def failures_are_kept() -> None:
    """What fails after all retries lies in one queue, however it came."""
    stack = Stack({"Delivery": "Queue", "LogBucketName": EXISTING} | NOTIFIED[1])
    failures = {"Fn::GetAtt": ["Failures", "Arn"]}
    config = stack.only("AWS::Lambda::EventInvokeConfig")
    equal(config["MaximumRetryAttempts"], 2)
    equal(config["DestinationConfig"]["OnFailure"]["Destination"], failures)
    redrive = stack.resources["Files"]["Properties"]["RedrivePolicy"]
    equal(redrive, {"deadLetterTargetArn": failures, "maxReceiveCount": 5})
    equal(stack.only("AWS::SNS::Subscription")["RedrivePolicy"], {"deadLetterTargetArn": failures})


def messages_stay_hidden_while_they_are_handled() -> None:
    """At least six times the function's timeout, for every timeout that can be chosen."""
    for timeout in SOURCE["Parameters"]["Timeout"]["AllowedValues"]:
        queue = Stack({"Delivery": "Queue", "Timeout": timeout}).resources["Files"]["Properties"]
        equal(queue["VisibilityTimeout"], 6 * timeout + 10)


def people_are_told() -> None:
    """Every alarm says what it means and what to do, and tells the topic; silence is an alarm too."""
    names: set[str] = set()
    for delivered in DELIVERED:
        alarms = Stack(EXTRAS[6] | delivered).of("AWS::CloudWatch::Alarm")
        for name, alarm in alarms.items():
            equal((alarm["AlarmActions"], alarm["OKActions"]), ([TOPIC], [TOPIC]))
            equal(len(alarm["AlarmDescription"]) > 40, True)
            silent = name in ("SilenceAlarm", "CanaryAlarm")
            equal(alarm["TreatMissingData"], "breaching" if silent else "notBreaching")
        names |= alarms.keys()
    equal(len(names), 14)
    equal(Stack(EXTRAS[6]).resources["SilenceAlarm"]["Properties"]["EvaluationPeriods"], 24)
    equal(Stack().resources["SilenceAlarm"]["Properties"]["AlarmActions"], [])


def metrics_are_printed_by_somebody() -> None:
    """An alarm or a widget over a metric that nobody makes stays quiet for ever."""
    stack = Stack()
    printed = set(re.findall(r'\("(\w+)", "\w+", ', (ROOT / "src" / "lambda.rs").read_text(encoding="utf-8")))
    filters = stack.of("AWS::Logs::MetricFilter").values()
    counted = {one["MetricName"] for entry in filters for one in entry["MetricTransformations"]}
    made = {"iota": printed, "iota/iota": counted}
    for alarm in stack.of("AWS::CloudWatch::Alarm").values():
        if alarm["Namespace"] in made and alarm["MetricName"] not in made[alarm["Namespace"]]:
            raise AssertionError(f"nobody makes `{alarm['MetricName']}`")
    for widget in dashboard(stack)["widgets"]:
        for metric in widget["properties"].get("metrics", []):
            if isinstance(metric[0], str) and metric[0] in made and metric[1] not in made[metric[0]]:
                raise AssertionError(f"nobody makes `{metric[1]}`")


def the_canary_goes_the_way_of_real_files() -> None:
    """Through the queue where there is one; it asks and says nothing; its alarm needs both marks of its alert."""
    for delivered, target in (("Direct", "Detect"), ("Queue", "Files")):
        stack = Stack({"Delivery": delivered})
        schedule = stack.resources["CanarySchedule"]["Properties"]
        [to] = schedule["Targets"]
        equal((to["Arn"], json.loads(to["Input"])), ({"Fn::GetAtt": [target, "Arn"]}, {"source": "iota.canary"}))
        pattern = stack.resources["CanaryCount"]["Properties"]["FilterPattern"]
        equal(pattern, '{ $.kind = "alert" && $.rule_id = "iota.canary" && $.test IS TRUE }')
        alarm = stack.resources["CanaryAlarm"]["Properties"]
        equal((alarm["MetricName"], alarm["Threshold"], alarm["Period"]), ("CanaryAlerts", 1, 900))


def dashboard(stack: Stack) -> Json:
    """The dashboard's body, parsed: CloudWatch would refuse a comma too many."""
    body = stack.only("AWS::CloudWatch::Dashboard")["DashboardBody"]
    parsed: Json = json.loads(body["Fn::Sub"][0])
    return parsed


def parameters_explain_themselves() -> None:
    """Whoever deploys reads the descriptions and nothing else; nothing has to be given; the guide names them all."""
    parameters: Json = SOURCE["Parameters"]
    equal([name for name, entry in parameters.items() if not entry.get("Description")], [])
    equal([name for name, entry in parameters.items() if "Default" not in entry], [])
    groups = SOURCE["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    equal(sorted(name for group in groups for name in group["Parameters"]), sorted(parameters))
    guide = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    equal([name for name in parameters if not re.search(f"`{name}[`=]", guide)], [])


def builds_copy_little() -> None:
    """SAM copies the code folder before it builds: the project's folder would bring gigabytes of `target` along."""
    function = SOURCE["Resources"]["Detect"]
    equal(function["Properties"]["CodeUri"], "src")
    equal(
        {name: function["Metadata"][name] for name in ("BuildMethod", "ContextPath")},
        {"BuildMethod": "makefile", "ContextPath": "."},
    )


def strings(value: object) -> Iterator[str]:
    """All strings in a piece of a template."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from strings(inner)


def equal(found: object, expected: object) -> None:
    """Fail with both values."""
    if found != expected:
        raise AssertionError(f"found `{found}`, expected `{expected}`")


CHECKS: tuple[Callable[[], None], ...] = (
    every_choice_is_a_whole_stack,
    every_choice_reaches_the_function,
    a_choice_that_cannot_be_is_refused,
    only_what_was_asked_for_is_made,
    the_function_is_the_wrapper,
    alerts_go_where_the_role_may_send_them,
    no_line_is_dropped,
    the_siem_gets_what_people_must_see,
    the_role_can_do_little,
    whoever_changes_the_bucket_can_do_nothing_else,
    every_role_bears_the_boundary,
    queues_and_logs_have_the_customers_key,
    log_files_and_nothing_else_are_told,
    an_existing_bucket_is_left_alone,
    the_bucket_is_closed,
    failures_are_kept,
    messages_stay_hidden_while_they_are_handled,
    people_are_told,
    metrics_are_printed_by_somebody,
    the_canary_goes_the_way_of_real_files,
    parameters_explain_themselves,
    builds_copy_little,
)


def main() -> int:
    """Run every check; the number that failed decides the exit code."""
    failed = 0
    for check in CHECKS:
        try:
            check()
        except (AssertionError, KeyError, ValueError, OSError) as error:
            failed += 1
            print(f"template.yaml: {check.__name__.replace('_', ' ')}: {error!r}", file=sys.stderr)
    print(
        f"template.yaml: {len(CHECKS) - failed} of {len(CHECKS)} checks hold, for {sum(1 for _ in choices())} choices"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
