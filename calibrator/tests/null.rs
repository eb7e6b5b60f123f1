//! A vendor at which nothing changes, in the ways traffic can look as though something had: no finding,
//! however often one looks. `WT_SOAK=1` runs a million exchanges.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its lake has failed")]

mod traffic;

use calibrator::reading::Reading;
use serde_json::json;
use traffic::{Call, DAY, Dice, World, found, mail};

/// Number `at` of a corpus.
type Corpus = fn(u64, &mut Dice) -> Call;

/// Exchanges of each corpus, and how often one looks.
fn size() -> (u64, u64) {
    if std::env::var_os("WT_SOAK").is_some() { (200_000, 100) } else { (1_500, 3) }
}

async fn nothing_is_found(name: &str, corpus: Corpus) {
    let (exchanges, looks) = size();
    let mut world = World::new();
    let mut reading = Reading::new("mails", i64::MIN);
    let mut dice = Dice(17);
    let mut next = 0;
    for look in 0..looks {
        let until = exchanges * (look + 1) / looks;
        let calls: Vec<Call> = (next..until).map(|number| corpus(number, &mut dice)).collect();
        next = until;
        world.seal(&calls);
        let analysis = world.look(&mut reading).await;
        assert_eq!(found(&analysis), [], "{name}, look {look}: {:?}", analysis.drift);
    }
}

fn call(at: u64, id: u64, dice: &mut Dice) -> Call {
    let body = mail(id, dice);
    Call { at, caller: dice.below(7), id, status: 200, body }
}

#[tokio::test]
async fn independent_answers() {
    nothing_is_found("independent", |number, dice| {
        let id = dice.below(1_000_000);
        call(number * 60, id, dice)
    })
    .await;
}

#[tokio::test]
async fn entities_polled_again_and_again() {
    // What an entity is stays: its optional fields are drawn once.
    nothing_is_found("polled", |number, dice| {
        let id = number / 2_000 * 40 + dice.below(40);
        Call { body: mail(id, &mut Dice(id)), ..call(number * 60, id, dice) }
    })
    .await;
}

#[tokio::test]
async fn weekdays_and_weekends() {
    // On weekends other things are asked for: hardly ever a note.
    nothing_is_found("seasonal", |number, dice| {
        let at = number * 900;
        let id = dice.below(1_000_000);
        let mut call = call(at, id, dice);
        if at / DAY % 7 >= 5 && !dice.permille(30) {
            call.body.as_object_mut().unwrap().remove("note");
        }
        call
    })
    .await;
}

#[tokio::test]
async fn sparse_fields_and_empty_pages() {
    nothing_is_found("sparse", |number, dice| {
        let id = dice.below(1_000_000);
        let mut call = call(number * 60, id, dice);
        if dice.permille(700) {
            call.body["parts"] = json!([]);
        }
        call
    })
    .await;
}

#[tokio::test]
async fn refusals_and_failures_now_and_then() {
    nothing_is_found("failing", |number, dice| {
        let id = dice.below(1_000_000);
        let mut call = call(number * 60, id, dice);
        if number % 977 < 20 {
            (call.status, call.body) = (503, json!({"error": "overloaded"}));
        }
        call
    })
    .await;
}
