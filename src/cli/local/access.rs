//! Who may do what with the bucket: the holder of the run's credentials may read it, and nobody may write.
//!
//! Input: the operation of a request whose signature `s3s` has checked. Output: allowed or `AccessDenied`. The storage
//! has no writing methods anyway; this file makes the refusal the one a function's role would get in an account.

use std::future::Future;
use std::pin::Pin;

use s3s::access::{S3Access, S3AccessContext};
use s3s::{S3Result, s3_error};

/// The operations a role for reading would have.
const ALLOWED: [&str; 4] = ["GetObject", "HeadObject", "HeadBucket", "ListObjectsV2"];

/// The policy.
#[derive(Debug)]
pub(crate) struct ReadOnly;

impl S3Access for ReadOnly {
    fn check<'a, 'b, 'c, 'f>(
        &'a self,
        context: &'b mut S3AccessContext<'c>,
    ) -> Pin<Box<dyn Future<Output = S3Result<()>> + Send + 'f>>
    where
        'a: 'f,
        'b: 'f,
        'c: 'f,
    {
        let signed = context.credentials().is_some();
        let allowed = ALLOWED.contains(&context.s3_op().name());
        Box::pin(async move {
            match (signed, allowed) {
                (true, true) => Ok(()),
                (false, _) => Err(s3_error!(AccessDenied, "the request is not signed")),
                (true, false) => Err(s3_error!(AccessDenied, "the folder is served for reading only")),
            }
        })
    }
}
