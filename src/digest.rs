//! CloudTrail's other files: hourly digests become `digest` lines, kinds without records are passed by with a reason.
//!
//! A digest names the log files of an hour and their hashes. It is no evidence of anything by itself here; it is the
//! ground for proving that every file arrived, and a heartbeat of the trail.

use serde_json::{Value, json};

use crate::error::ObjectFault;
use crate::model::ObjectRef;
use crate::sink::{Kind, Level, Sink};

/// Log files named in one line: about 350 bytes each, and a line stays under 64 KiB.
const FILES_A_LINE: usize = 120;

/// Why an object is not read at all, by the folder CloudTrail puts it in.
pub(crate) fn skip_reason(key: &str) -> Option<&'static str> {
    key.contains("/CloudTrail-Aggregated/").then_some("aggregated_events")
}

/// Prints what a digest file says; several lines if it names many files.
pub(crate) fn print(sink: &Sink, object: &ObjectRef, bytes: &[u8]) -> Result<(), ObjectFault> {
    let digest: Value = serde_json::from_slice(bytes)
        .map_err(|e| ObjectFault::NotCloudTrail(format!("a digest file that is not JSON: {e}")))?;
    let files = digest["logFiles"].as_array().map(Vec::as_slice).unwrap_or_default();
    let parts = files.len().div_ceil(FILES_A_LINE).max(1);
    for part in 0..parts {
        let from = part * FILES_A_LINE;
        let files: Vec<Value> = files[from..files.len().min(from + FILES_A_LINE)].iter().map(file).collect();
        let line = json!({
            "bucket": Some(&object.bucket).filter(|bucket| !bucket.is_empty()),
            "key": object.key,
            "account_id": digest["awsAccountId"],
            "region": region(object, &digest),
            "start_time": digest["digestStartTime"],
            "end_time": digest["digestEndTime"],
            "previous_digest": digest["previousDigestS3Object"],
            "part": part + 1,
            "parts": parts,
            "log_files": files,
        });
        sink.line(Kind::Digest, Level::Info, &line)?;
    }
    Ok(())
}

fn file(entry: &Value) -> Value {
    json!({"bucket": entry["s3Bucket"], "key": entry["s3Object"], "hash": entry["hashValue"],
           "hash_algorithm": entry["hashAlgorithm"]})
}

/// The region is not in the file; it is in its name, `…/CloudTrail-Digest/<region>/…`.
fn region<'a>(object: &'a ObjectRef, digest: &'a Value) -> Option<&'a str> {
    let key = digest["digestS3Object"].as_str().unwrap_or(&object.key);
    key.split_once("/CloudTrail-Digest/")?.1.split('/').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_by_folder() {
        assert_eq!(skip_reason("p/AWSLogs/1/CloudTrail-Aggregated/r/x.json.gz"), Some("aggregated_events"));
        for key in ["AWSLogs/1/CloudTrail/r/x.json.gz", "o-1/AWSLogs/1/CloudTrail-Insight/r/x.json.gz", "x.json"] {
            assert_eq!(skip_reason(key), None, "{key}");
        }
    }

    #[test]
    fn the_region_is_in_the_name() {
        let digest = json!({"digestS3Object": "AWSLogs/1/CloudTrail-Digest/eu-west-1/2026/03/14/x.json.gz"});
        assert_eq!(region(&ObjectRef::new("b", "k"), &digest), Some("eu-west-1"));
    }
}
