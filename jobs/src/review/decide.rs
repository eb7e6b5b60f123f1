//! The page that decides: a form in, a redirect out.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use models::is_same_secret;

use super::Desk;
use super::desk::{Decided, Decision, Order, Refused};
use super::door::Session;
use super::form::Form;
use super::page::{self, Trouble};
use super::server::Room;

/// Of a name and a comment; what is longer is a mistake.
const WORDS_MAX: usize = 4000;

/// Takes a decision down, and sends the browser to what came of it.
///
/// The form names what its reader saw (the calibration's digest and the last published one), so that
/// a decision is never about something else. Where somebody else decided meanwhile, the answer is a
/// page that says what.
pub(super) async fn decide(
    State(room): State<Arc<Room>>,
    Extension(session): Extension<Session>,
    Path((twin, number)): Path<(String, String)>,
    body: Bytes,
) -> Response {
    let back = page::calibration(&twin, &number);
    let form = Form::read(&body);
    if !is_same_secret(form.one("form_token"), room.keys.form_token(&session.0)) {
        let text = "The form is not of this session: the page was open since before `wt review` was started anew, or cookies are off. Nothing was decided; load the page again and decide there.";
        let trouble = Trouble::new(StatusCode::FORBIDDEN, text);
        return page::trouble(&room, &trouble.with_way(back, "The calibration, as it is now"));
    }
    let order = match read(&twin, &number, &form) {
        Ok(order) => order,
        Err(text) => {
            let trouble = Trouble::new(StatusCode::UNPROCESSABLE_ENTITY, text);
            return page::trouble(&room, &trouble.with_way(back, "Back to the calibration"));
        }
    };
    let seen = Seen {
        digest: form.one("digest").to_owned(),
        published: form.one("published").parse().ok(),
    };
    let desk = Arc::clone(&room.desk);
    let asked = order.clone();
    let decided = tokio::task::spawn_blocking(move || {
        still_as_seen(desk.as_ref(), &asked, &seen)?;
        desk.decide(&asked)
    });
    match decided.await {
        Ok(Ok(decided)) => {
            room.tell(&session.0, words(&order, &decided));
            let place = page::calibration(&order.twin, &decided.number.to_string());
            Redirect::to(&place).into_response()
        }
        Ok(Err(refused)) => page::trouble(&room, &trouble(&refused, back)),
        Err(fault) => page::trouble(&room, &Trouble::failed(&fault.into())),
    }
}

/// What the reader of a form had before their eyes.
struct Seen {
    digest: String,
    published: Option<u64>,
}

/// The page is no newer than its reader's last look: what was decided since is told, not overridden.
fn still_as_seen(desk: &dyn Desk, order: &Order, seen: &Seen) -> Result<(), Refused> {
    let unknown =
        || Refused::Unknown(format!("There is no calibration {} of {}.", order.number, order.twin));
    let dossier = desk.dossier(&order.twin).map_err(Refused::Failed)?.ok_or_else(unknown)?;
    let mut entries = dossier.entries.iter();
    let entry = entries.find(|one| one.calibration.number == order.number).ok_or_else(unknown)?;
    let digest = models::Digest::of_value(&serde_json::json!(entry.calibration));
    if digest.as_str() != seen.digest {
        let text = format!(
            "Calibration {} is not the one you were shown. Nothing was decided.",
            order.number
        );
        return Err(Refused::Moved(text));
    }
    if order.decision == Decision::RollBack && seen.published != Some(dossier.published) {
        let what = published_since(&dossier);
        let text = format!(
            "{what} since you looked, and rolling back would undo that, too. Nothing was decided."
        );
        return Err(Refused::Moved(text));
    }
    Ok(())
}

fn published_since(dossier: &super::Dossier) -> String {
    let mut entries = dossier.entries.iter();
    let last = entries.find(|one| one.calibration.number == dossier.published);
    let state = last.map(|one| reports::state_words(&one.state));
    format!("Calibration {} was {}", dossier.published, state.unwrap_or_else(|| "published".into()))
}

fn read(twin: &str, number: &str, form: &Form) -> Result<Order, String> {
    let number = number.parse().map_err(|_| format!("`{number}` is no calibration's number."))?;
    let choices = form.one("choices").parse().unwrap_or(0);
    let chosen = match form.count("finding") {
        // Nothing to choose from, or all chosen: the calibration as a whole.
        count if count == choices => None,
        0 => return Err("No finding was chosen, so there is nothing to decide on.".to_owned()),
        _ => Some(form.words("finding")),
    };
    let decision = match form.one("choice") {
        "approve" => Decision::Approve(chosen),
        "reject" => Decision::Reject(chosen),
        "rollback" => Decision::RollBack,
        other => return Err(format!("`{other}` is no decision.")),
    };
    let by = form.one("by");
    if by.is_empty() {
        return Err(
            "Who decides? The name stands in the ledger for those who read it later.".into()
        );
    }
    let comment = Some(form.one("comment").to_owned()).filter(|comment| !comment.is_empty());
    if by.len().max(comment.as_ref().map_or(0, String::len)) > WORDS_MAX {
        return Err(format!("A name or comment has more than {WORDS_MAX} bytes."));
    }
    Ok(Order { twin: twin.to_owned(), number, decision, by: by.to_owned(), comment })
}

/// What the next page says.
fn words(order: &Order, decided: &Decided) -> String {
    let (asked, number) = (order.number, decided.number);
    let live = "Running twins load it now.";
    let rest = decided.rest.map(|rest| format!(" The rest waits as calibration {rest}."));
    let rest = rest.unwrap_or_default();
    match &order.decision {
        Decision::Approve(_) if number == asked => {
            format!("Calibration {asked} is published. {live}{rest}")
        }
        Decision::Approve(_) => {
            format!(
                "The chosen findings of calibration {asked} are published as {number}. {live}{rest}"
            )
        }
        Decision::Reject(_) if number == asked => {
            format!("Calibration {asked} is rejected: no twin will load it.{rest}")
        }
        Decision::Reject(_) => {
            format!("The chosen findings of calibration {asked} are rejected as {number}.{rest}")
        }
        Decision::RollBack => {
            format!("Calibration {number} undoes {asked} and all published since. {live}")
        }
    }
}

fn trouble(refused: &Refused, back: String) -> Trouble {
    let status = match refused {
        Refused::Moved(_) => StatusCode::CONFLICT,
        Refused::Unknown(_) => StatusCode::NOT_FOUND,
        Refused::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
        Refused::Impossible(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Refused::Failed(error) => return Trouble::failed(error),
    };
    Trouble::new(status, refused.to_string()).with_way(back, "The calibration, as it is now")
}
