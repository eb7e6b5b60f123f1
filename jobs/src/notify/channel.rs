//! `[notify.NAME]`: where to tell, and of what. Credentials are named, never stored.

use serde::{Deserialize, Serialize};

use super::word::{Address, EnvName, MailAddress, MailServer, Repo};

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
#[serde(try_from = "SlackTable")]
pub struct Slack {
    /// Which of the two.
    pub way: SlackWay,
    /// Of the API.
    pub base_url: Address,
}

/// How a message gets to Slack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SlackWay {
    /// By an incoming webhook, whose address is a secret.
    Incoming {
        /// The variable that holds it.
        url_env: EnvName,
    },
    /// By a bot.
    Bot {
        /// The variable that holds its token.
        token_env: EnvName,
        /// Where it writes.
        channel: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SlackTable {
    url_env: Option<EnvName>,
    token_env: Option<EnvName>,
    channel: Option<String>,
    #[serde(default = "slack_api")]
    base_url: Address,
}

impl TryFrom<SlackTable> for Slack {
    type Error = &'static str;

    fn try_from(table: SlackTable) -> Result<Self, &'static str> {
        let SlackTable { url_env, token_env, channel, base_url } = table;
        let way = match (url_env, token_env, channel) {
            (Some(url_env), None, None) => SlackWay::Incoming { url_env },
            (None, Some(token_env), Some(channel)) => SlackWay::Bot { token_env, channel },
            _ => return Err("a channel of kind slack has `url_env`, or `token_env` and `channel`"),
        };
        Ok(Self { way, base_url })
    }
}

/// `kind = "webhook"`: JSON signed as Standard Webhooks has it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// The receiver.
    pub url: Address,
    /// The variable that holds the secret, `whsec_…` or plain.
    pub secret_env: EnvName,
}

/// `kind = "email"`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "EmailTable")]
pub struct Email {
    /// The server, `smtp.example.com:587`.
    pub server: MailServer,
    /// How the connection is kept secret.
    pub tls: Tls,
    /// The sender.
    pub from: MailAddress,
    /// Who gets it, one at least.
    pub to: Vec<MailAddress>,
    /// The user's name and the variable that holds the password; nobody signs in where there is none.
    pub login: Option<(String, EnvName)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EmailTable {
    server: MailServer,
    #[serde(default)]
    tls: Tls,
    from: MailAddress,
    to: Vec<MailAddress>,
    username: Option<String>,
    password_env: Option<EnvName>,
}

impl TryFrom<EmailTable> for Email {
    type Error = &'static str;

    fn try_from(table: EmailTable) -> Result<Self, &'static str> {
        let EmailTable { server, tls, from, to, username, password_env } = table;
        if to.is_empty() {
            return Err("`to` names nobody: write [\"somebody@example.com\"]");
        }
        let login = match (username, password_env) {
            (Some(user), Some(password_env)) => Some((user, password_env)),
            (None, None) => None,
            _ => return Err("`username` and `password_env` go together"),
        };
        Ok(Self { server, tls, from, to, login })
    }
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
    pub repo: Repo,
    /// The variable that holds the token.
    pub token_env: EnvName,
    /// What issues are labelled with.
    #[serde(default)]
    pub labels: Vec<String>,
    /// Of the API.
    #[serde(default = "github_api")]
    pub base_url: Address,
}

/// `kind = "github-check"`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GithubCheck {
    /// `owner/name`.
    pub repo: Repo,
    /// The variable that holds the token.
    pub token_env: EnvName,
    /// The variable that holds the commit, as `GITHUB_SHA` does in CI.
    pub sha_env: EnvName,
    /// Of the API.
    #[serde(default = "github_api")]
    pub base_url: Address,
}

fn slack_api() -> Address {
    Address::parse("https://slack.com/api").expect("it is an address")
}

fn github_api() -> Address {
    Address::parse("https://api.github.com").expect("it is an address")
}

impl Target {
    /// The variables it takes credentials from, with the fields that name them.
    pub fn variables(&self) -> Vec<(&'static str, &EnvName)> {
        match self {
            Self::Slack(Slack { way: SlackWay::Incoming { url_env }, .. }) => {
                vec![("url_env", url_env)]
            }
            Self::Slack(Slack { way: SlackWay::Bot { token_env, .. }, .. })
            | Self::GithubIssue(GithubIssue { token_env, .. }) => vec![("token_env", token_env)],
            Self::Webhook(Webhook { secret_env, .. }) => vec![("secret_env", secret_env)],
            Self::Email(Email { login, .. }) => {
                login.iter().map(|(_, password_env)| ("password_env", password_env)).collect()
            }
            Self::GithubCheck(GithubCheck { token_env, sha_env, .. }) => {
                vec![("token_env", token_env), ("sha_env", sha_env)]
            }
        }
    }
}
