//! The way to the upstream: connections, TLS, an outgoing proxy where the environment names one.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use http::uri::PathAndQuery;
use hyper::body::Body;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use reqwest::Url;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;
use tokio::net::TcpStream;
use tower_service::Service;

use super::ServeError;

/// How long the upstream may take to accept a connection.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// One upstream and the pool of connections to it.
#[derive(Debug)]
pub(crate) struct Upstream<B> {
    pub(crate) client: Client<HttpsConnector<Dial>, B>,
    origin: String,
    /// In front of every path; no slash at its end.
    base_path: String,
}

impl<B: Body<Data: Send> + Send> Upstream<B> {
    pub(crate) fn new(url: &Url, roots: &[CertificateDer<'static>]) -> Result<Self, ServeError> {
        let refuse = |reason| {
            let mut shown = url.clone();
            let _opaque = shown.set_username("").and(shown.set_password(None));
            ServeError::Upstream { url: shown.to_string(), reason }
        };
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refuse("neither http nor https"));
        }
        let Some(host) = url.host_str() else { return Err(refuse("has no host")) };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("holds credentials; the application is to send its own"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refuse("has a query or fragment"));
        }
        let port = url.port().map_or(String::new(), |port| format!(":{port}"));
        let origin = format!("{}://{host}{port}", url.scheme());
        let uri: Uri = origin.parse().map_err(|_| refuse("is not a URI"))?;
        let tls = client_tls(url.scheme(), roots)
            .map_err(|source| ServeError::Tls { url: url.to_string(), source })?;
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(Dial::to(&uri));
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .http1_preserve_header_case(true)
            .build(connector);
        let base_path = url.path().trim_end_matches('/').to_owned();
        Ok(Self { client, origin, base_path })
    }

    /// The base URL, without a slash at its end.
    pub(crate) fn url(&self) -> String {
        format!("{}{}", self.origin, self.base_path)
    }

    /// Where a request for this path and query goes, every byte of it kept.
    pub(crate) fn uri(&self, target: Option<&PathAndQuery>) -> Result<Uri, http::Error> {
        let target = target.map_or("/", PathAndQuery::as_str);
        Ok(format!("{}{}{target}", self.origin, self.base_path).parse::<Uri>()?)
    }
}

/// TLS towards a vendor: ring, the platform's certificates and `roots`.
pub(crate) fn client_tls(
    scheme: &str,
    roots: &[CertificateDer<'static>],
) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    if scheme == "http" {
        return Ok(config.with_root_certificates(RootCertStore::empty()).with_no_client_auth());
    }
    let verifier = Verifier::new_with_extra_roots(roots.iter().cloned(), provider)?;
    // "Dangerous" is any verifier of one's own; this one is the platform's.
    Ok(config
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

/// Connects directly, or through the outgoing proxy of the environment.
#[derive(Debug, Clone)]
pub(crate) enum Dial {
    Direct(HttpConnector),
    Through(Tunnel<HttpConnector>),
}

impl Dial {
    fn to(upstream: &Uri) -> Dial {
        let mut direct = HttpConnector::new();
        direct.enforce_http(false);
        direct.set_nodelay(true);
        direct.set_connect_timeout(Some(CONNECT_MAX));
        let host = upstream.host().unwrap_or_default().trim_matches(['[', ']']);
        let is_here = host == "localhost"
            || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        let proxy = if is_here { None } else { Matcher::from_env().intercept(upstream) };
        match proxy {
            None => Dial::Direct(direct),
            Some(proxy) => {
                let tunnel = Tunnel::new(proxy.uri().clone(), direct);
                Dial::Through(match proxy.basic_auth() {
                    Some(credentials) => tunnel.with_auth(credentials.clone()),
                    None => tunnel,
                })
            }
        }
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl Service<Uri> for Dial {
    type Response = TokioIo<TcpStream>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match self {
            Dial::Direct(direct) => direct.poll_ready(context).map_err(Into::into),
            Dial::Through(tunnel) => tunnel.poll_ready(context).map_err(Into::into),
        }
    }

    fn call(&mut self, upstream: Uri) -> Self::Future {
        match self {
            Dial::Direct(direct) => {
                let connecting = direct.call(upstream);
                Box::pin(async move { Ok(connecting.await?) })
            }
            Dial::Through(tunnel) => {
                let connecting = tunnel.call(upstream);
                Box::pin(async move { Ok(connecting.await?) })
            }
        }
    }
}
