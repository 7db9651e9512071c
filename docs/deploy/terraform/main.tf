# iota beside an existing trail, for teams that deploy with Terraform. The same as same-account.yaml, with a queue in
# front if you ask for it. The zips come from `make sam-build zips`.
#
# Parsed and formatted here, not validated against the provider and not applied: read the plan.
#
# The bucket's notifications are not touched. Its events must go to EventBridge: say `eventbridge = true` in the
# aws_s3_bucket_notification that you have for it. A second one, here, would erase the first.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.30"
    }
  }
}

variable "name" {
  description = "What the names of all resources begin with"
  type        = string
  default     = "iota"
}

variable "log_bucket" {
  description = "The bucket that the trail writes to, in this account and region"
  type        = string
}

variable "log_prefix" {
  description = "What the keys of all log files begin with"
  type        = string
  default     = "AWSLogs/"
}

variable "trail_kms_key_arn" {
  description = "Key that encrypts the log files, if there is one"
  type        = string
  default     = null
}

variable "zips" {
  description = "Folder that holds Detect.zip, EngineLayer.zip and RulesLayer.zip"
  type        = string
  default     = "../../../.aws-sam/zips"
}

variable "queue" {
  description = "Whether notifications wait in a queue: take it above some ten accounts"
  type        = bool
  default     = false
}

variable "retention_days" {
  description = "Days for which alerts are kept in the log group"
  type        = number
  default     = 90
}

variable "siem_destination_arn" {
  description = "Kinesis or Firehose stream that receives alerts, rule errors and health lines"
  type        = string
  default     = null
}

variable "siem_role_arn" {
  description = "Role that lets CloudWatch Logs write to the stream"
  type        = string
  default     = null
}

variable "alarm_topics" {
  description = "SNS topics that are told of alarms"
  type        = list(string)
  default     = []
}

data "aws_partition" "here" {}
data "aws_region" "here" {}

resource "aws_lambda_layer_version" "engine" {
  layer_name          = "${var.name}-engine"
  filename            = "${var.zips}/EngineLayer.zip"
  source_code_hash    = filebase64sha256("${var.zips}/EngineLayer.zip")
  compatible_runtimes = ["python3.13"]
}

resource "aws_lambda_layer_version" "rules" {
  layer_name          = "${var.name}-rules"
  filename            = "${var.zips}/RulesLayer.zip"
  source_code_hash    = filebase64sha256("${var.zips}/RulesLayer.zip")
  compatible_runtimes = ["python3.13"]
}

resource "aws_lambda_function" "detect" {
  function_name    = "${var.name}-detect"
  description      = "Runs the detection rules over every CloudTrail log file"
  filename         = "${var.zips}/Detect.zip"
  source_code_hash = filebase64sha256("${var.zips}/Detect.zip")
  # The Rust program is started in the place of Python's runtime, which AWS goes on patching.
  runtime     = "python3.13"
  handler     = "bootstrap"
  layers      = [aws_lambda_layer_version.engine.arn, aws_lambda_layer_version.rules.arn]
  memory_size = 1769
  timeout     = 300
  role        = aws_iam_role.detect.arn

  environment {
    variables = { AWS_LAMBDA_EXEC_WRAPPER = "/var/task/bootstrap" }
  }

  # Lambda drops lines below this level. An alert is WARN; what tells that all went well is INFO.
  logging_config {
    log_group             = aws_cloudwatch_log_group.detect.name
    log_format            = "JSON"
    application_log_level = "INFO"
    system_log_level      = "INFO"
  }
}

resource "aws_cloudwatch_log_group" "detect" {
  name              = "/aws/lambda/${var.name}-detect"
  retention_in_days = var.retention_days
}

resource "aws_iam_role" "detect" {
  name = "${var.name}-detect"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "detect" {
  name = "detect"
  role = aws_iam_role.detect.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid      = "ReadLogFiles"
          Effect   = "Allow"
          Action   = ["s3:GetObject", "s3:GetObjectVersion"]
          Resource = "arn:${data.aws_partition.here.partition}:s3:::${var.log_bucket}/${var.log_prefix}*"
        },
        {
          Sid      = "WriteLines"
          Effect   = "Allow"
          Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
          Resource = "${aws_cloudwatch_log_group.detect.arn}:*"
        },
        {
          Sid      = "KeepFailures"
          Effect   = "Allow"
          Action   = "sqs:SendMessage"
          Resource = aws_sqs_queue.failures.arn
        },
      ],
      var.queue ? [
        {
          Sid      = "TakeNotifications"
          Effect   = "Allow"
          Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
          Resource = aws_sqs_queue.files[0].arn
        },
      ] : [],
      var.trail_kms_key_arn != null ? [
        {
          Sid       = "DecryptLogFiles"
          Effect    = "Allow"
          Action    = "kms:Decrypt"
          Resource  = var.trail_kms_key_arn
          Condition = { StringEquals = { "kms:ViaService" = "s3.${data.aws_region.here.name}.${data.aws_partition.here.dns_suffix}" } }
        },
      ] : [],
    )
  })
}

resource "aws_cloudwatch_event_rule" "new_log_file" {
  name        = "${var.name}-new-log-file"
  description = "CloudTrail has written a file to the log bucket"
  event_pattern = jsonencode({
    source        = ["aws.s3"]
    "detail-type" = ["Object Created"]
    detail = {
      bucket = { name = [var.log_bucket] }
      object = { key = [{ wildcard = "${var.log_prefix}*/CloudTrail*/*.json.gz" }] }
    }
  })
}

resource "aws_cloudwatch_event_target" "detect" {
  rule = aws_cloudwatch_event_rule.new_log_file.name
  arn  = var.queue ? aws_sqs_queue.files[0].arn : aws_lambda_function.detect.arn

  dead_letter_config {
    arn = aws_sqs_queue.failures.arn
  }
}

resource "aws_lambda_permission" "new_log_file" {
  count         = var.queue ? 0 : 1
  function_name = aws_lambda_function.detect.function_name
  action        = "lambda:InvokeFunction"
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.new_log_file.arn
}

resource "aws_lambda_function_event_invoke_config" "detect" {
  function_name                = aws_lambda_function.detect.function_name
  maximum_retry_attempts       = 2
  maximum_event_age_in_seconds = 21600

  destination_config {
    on_failure {
      destination = aws_sqs_queue.failures.arn
    }
  }
}

resource "aws_sqs_queue" "files" {
  count                      = var.queue ? 1 : 0
  name                       = "${var.name}-files"
  message_retention_seconds  = 1209600
  visibility_timeout_seconds = 1810
  sqs_managed_sse_enabled    = true
  redrive_policy             = jsonencode({ deadLetterTargetArn = aws_sqs_queue.failures.arn, maxReceiveCount = 5 })
}

resource "aws_lambda_event_source_mapping" "files" {
  count                              = var.queue ? 1 : 0
  function_name                      = aws_lambda_function.detect.arn
  event_source_arn                   = aws_sqs_queue.files[0].arn
  batch_size                         = 10
  maximum_batching_window_in_seconds = 10
  function_response_types            = ["ReportBatchItemFailures"]
}

# What failed after all retries: each message names the log file and the error.
resource "aws_sqs_queue" "failures" {
  name                      = "${var.name}-failures"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
}

resource "aws_sqs_queue_policy" "told" {
  for_each  = merge({ failures = aws_sqs_queue.failures }, var.queue ? { files = aws_sqs_queue.files[0] } : {})
  queue_url = each.value.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "NewLogFile"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = each.value.arn
      Condition = { ArnEquals = { "aws:SourceArn" = aws_cloudwatch_event_rule.new_log_file.arn } }
    }]
  })
}

resource "aws_cloudwatch_log_subscription_filter" "siem" {
  count           = var.siem_destination_arn != null ? 1 : 0
  name            = "${var.name}-siem"
  log_group_name  = aws_cloudwatch_log_group.detect.name
  filter_pattern  = "{ $.kind = \"alert\" || $.kind = \"rule_error\" || $.kind = \"health\" }"
  destination_arn = var.siem_destination_arn
  role_arn        = var.siem_role_arn
}

resource "aws_cloudwatch_metric_alarm" "failures" {
  alarm_name          = "${var.name}-failures"
  alarm_description   = "Log files were not judged. The failure queue says which and why."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.failures.name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topics
  ok_actions          = var.alarm_topics
}

# No object was finished for three hours: nobody told the function, or the trail has stopped.
resource "aws_cloudwatch_metric_alarm" "silence" {
  alarm_name          = "${var.name}-silence"
  alarm_description   = "No log file was finished for hours. Nobody notified the function, or the trail has stopped."
  namespace           = "iota"
  metric_name         = "ObjectsDone"
  dimensions          = { FunctionName = aws_lambda_function.detect.function_name }
  statistic           = "Sum"
  period              = 3600
  evaluation_periods  = 3
  threshold           = 1
  comparison_operator = "LessThanThreshold"
  treat_missing_data  = "breaching"
  alarm_actions       = var.alarm_topics
  ok_actions          = var.alarm_topics
}

output "alert_log_group" {
  description = "Alerts are the lines that match { $.kind = \"alert\" }"
  value       = aws_cloudwatch_log_group.detect.name
}

output "function_role_arn" {
  description = "Who reads the log files"
  value       = aws_iam_role.detect.arn
}
