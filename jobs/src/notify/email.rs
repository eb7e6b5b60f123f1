//! Mail.

use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls as Secrecy, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message as Mail, Tokio1Executor};

use super::{DeliveryError, Email, MailServer, Message, Tls};

/// Hands a message to the channel's mail server.
pub(super) async fn send(
    to: &Email,
    password: Option<String>,
    id: &str,
    message: &Message,
) -> Result<(), DeliveryError> {
    let fault = |source| DeliveryError::Smtp { server: to.server.to_string(), source };
    let MailServer { host, port } = &to.server;
    let usual = if to.tls == Tls::Implicit { 465 } else { 587 };
    let secrecy = match to.tls {
        Tls::None => Secrecy::None,
        Tls::Starttls => Secrecy::Required(TlsParameters::new(host.clone()).map_err(fault)?),
        Tls::Implicit => Secrecy::Wrapper(TlsParameters::new(host.clone()).map_err(fault)?),
    };
    let mut server = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
        .port(port.unwrap_or(usual))
        .tls(secrecy)
        .timeout(Some(std::time::Duration::from_secs(10)));
    if let (Some((user, _)), Some(password)) = (&to.login, password) {
        server = server.credentials(Credentials::new(user.clone(), password));
    }
    server.build().send(mail(to, id, message)?).await.map(drop).map_err(fault)
}

fn mail(to: &Email, id: &str, message: &Message) -> Result<Mail, DeliveryError> {
    let mut mail = Mail::builder()
        .from(to.from.0.clone())
        .subject(&message.title)
        // The same for each attempt, so that a reader shows one.
        .message_id(Some(format!("<{id}@wondertwin>")))
        .header(ContentType::TEXT_PLAIN);
    for receiver in &to.to {
        mail = mail.to(receiver.0.clone());
    }
    let text = message.text.clone();
    mail.body(text).map_err(|fault| DeliveryError::Channel(format!("cannot make a mail: {fault}")))
}
