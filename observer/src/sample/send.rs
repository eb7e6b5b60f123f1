//! One request to the vendor, and its answer as it came.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response, Url};
use rustls::pki_types::CertificateDer;

use super::plan::Request;
use super::probes::Probes;
use crate::exchange::{Direction, RawBody, RawExchange};
use crate::proxy;

/// How long the vendor has for an answer.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// Bytes of an answer kept; what is beyond is marked truncated.
const BODY_BYTES_MAX: usize = 1 << 20;

/// Why nothing could be sampled.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// The model does not say where production is, or says what is no place.
    #[error("the base URL `{url}` {reason}")]
    BaseUrl {
        /// As the model has it.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A credential is not there.
    #[error("the environment has no {variable}, which `credentials.{header}` of probes.toml names")]
    NoCredential {
        /// The variable.
        variable: String,
        /// The header it is for.
        header: String,
    },
    /// A header cannot be sent.
    #[error("the header `{0}` of probes.toml cannot be sent")]
    Header(String),
    /// TLS could not be set up.
    #[error("cannot set up TLS")]
    Tls(#[source] rustls::Error),
    /// The client could not be made.
    #[error("cannot make a client")]
    Client(#[source] reqwest::Error),
    /// No connection, one after the other.
    #[error("{host} cannot be reached")]
    Unreachable {
        /// The vendor's host.
        host: String,
        /// What went wrong.
        source: reqwest::Error,
    },
    /// Connections, and no answer.
    #[error("{host} takes longer than {} s to answer", .limit.as_secs())]
    Slow {
        /// The vendor's host.
        host: String,
        /// What it had.
        limit: Duration,
        /// What went wrong.
        source: reqwest::Error,
    },
    /// The request that a probe stands for cannot be made.
    #[error("the probe {0} makes no address below the base URL")]
    Address(String),
}

/// Sends requests to one vendor and nowhere else.
#[derive(Debug)]
pub struct Sampler {
    client: Client,
    base: Url,
    headers: Vec<(String, String)>,
    answer_max: Duration,
}

impl Sampler {
    /// A client of the vendor. `roots` are trusted besides the system's; `environment` tells the
    /// value of a variable.
    ///
    /// # Errors
    ///
    /// Where the base URL is none or would show credentials, or a credential is missing.
    pub fn new(
        base_url: &str,
        probes: &Probes,
        roots: &[CertificateDer<'static>],
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, SampleError> {
        let base = base(base_url, probes)?;
        let mut headers: Vec<(String, String)> =
            probes.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        for (header, credential) in &probes.credentials {
            let variable = &credential.env;
            let value = environment(variable).filter(|value| !value.is_empty());
            let value = value.ok_or_else(|| SampleError::NoCredential {
                variable: variable.clone(),
                header: header.clone(),
            })?;
            headers.push((header.clone(), format!("{}{value}", credential.prefix)));
        }
        let tls = proxy::client_tls(base.scheme(), roots).map_err(SampleError::Tls)?;
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(Policy::none())
            .user_agent(concat!("wondertwin-sample/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(SampleError::Client)?;
        Ok(Self { client, base, headers, answer_max: ANSWER_MAX })
    }

    /// The same, with another time for an answer.
    #[must_use]
    pub fn with_answer_max(self, answer_max: Duration) -> Self {
        Self { answer_max, ..self }
    }

    /// Sends one request; the exchange holds credentials and payload still.
    pub(super) async fn send(
        &self,
        request: &Request,
        body: Option<&str>,
    ) -> Result<RawExchange<'static>, SampleError> {
        let (method, url) = self.address(request)?;
        let mut builder = self.client.request(method.clone(), url.clone()).timeout(self.answer_max);
        for (name, value) in &self.headers {
            builder = builder.header(name, value);
        }
        if let Some(body) = body {
            builder = builder.header("content-type", "application/json").body(body.to_owned());
        }
        let request = builder.build().map_err(|_| SampleError::Header(self.first_bad_header()))?;
        let request_headers = headers(request.headers());
        let (seen_at, began) = (Utc::now(), Instant::now());
        let fault = |source: reqwest::Error| self.fault(source.without_url());
        let mut response = self.client.execute(request).await.map_err(fault)?;
        let (bytes, truncated) = read(&mut response).await.map_err(fault)?;
        let media = |headers: &[(Cow<'static, str>, Cow<'static, str>)]| {
            let found = headers.iter().find(|(name, _)| name == "content-type");
            found.map_or(Cow::Borrowed(""), |(_, value)| value.clone())
        };
        let response_headers = headers(response.headers());
        let response_body = (!bytes.is_empty()).then(|| RawBody {
            media_type: media(&response_headers),
            bytes: Cow::Owned(bytes),
            truncated,
        });
        let request_body = body.map(|body| RawBody {
            media_type: Cow::Borrowed("application/json"),
            bytes: Cow::Owned(body.as_bytes().to_vec()),
            truncated: false,
        });
        Ok(RawExchange {
            direction: Direction::Call,
            seen_at_us: seen_at.timestamp_micros(),
            latency_us: u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX),
            method: Cow::Owned(method.to_string()),
            url: Cow::Owned(url.into()),
            request_headers,
            request_body,
            status: response.status().as_u16(),
            response_headers,
            response_body,
        })
    }

    fn fault(&self, source: reqwest::Error) -> SampleError {
        let host = self.base.host_str().unwrap_or_default().to_owned();
        if source.is_timeout() && !source.is_connect() {
            SampleError::Slow { host, limit: self.answer_max, source }
        } else {
            SampleError::Unreachable { host, source }
        }
    }

    /// Method and address; every value stays within its own segment.
    fn address(&self, request: &Request) -> Result<(Method, Url), SampleError> {
        let refuse = || SampleError::Address(request.probe.clone());
        let (method, template) = request.probe.split_once(' ').ok_or_else(refuse)?;
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| refuse())?;
        let mut path = self.base.path().trim_end_matches('/').to_owned();
        let mut values = request.binding.iter();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            let (_, after) = after.split_once('}').ok_or_else(refuse)?;
            path += before;
            let value = values.next().filter(|value| fits_segment(value)).ok_or_else(refuse)?;
            path += &encoded(value);
            rest = after;
        }
        path += rest;
        let mut url = self.base.clone();
        url.set_path(&path);
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        Ok((method, url))
    }

    fn first_bad_header(&self) -> String {
        let is_good = |(name, value): &&(String, String)| {
            http::HeaderName::from_bytes(name.as_bytes()).is_ok()
                && http::HeaderValue::from_str(value).is_ok()
        };
        let bad = self.headers.iter().find(|header| !is_good(header));
        bad.map_or_else(String::new, |(name, _)| name.clone())
    }
}

/// Where requests go: encrypted, or to this machine, or without a secret.
fn base(text: &str, probes: &Probes) -> Result<Url, SampleError> {
    let refuse = |reason| SampleError::BaseUrl { url: text.to_owned(), reason };
    if text.is_empty() {
        return Err(refuse("is empty, so there is nobody to ask: set `base_url` in the model"));
    }
    let url = Url::parse(text).map_err(|_| refuse("is no URL"))?;
    let host = url.host_str().ok_or_else(|| refuse("has no host"))?.trim_matches(['[', ']']);
    let is_here = host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_here || probes.credentials.is_empty() => Ok(url),
        "http" => Err(refuse("is not encrypted and would show the credentials of probes.toml")),
        _ => Err(refuse("is neither http nor https")),
    }
}

async fn read(response: &mut Response) -> Result<(Vec<u8>, bool), reqwest::Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = BODY_BYTES_MAX - bytes.len();
        bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            return Ok((bytes, true));
        }
    }
    Ok((bytes, false))
}

fn headers(map: &http::HeaderMap) -> Vec<(Cow<'static, str>, Cow<'static, str>)> {
    map.iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (Cow::Owned(name.as_str().to_owned()), Cow::Owned(value))
        })
        .collect()
}

/// Whether a value can be a segment: dots alone climb out of it, encoded or not (WHATWG URL, 4.1).
pub(super) fn fits_segment(value: &str) -> bool {
    !matches!(value, "" | "." | "..")
}

/// Percent-encoded but for what is unreserved (RFC 3986, 2.3).
fn encoded(value: &str) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            text.push(char::from(byte));
        } else {
            let _infallible = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// How long the vendor asks to be left alone, with or without saying so.
pub(super) fn retry_after(exchange: &RawExchange<'_>, now: DateTime<Utc>) -> Option<Duration> {
    let is_refusal = matches!(exchange.status, 429 | 503);
    let stated = exchange.response_header("retry-after").and_then(|value| {
        let seconds = value.trim().parse().ok().map(Duration::from_secs);
        seconds.or_else(|| {
            let at = DateTime::parse_from_rfc2822(value.trim()).ok()?;
            Some((at.with_timezone(&Utc) - now).to_std().unwrap_or_default())
        })
    });
    match stated {
        Some(wait) if is_refusal || exchange.status == 403 => Some(wait),
        None if is_refusal => Some(Duration::from_secs(30)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_in_their_segment() {
        for (value, expected) in [("a b", "a%20b"), ("../x", "..%2Fx"), ("é?#", "%C3%A9%3F%23")] {
            assert_eq!(encoded(value), expected);
        }
    }

    #[test]
    fn no_value_leads_out_of_its_segment() {
        let probes: Probes =
            toml::from_str("requests_max = 1\nshare_of_limits = 1.0\nwait_max_seconds = 1")
                .unwrap();
        let sampler = Sampler::new("https://api.example.com/v1", &probes, &[], |_| None).unwrap();
        let of = |value: &str| {
            let probe = "GET /users/{id}/keys".to_owned();
            let binding = vec![value.to_owned()];
            sampler.address(&Request { probe, binding, query: Vec::new(), page: 0 })
        };
        for value in ["..", ".", ""] {
            assert!(matches!(of(value), Err(SampleError::Address(_))), "{value}");
        }
        for (value, segment) in [("../x", "..%2Fx"), ("%2e%2e", "%252e%252e"), ("...", "...")] {
            assert_eq!(of(value).unwrap().1.path(), format!("/v1/users/{segment}/keys"));
        }
    }

    #[test]
    fn credentials_go_over_encrypted_connections_or_stay_here() {
        let probes: Probes = toml::from_str(
            "requests_max = 1\nshare_of_limits = 1.0\nwait_max_seconds = 1\n[credentials]\nauthorization = { env = 'T' }",
        )
        .unwrap();
        let of = |url: &str| Sampler::new(url, &probes, &[], |_| Some("x".into())).map(drop);
        assert!(of("https://api.example.com/v1").is_ok());
        assert!(of("http://127.0.0.1:4010").is_ok());
        let told = of("http://api.example.com").unwrap_err().to_string();
        assert!(told.contains("would show the credentials"), "{told}");
        let missing = Sampler::new("https://x.example", &probes, &[], |_| None).unwrap_err();
        assert_eq!(
            missing.to_string(),
            "the environment has no T, which `credentials.authorization` of probes.toml names"
        );
    }
}
