//! Mail.

use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls as Secrecy, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message as Mail, Tokio1Executor};

use super::{DeliveryError, Email, Message, Tls};

/// Hands a message to the channel's mail server.
pub(super) async fn send(
    to: &Email,
    password: Option<String>,
    id: &str,
    message: &Message,
) -> Result<(), DeliveryError> {
    let fault = |source| DeliveryError::Smtp { server: to.server.clone(), source };
    let refuse = DeliveryError::Channel;
    let (host, port) = match to.server.rsplit_once(':') {
        Some((host, port)) => {
            let port = port
                .parse()
                .map_err(|_| refuse(format!("`{port}` is no port of a mail server")))?;
            (host, port)
        }
        None if to.tls == Tls::Implicit => (to.server.as_str(), 465),
        None => (to.server.as_str(), 587),
    };
    let secrecy = match to.tls {
        Tls::None => Secrecy::None,
        Tls::Starttls => Secrecy::Required(TlsParameters::new(host.to_owned()).map_err(fault)?),
        Tls::Implicit => Secrecy::Wrapper(TlsParameters::new(host.to_owned()).map_err(fault)?),
    };
    let mut server = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
        .port(port)
        .tls(secrecy)
        .timeout(Some(std::time::Duration::from_secs(10)));
    match (&to.username, password) {
        (Some(user), Some(password)) => {
            server = server.credentials(Credentials::new(user.clone(), password));
        }
        (None, None) => {}
        _ => return Err(refuse("`username` and `password_env` go together".to_owned())),
    }
    server.build().send(mail(to, id, message)?).await.map(drop).map_err(fault)
}

fn mail(to: &Email, id: &str, message: &Message) -> Result<Mail, DeliveryError> {
    let address = |text: &String| {
        text.parse().map_err(|_| DeliveryError::Channel(format!("`{text}` is no mail address")))
    };
    let mut mail = Mail::builder()
        .from(address(&to.from)?)
        .subject(&message.title)
        // The same for each attempt, so that a reader shows one.
        .message_id(Some(format!("<{id}@wondertwin>")))
        .header(ContentType::TEXT_PLAIN);
    for receiver in &to.to {
        mail = mail.to(address(receiver)?);
    }
    let text = message.text.clone();
    mail.body(text).map_err(|fault| DeliveryError::Channel(format!("cannot make a mail: {fault}")))
}
