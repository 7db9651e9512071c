//! The made-up AWS identity of one run: account, region, function, credentials, request ids.
//!
//! Input: the kernel's random bytes. Output: the names and ids that notification, Runtime API and bucket have to agree
//! on. They are separate so that nothing here can be mistaken for a real account, and so that ids come from one place.

use std::fs::File;
use std::io::{self, Read};

/// An account number that AWS never gives out.
pub(crate) const ACCOUNT: &str = "000000000000";
/// The region the function believes it runs in.
pub(crate) const REGION: &str = "us-east-1";
/// The function's name, and the fallback name of the bucket.
pub(crate) const FUNCTION: &str = "iota-local";

/// `arn:aws:lambda:…`, sent with every invocation.
pub(crate) fn function_arn() -> String {
    format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{FUNCTION}")
}

/// What the function signs its S3 requests with. New for every run: another process of this machine that finds the
/// port must not be able to read the folder.
#[derive(Debug, Clone)]
pub(crate) struct Credentials {
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
}

impl Credentials {
    pub(crate) fn random() -> io::Result<Self> {
        Ok(Self {
            access_key: format!("IOTALOCAL{}", random_hex::<6>()?.to_uppercase()),
            secret_key: random_hex::<20>()?,
        })
    }
}

/// A request or invocation id in Lambda's form, a version 4 UUID.
pub(crate) fn request_id() -> io::Result<String> {
    let mut bytes = random::<16>()?;
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex = hex(&bytes);
    let groups = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    Ok(groups.join("-"))
}

/// An X-Ray trace header of an invocation that is not sampled; `seconds` is the time since 1970.
pub(crate) fn trace_id(seconds: u64) -> io::Result<String> {
    let (root, parent) = (random_hex::<12>()?, random_hex::<8>()?);
    Ok(format!("Root=1-{seconds:08x}-{root};Parent={parent};Sampled=0"))
}

/// `N` random bytes as `2 N` lower-case hex digits.
pub(crate) fn random_hex<const N: usize>() -> io::Result<String> {
    Ok(hex(&random::<N>()?))
}

fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_is_a_version_4_uuid_and_never_the_same() {
        let id = request_id().unwrap();
        let lengths: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12], "{id}");
        assert_eq!(&id[14..15], "4", "{id}");
        assert!("89ab".contains(&id[19..20]), "{id}");
        assert_ne!(id, request_id().unwrap());
    }

    #[test]
    fn a_trace_id_has_the_documented_form() {
        let id = trace_id(0x5bef_4de7).unwrap();
        assert!(id.starts_with("Root=1-5bef4de7-"), "{id}");
        assert_eq!(id.len(), "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e602;Parent=9a9197af755a6419;Sampled=0".len());
    }
}
