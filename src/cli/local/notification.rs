//! The message by which S3 tells a function of a new object.
//!
//! Input: bucket, key and what is known of the object. Output: the JSON of one `ObjectCreated:Put` record in S3's
//! documented form (schema 2.1), whole, so that the function meets here what it meets in an account.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>

use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Iso8601;
use time::format_description::well_known::iso8601::{Config, EncodedConfig, TimePrecision};

use super::folder::{Key, Stat};
use super::identity::{ACCOUNT, REGION};

/// `2026-03-14T08:45:00.000Z`, as S3 writes it.
const MILLISECONDS: EncodedConfig = Config::DEFAULT
    .set_year_is_six_digits(false)
    .set_time_precision(TimePrecision::Second { decimal_digits: std::num::NonZero::new(3) })
    .encode();

/// The notification of one object. `request_id` stands for the request that put it there.
pub(crate) fn object_created(bucket: &str, key: &Key, stat: &Stat, request_id: &str, now: OffsetDateTime) -> String {
    let principal = json!({ "principalId": format!("AWS:{ACCOUNT}") });
    json!({ "Records": [{
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": REGION,
        "eventTime": now.format(&Iso8601::<MILLISECONDS>).unwrap_or_default(),
        "eventName": "ObjectCreated:Put",
        "userIdentity": principal,
        "requestParameters": { "sourceIPAddress": "127.0.0.1" },
        "responseElements": { "x-amz-request-id": request_id, "x-amz-id-2": request_id },
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "iota-local",
            "bucket": {
                "name": bucket,
                "ownerIdentity": { "principalId": ACCOUNT },
                "arn": format!("arn:aws:s3:::{bucket}"),
            },
            "object": {
                "key": encode(key.as_str()),
                "size": stat.size,
                "eTag": stat.etag,
                "sequencer": format!("{:018X}", now.unix_timestamp_nanos()),
            },
        },
    }]})
    .to_string()
}

/// A key as S3 writes it in a notification: form-urlencoded, but `/` stays.
fn encode(key: &str) -> String {
    let mut encoded = String::with_capacity(key.len());
    for byte in key.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' | b'/' => encoded.push(byte.into()),
            b' ' => encoded.push('+'),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_form_urlencoded() {
        for (key, expected) in [
            ("AWSLogs/1/x_y-z.json.gz", "AWSLogs/1/x_y-z.json.gz"),
            ("red flower.jpg", "red+flower.jpg"),
            ("1+1=2 & 100%.json", "1%2B1%3D2+%26+100%25.json"),
            ("für 日志.json", "f%C3%BCr+%E6%97%A5%E5%BF%97.json"),
            ("a\nb~c'd\"e\\f.json", "a%0Ab%7Ec%27d%22e%5Cf.json"),
        ] {
            assert_eq!(encode(key), expected);
        }
    }

    #[test]
    fn the_time_has_milliseconds_and_a_z() {
        let now = OffsetDateTime::from_unix_timestamp(1_773_477_900).unwrap();
        assert_eq!(now.format(&Iso8601::<MILLISECONDS>).unwrap(), "2026-03-14T08:45:00.000Z");
    }
}
