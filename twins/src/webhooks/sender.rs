//! Takes deliveries over the wire.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Request};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use models::behaviour::Content;
use models::webhooks::sign::{self, Signed};
use tokio::task::JoinSet;

use crate::session::Session;
use crate::twin::Twin;
use crate::webhooks::Webhooks;
use crate::webhooks::delivery::{Attempt, Sent};
use crate::webhooks::outbox::Ticket;
use crate::webhooks::template::Context;

/// Deliveries under way at once.
const FLYING_MAX: usize = 16;

/// Sends what is due until told to stop, and then what is due at that time.
pub(crate) async fn run(twin: Arc<Twin>, stop: impl Future<Output = ()>) {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let mut flying = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        for session in twin.sessions.all() {
            twin.catch_up(&session, session.clock.since_epoch());
        }
        launch(&twin, &client, &mut flying);
        let pause = pause(&twin);
        tokio::select! {
            // A panic of one delivery is its own; the others go on.
            _ = flying.join_next(), if !flying.is_empty() => {}
            () = twin.wake.notified() => {}
            () = tokio::time::sleep(pause.unwrap_or_default()), if pause.is_some() => {}
            () = &mut stop => break,
        }
    }
    let drain = async {
        launch(&twin, &client, &mut flying);
        while flying.join_next().await.is_some() {
            launch(&twin, &client, &mut flying);
        }
    };
    if tokio::time::timeout(twin.config.network.drain_timeout, drain).await.is_err() {
        tracing::warn!("webhooks were still under way and are cut off");
    }
}

/// Until the next delivery or timer is due in any session, where time passes of itself.
fn pause(twin: &Twin) -> Option<Duration> {
    let sessions = twin.sessions.all().into_iter().filter(|session| !session.clock.is_still());
    let pauses = sessions.filter_map(|session| {
        let sent = session.webhooks.outbox().next_due();
        let due = sent.into_iter().chain(session.timers.next()).min()?;
        // Not zero: with as many under way as may be, what is due has to wait for one of them.
        Some(due.saturating_sub(session.clock.since_epoch()).max(Duration::from_millis(1)))
    });
    pauses.min()
}

type Pool = Client<HttpConnector, Full<Bytes>>;

fn launch(twin: &Twin, client: &Pool, flying: &mut JoinSet<()>) {
    for session in twin.sessions.all() {
        twin.follow_deliveries(&session);
        let now = session.clock.since_epoch();
        let free = FLYING_MAX.saturating_sub(flying.len());
        let tickets = session.webhooks.outbox().take_due(now, free);
        for ticket in tickets {
            flying.spawn(send(Arc::clone(&session), client.clone(), ticket));
        }
    }
}

/// Attempts a delivery. Where its session was reset meanwhile, nobody hears of it.
async fn send(session: Arc<Session>, client: Pool, ticket: Ticket) {
    let (at, began) = (session.clock.since_epoch(), Instant::now());
    let result = session.webhooks.attempt(&client, &ticket, at).await;
    let attempt = Attempt { at, took: began.elapsed(), result };
    let now = session.clock.since_epoch();
    session.webhooks.outbox().settle(ticket.number, attempt, now);
}

impl Webhooks {
    async fn attempt(&self, client: &Pool, ticket: &Ticket, at: Duration) -> Sent {
        let url = &ticket.message.endpoint.url;
        if let Err(why) = self.may_send_to(url) {
            return Sent::Refused(why);
        }
        let request = match self.request(ticket, at) {
            Ok(request) => request,
            Err(error) => return Sent::Refused(format!("the request cannot be made: {error}")),
        };
        let seconds = self.declared.retry.timeout_seconds;
        let timeout = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::from_secs(30));
        match tokio::time::timeout(timeout, client.request(request)).await {
            Ok(Ok(response)) => {
                let status = response.status().as_u16();
                let is_final = self.is_final(status, response.headers());
                Sent::Answered { status, is_final }
            }
            Ok(Err(error)) => Sent::Failed(crate::served::chain(&error)),
            Err(_) => Sent::TimedOut,
        }
    }

    fn request(&self, ticket: &Ticket, at: Duration) -> Result<Request<Full<Bytes>>, http::Error> {
        let message = &ticket.message;
        let is_form = self.declared.content == Content::Form;
        let media = if is_form { "application/x-www-form-urlencoded" } else { "application/json" };
        let mut request = Request::post(&message.endpoint.url);
        let named = |name: &str| message.headers.iter().any(|(own, _)| own == name);
        if !named(CONTENT_TYPE.as_str()) {
            request = request.header(CONTENT_TYPE, media);
        }
        for (name, value) in &message.headers {
            request = request.header(name, value);
        }
        for (name, value) in self.repeat_headers(ticket) {
            request = request.header(name, value);
        }
        if !message.endpoint.secret.is_empty() {
            let form = self.signature.load();
            let signed = Signed {
                scheme: form.scheme,
                header: form.header.as_deref(),
                secret: &message.endpoint.secret,
                id: &message.event.id,
                url: &message.endpoint.url,
                body: &message.body,
                is_form,
                at,
            };
            for (name, value) in sign::headers(&signed) {
                request = request.header(name, value);
            }
        }
        request.body(Full::new(message.body.clone()))
    }

    /// What a repeated attempt says of itself.
    fn repeat_headers(&self, ticket: &Ticket) -> Vec<(String, String)> {
        if ticket.before == 0 {
            return Vec::new();
        }
        let values = serde_json::json!({"delivery": {
            "id": ticket.message.id, "attempt": ticket.before, "reason": ticket.reason,
        }});
        let values = values.as_object().cloned().unwrap_or_default();
        let context = Context { values: &values, dice: self.dice, show: &|_| None };
        let own = self.declared.retry.headers.iter();
        own.map(|(name, value)| (name.to_ascii_lowercase(), context.text(value))).collect()
    }

    fn is_final(&self, status: u16, headers: &HeaderMap) -> bool {
        let retry = &self.declared.retry;
        retry.final_statuses.contains(&status)
            || retry.final_header.as_ref().is_some_and(|name| headers.contains_key(name))
    }

    /// Only loopback and hosts that are declared: a twin with somebody's real addresses in its
    /// state must not reach them.
    fn may_send_to(&self, url: &str) -> Result<(), String> {
        let parsed =
            url::Url::parse(url).map_err(|error| format!("`{url}` is no address: {error}"))?;
        if parsed.scheme() != "http" {
            return Err(format!("`{url}` is not sent to: webhooks go over plain http"));
        }
        let host = parsed.host_str().unwrap_or("");
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let loopback = bare == "localhost"
            || bare.ends_with(".localhost")
            || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        let declared = self.declared.hosts.iter().any(|own| {
            own.eq_ignore_ascii_case(bare)
                || own.strip_prefix('*').is_some_and(|ending| bare.ends_with(ending))
        });
        if loopback || declared {
            return Ok(());
        }
        Err(format!("`{host}` is not sent to: name it in `webhooks.hosts` of twin.json"))
    }
}

impl Webhooks {
    /// Whether all that is due has been tried.
    pub(crate) fn is_quiet(&self, now: Duration) -> bool {
        self.outbox().is_quiet(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhooks::WebhookConfig;

    #[test]
    fn only_loopback_and_declared_hosts_are_sent_to() {
        let mut config = WebhookConfig::default();
        config.declared.hosts = vec!["hooks.example.com".to_owned(), "*.test.example".to_owned()];
        let webhooks = Webhooks::new(config, 1, Arc::default());
        for url in [
            "http://127.0.0.1:1/x",
            "http://localhost/x",
            "http://[::1]:9/",
            "http://hooks.example.com/",
            "http://a.test.example/",
        ] {
            assert_eq!(webhooks.may_send_to(url), Ok(()), "{url}");
        }
        for url in [
            "http://example.com/",
            "http://127.0.0.1.example.com/",
            "http://10.0.0.1/",
            "http://localhost.example.com/",
            "https://127.0.0.1/",
            "ftp://localhost/",
            "nonsense",
        ] {
            assert!(webhooks.may_send_to(url).is_err(), "{url}");
        }
    }
}
