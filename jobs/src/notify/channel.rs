//! `[notify.NAME]`: where to tell, and of what. Credentials are named, never stored.

use serde::{Deserialize, Serialize};

/// One channel of `jobs.toml`.
#[derive(Debug, Clone, PartialEq)]
pub struct Channel {
    /// What goes there.
    pub subscription: Subscription,
    /// Where it goes.
    pub target: Target,
}

/// What a channel is told.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Subscription {
    /// On what occasions; all where none is named.
    pub on: Vec<Occasion>,
    /// Of which twins; of all where none is named. What is about no twin is told anyway.
    pub twins: Option<Vec<String>>,
}

impl Default for Subscription {
    fn default() -> Self {
        Self { on: Occasion::ALL.to_vec(), twins: None }
    }
}

impl Subscription {
    /// Whether the channel is told.
    pub fn takes(&self, occasion: Occasion, twin: Option<&str>) -> bool {
        let about =
            |names: &Vec<String>| twin.is_none_or(|twin| names.iter().any(|name| name == twin));
        self.on.contains(&occasion) && self.twins.as_ref().is_none_or(about)
    }
}

/// Why somebody is told something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Occasion {
    /// A finding that was not told before.
    Drift,
    /// A calibration awaits a decision.
    Decision,
    /// A job failed that had not before.
    JobFailed,
    /// A job that failed came to a good end.
    JobRecovered,
    /// A digest of a job of kind `notify`.
    Digest,
}

impl Occasion {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Drift, Self::Decision, Self::JobFailed, Self::JobRecovered, Self::Digest];

    /// As `on` spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Drift => "drift",
            Self::Decision => "decision",
            Self::JobFailed => "job-failed",
            Self::JobRecovered => "job-recovered",
            Self::Digest => "digest",
        }
    }
}

/// Where a channel leads.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// Slack, or what speaks like it.
    Slack(Slack),
    /// Any receiver of Standard Webhooks.
    Webhook(Webhook),
    /// A mailbox.
    Email(Email),
    /// An issue of a repository.
    GithubIssue(GithubIssue),
    /// A check run of a commit.
    GithubCheck(GithubCheck),
}

/// The words of `kind`, in the order of [`Target`].
pub(crate) const TARGETS: [&str; 5] = ["slack", "webhook", "email", "github-issue", "github-check"];

/// `kind = "slack"`: an incoming webhook (`url_env`), or `chat.postMessage` (`token_env`, `channel`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slack {
    /// The variable that holds the incoming webhook's address.
    pub url_env: Option<String>,
    /// The variable that holds the bot's token.
    pub token_env: Option<String>,
    /// Where the bot writes.
    pub channel: Option<String>,
    /// Of the API.
    #[serde(default = "slack_api")]
    pub base_url: String,
}

/// `kind = "webhook"`: JSON signed as Standard Webhooks has it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// The receiver.
    pub url: String,
    /// The variable that holds the secret, `whsec_…` or plain.
    pub secret_env: String,
}

/// `kind = "email"`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Email {
    /// The server, `smtp.example.com:587`.
    pub server: String,
    /// How the connection is kept secret.
    #[serde(default)]
    pub tls: Tls,
    /// The sender.
    pub from: String,
    /// Who gets it.
    pub to: Vec<String>,
    /// The user's name; nobody signs in where there is none.
    pub username: Option<String>,
    /// The variable that holds the password.
    pub password_env: Option<String>,
}

/// How a connection to a mail server is kept secret.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// From the first byte, as on port 465.
    Implicit,
    /// Asked for and insisted on, as on port 587.
    #[default]
    Starttls,
    /// Not at all, for a relay on this machine.
    None,
}

/// `kind = "github-issue"`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GithubIssue {
    /// `owner/name`.
    pub repo: String,
    /// The variable that holds the token.
    pub token_env: String,
    /// What issues are labelled with.
    #[serde(default)]
    pub labels: Vec<String>,
    /// Of the API.
    #[serde(default = "github_api")]
    pub base_url: String,
}

/// `kind = "github-check"`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GithubCheck {
    /// `owner/name`.
    pub repo: String,
    /// The variable that holds the token.
    pub token_env: String,
    /// The variable that holds the commit, as `GITHUB_SHA` does in CI.
    pub sha_env: String,
    /// Of the API.
    #[serde(default = "github_api")]
    pub base_url: String,
}

fn slack_api() -> String {
    "https://slack.com/api".to_owned()
}

fn github_api() -> String {
    "https://api.github.com".to_owned()
}
