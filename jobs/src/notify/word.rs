//! What stands in the tables of `[notify]`, read where the table is.

use std::fmt;

use lettre::message::Mailbox;
use reqwest::Url;
use serde::Deserialize;

/// The name of a variable of the environment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct EnvName(String);

impl TryFrom<String> for EnvName {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, &'static str> {
        let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if is_name && name.starts_with(|c: char| !c.is_ascii_digit()) {
            Ok(Self(name))
        } else {
            // What stands there may be the secret itself, and is not repeated.
            Err(
                "is no name of a variable: write the name of the variable that holds the value, as \"SLACK_BOT_TOKEN\"",
            )
        }
    }
}

impl EnvName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An address that credentials may go to: encrypted, or on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Address(Url);

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl Address {
    /// Reads one; what it says of a fault does not repeat the address, which may be a secret.
    ///
    /// # Errors
    ///
    /// Where it is none, or would show credentials to those on the way.
    pub fn parse(text: &str) -> Result<Self, String> {
        let url =
            Url::parse(text).map_err(|fault| format!("the channel's address is none: {fault}"))?;
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let is_here = host == "localhost"
            || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        if url.scheme() == "https" || (url.scheme() == "http" && is_here) {
            return Ok(Self(url));
        }
        Err(format!("`{}` to {host} would show credentials: use https", url.scheme()))
    }

    /// The address.
    pub(super) fn url(&self) -> Url {
        self.0.clone()
    }

    /// A place below it; `path` begins with a slash.
    pub(super) fn with(&self, path: &str) -> String {
        format!("{}{path}", self.0.as_str().trim_end_matches('/'))
    }
}

/// A mailbox, `ops@example.com` or `Twins <twins@example.com>`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct MailAddress(pub(super) Mailbox);

impl TryFrom<String> for MailAddress {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mailbox = text.parse().map(Self);
        mailbox
            .map_err(|_| format!("`{text}` is no mail address: write one as \"ops@example.com\""))
    }
}

/// A mail server's name, and its port where it is not the usual one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct MailServer {
    pub(super) host: String,
    pub(super) port: Option<u16>,
}

impl TryFrom<String> for MailServer {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let refuse =
            || format!("`{text}` is no mail server: write one as \"smtp.example.com:587\"");
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().map_err(|_| refuse())?)),
            None => (text.as_str(), None),
        };
        if host.is_empty() || host.contains(['/', ' ', '@']) {
            return Err(refuse());
        }
        Ok(Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for MailServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// A repository, `owner/name`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Repo(String);

impl TryFrom<String> for Repo {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let is_part = |part: &str| {
            let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            !part.is_empty() && part.chars().all(is_allowed)
        };
        match text.split_once('/') {
            Some((owner, name)) if is_part(owner) && is_part(name) => Ok(Self(text)),
            _ => Err(format!("`{text}` is no repository: write one as \"owner/name\"")),
        }
    }
}

impl fmt::Display for Repo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
