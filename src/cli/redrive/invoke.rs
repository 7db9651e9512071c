//! Lambda's Invoke, asynchronously: a payload in; accepted, or why not, out.
//!
//! One signed POST. The SDK of Lambda would bring eighty calls for this one; signature and connection are made by the
//! libraries that the other SDKs stand on.

use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use aws_config::SdkConfig;
use aws_sdk_s3::config::{Credentials, ProvideCredentials as _, SharedCredentialsProvider};
use aws_sdk_s3::primitives::SdkBody;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::HttpConnector as _;
use http_body_util::BodyExt as _;
use hyper::Request;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::config::lambda_endpoint;

/// Tries of one call, and the pause after the first; twice as long each time.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(400);
/// For one try.
const TIMEOUT: Duration = Duration::from_secs(20);
/// So much of an answer is shown.
const SHOWN: usize = 300;

/// A function to invoke.
pub(super) struct Function {
    url: String,
    region: String,
    credentials: SharedCredentialsProvider,
    connector: Connector,
}

/// Why a try failed.
struct Failed {
    again: bool,
    why: String,
}

impl Function {
    /// By name or ARN, for the region of the ARN, else the environment's.
    pub(super) fn new(name: &str, shared: &SdkConfig) -> anyhow::Result<Self> {
        let of_arn = name.strip_prefix("arn:").and_then(|arn| arn.split(':').nth(2)).map(str::to_owned);
        let region =
            of_arn.or_else(|| shared.region().map(ToString::to_string)).context("no AWS region: set AWS_REGION")?;
        let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let endpoint = lambda_endpoint().unwrap_or_else(|| format!("https://lambda.{region}.{suffix}"));
        let name = utf8_percent_encode(name, NON_ALPHANUMERIC);
        let url = format!("{}/2015-03-31/functions/{name}/invocations", endpoint.trim_end_matches('/'));
        let credentials = shared.credentials_provider().context("no AWS credentials")?;
        let connector = Connector::builder().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).build();
        Ok(Self { url, region, credentials, connector })
    }

    /// Returns when Lambda has the payload in its own queue.
    pub(super) async fn invoke(&self, payload: String) -> Result<(), String> {
        let mut pause = PAUSE;
        for left in (0..TRIES).rev() {
            match self.once(&payload).await {
                Ok(()) => return Ok(()),
                Err(failed) if left == 0 || !failed.again => return Err(failed.why),
                Err(_) => tokio::time::sleep(pause).await,
            }
            pause *= 2;
        }
        Ok(())
    }

    async fn once(&self, payload: &str) -> Result<(), Failed> {
        let hopeless = |why: String| Failed { again: false, why };
        let again = |why: String| Failed { again: true, why };
        let credentials = self.credentials.provide_credentials().await.map_err(|error| hopeless(error.to_string()))?;
        let request = self.signed(payload, credentials).map_err(|error| hopeless(format!("{error:#}")))?;
        let answer = tokio::time::timeout(TIMEOUT, self.connector.call(request)).await;
        let answer = answer.map_err(|_| again(format!("no answer from `{}` in {} s", self.url, TIMEOUT.as_secs())))?;
        let answer = answer.map_err(|error| again(format!("{error:?}")))?;
        let status = answer.status().as_u16();
        // 202 and nothing else: Lambda has it.
        if status == 202 {
            return Ok(());
        }
        let body = answer.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let said: String = String::from_utf8_lossy(&body).chars().take(SHOWN).collect();
        let why = format!("Lambda answered {status}: {said}");
        Err(if status == 429 || status >= 500 { again(why) } else { hopeless(why) })
    }

    fn signed(&self, payload: &str, credentials: Credentials) -> anyhow::Result<aws_sdk_s3::config::http::HttpRequest> {
        let headers = [("x-amz-invocation-type", "Event"), ("content-type", "application/json")];
        let identity = credentials.into();
        let params = v4::SigningParams::builder().identity(&identity).region(&self.region).name("lambda");
        let params = params.time(SystemTime::now()).settings(SigningSettings::default()).build()?.into();
        let body = SignableBody::Bytes(payload.as_bytes());
        let signable = SignableRequest::new("POST", &self.url, headers.into_iter(), body)?;
        let (instructions, _) = sign(signable, &params)?.into_parts();
        let mut request = Request::post(&self.url);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let mut request = request.body(SdkBody::from(payload))?;
        instructions.apply_to_request_http1x(&mut request);
        Ok(request.try_into()?)
    }
}
