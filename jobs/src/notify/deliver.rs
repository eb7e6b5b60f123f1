//! One message to one channel.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use super::{
    Address, Channel, EnvName, GithubCheck, GithubIssue, Message, Occasion, Slack, SlackWay,
    Target, Webhook, email, sign,
};

/// How long a receiver has to answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Bytes of an answer that are told of why.
const TOLD_BYTES_MAX: usize = 300;
/// Bytes of an answer that are read: whoever is told of drift has no hold on the daemon's memory.
const READ_BYTES_MAX: usize = 64 << 10;

/// Why a message did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// A credential is not there.
    #[error("the environment has no {0}: set it where the daemon is started")]
    NoCredential(String),
    /// What the channel leads to cannot be.
    #[error("{0}")]
    Channel(String),
    /// The receiver refused.
    #[error("{host} answered {status}: {body}")]
    Refused {
        /// The receiver.
        host: String,
        /// Its answer.
        status: u16,
        /// How its answer begins.
        body: String,
        /// When to try again, where it says so.
        retry_after: Option<Duration>,
    },
    /// No answer came.
    #[error("{host} cannot be reached")]
    Unreachable {
        /// The receiver.
        host: String,
        /// What went wrong, without the address, which may be a secret.
        source: reqwest::Error,
    },
    /// The mail server.
    #[error("the mail server {server} did not take it")]
    Smtp {
        /// The server.
        server: String,
        /// What it said.
        source: lettre::transport::smtp::Error,
    },
}

/// Sends messages.
#[derive(Clone)]
pub struct Deliverer {
    client: Client,
    environment: Environment,
}

/// Tells the value of a variable.
pub type Environment = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

impl Deliverer {
    /// A client for all channels, with the credentials of an environment.
    ///
    /// # Errors
    ///
    /// Where the system has no certificates.
    pub fn new(environment: Environment) -> Result<Self, reqwest::Error> {
        // The first one wins; all are the same.
        let _set_before = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .timeout(ANSWER_MAX)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("wondertwin/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client, environment })
    }

    /// Sends a message; `id` is the same for each attempt.
    ///
    /// # Errors
    ///
    /// Where it did not arrive, or nobody knows.
    pub async fn deliver(
        &self,
        channel: &Channel,
        id: &str,
        message: &Message,
    ) -> Result<(), DeliveryError> {
        match &channel.target {
            Target::Slack(to) => self.slack(to, message).await,
            Target::Webhook(to) => self.webhook(to, id, message).await,
            Target::Email(to) => {
                let password_env = to.login.as_ref().map(|(_, name)| name);
                let password = password_env.map(|name| self.credential(name)).transpose()?;
                email::send(to, password, id, message).await
            }
            Target::GithubIssue(to) => self.issue(to, message).await,
            Target::GithubCheck(to) => self.check(to, message).await,
        }
    }

    fn credential(&self, name: &EnvName) -> Result<String, DeliveryError> {
        let name = name.as_str();
        let value = (self.environment)(name).filter(|value| !value.is_empty());
        value.ok_or_else(|| DeliveryError::NoCredential(name.to_owned()))
    }

    async fn slack(&self, to: &Slack, message: &Message) -> Result<(), DeliveryError> {
        let text = format!("*{}*\n{}", escaped(&message.title), escaped(&message.text));
        let request = match &to.way {
            SlackWay::Incoming { url_env } => {
                let url = Address::parse(&self.credential(url_env)?);
                let url = url.map_err(DeliveryError::Channel)?.url();
                self.client.post(url).json(&json!({"text": text}))
            }
            SlackWay::Bot { token_env, channel } => {
                let body = json!({"channel": channel, "text": text});
                let request = self.client.post(to.base_url.with("/chat.postMessage"));
                request.bearer_auth(self.credential(token_env)?).json(&body)
            }
        };
        let (host, response) = send(request).await?;
        let body = beginning(response).await;
        // The API refuses with status 200; incoming webhooks answer `ok`.
        let answer: Value = serde_json::from_str(&body).unwrap_or_default();
        if answer["ok"] == false {
            let body = answer["error"].as_str().unwrap_or("not ok").to_owned();
            return Err(DeliveryError::Refused { host, status: 200, body, retry_after: None });
        }
        Ok(())
    }

    async fn webhook(
        &self,
        to: &Webhook,
        id: &str,
        message: &Message,
    ) -> Result<(), DeliveryError> {
        let now = Utc::now();
        let body = json!({
            "type": format!("wondertwin.{}", message.occasion.name()),
            "timestamp": now.to_rfc3339(),
            "data": {"twin": message.twin, "title": message.title, "text": message.text},
        })
        .to_string();
        let (secret, timestamp) = (self.credential(&to.secret_env)?, now.timestamp());
        let signature = sign::standard_webhooks(&secret, id, timestamp, body.as_bytes());
        let request = self
            .client
            .post(to.url.url())
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature)
            .body(body);
        send(request).await.map(drop)
    }

    async fn issue(&self, to: &GithubIssue, message: &Message) -> Result<(), DeliveryError> {
        let body = json!({"title": message.title, "body": message.text, "labels": to.labels});
        let path = format!("/repos/{}/issues", to.repo);
        self.github(&to.base_url, &path, &to.token_env, &body).await
    }

    async fn check(&self, to: &GithubCheck, message: &Message) -> Result<(), DeliveryError> {
        let conclusion = match message.occasion {
            Occasion::JobFailed => "failure",
            Occasion::Decision => "action_required",
            Occasion::Drift | Occasion::Digest => "neutral",
            Occasion::JobRecovered => "success",
        };
        let body = json!({
            "name": "wondertwin",
            "head_sha": self.credential(&to.sha_env)?,
            "status": "completed",
            "conclusion": conclusion,
            "output": {"title": message.title, "summary": message.text},
        });
        let path = format!("/repos/{}/check-runs", to.repo);
        self.github(&to.base_url, &path, &to.token_env, &body).await
    }

    async fn github(
        &self,
        base: &Address,
        path: &str,
        token: &EnvName,
        body: &Value,
    ) -> Result<(), DeliveryError> {
        let request = self
            .client
            .post(base.with(path))
            .bearer_auth(self.credential(token)?)
            .header("accept", "application/vnd.github+json")
            .json(body);
        send(request).await.map(drop)
    }
}

async fn send(request: RequestBuilder) -> Result<(String, Response), DeliveryError> {
    let (client, request) = request.build_split();
    let request =
        request.map_err(|fault| DeliveryError::Channel(fault.without_url().to_string()))?;
    let host = request.url().host_str().unwrap_or_default().to_owned();
    let sent = client.execute(request).await;
    let response = sent.map_err(|source| DeliveryError::Unreachable {
        host: host.clone(),
        source: source.without_url(),
    })?;
    let status = response.status();
    if status.is_success() {
        return Ok((host, response));
    }
    let retry_after = retry_after(&response);
    let mut body = beginning(response).await;
    body.truncate(body.floor_char_boundary(TOLD_BYTES_MAX));
    Err(DeliveryError::Refused { host, status: status.as_u16(), body, retry_after })
}

/// How an answer begins, as far as it comes.
async fn beginning(mut response: Response) -> String {
    let mut bytes = Vec::new();
    while bytes.len() < READ_BYTES_MAX
        && let Ok(Some(more)) = response.chunk().await
    {
        bytes.extend_from_slice(&more[..more.len().min(READ_BYTES_MAX - bytes.len())]);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Seconds only: a date says nothing without the receiver's clock.
fn retry_after(response: &Response) -> Option<Duration> {
    let is_for_later = matches!(
        response.status(),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    );
    let value = response.headers().get("retry-after").filter(|_| is_for_later)?;
    value.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// # Source
///
/// Slack, "Formatting text": three characters have a meaning.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
