//! Applications that use the vendor, each with its key.

use anyhow::Context as _;
use http::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::client::Client;
use super::world::{Dice, Release};

/// Applications at work in one stretch of traffic.
const APPLICATIONS: u64 = 16;

/// Has the applications do their work side by side; how many requests they made.
///
/// Each stretch has keys of its own: a demo is shorter than the minute in which a key's requests
/// are counted. One application asks for more than it may.
pub(crate) async fn drive(base: &str, stretch: u64, release: Release) -> anyhow::Result<u64> {
    let mut work = JoinSet::new();
    for number in 0..APPLICATIONS {
        let mut dice = Dice(stretch << 32 | number);
        let client = Client::new(base, format!("sk_demo_{}", dice.text(24)));
        work.spawn(async move {
            if number == 0 {
                exhaust(&client, release).await
            } else {
                work_day(&client, &mut dice, release).await
            }
        });
    }
    let mut requests = 0;
    while let Some(done) = work.join_next().await {
        requests += done.context("an application of the demo stopped")??;
    }
    Ok(requests)
}

/// Under the limit of either release: customers are made, billed, and pay.
async fn work_day(client: &Client, dice: &mut Dice, release: Release) -> anyhow::Result<u64> {
    let mut requests = 0;
    let leaving = dice.below(4);
    for round in 0..4 {
        let customer = made(client, "/v1/customers", customer(dice)).await?;
        client.get(&format!("/v1/customers/{customer}")).await?;
        let total = dice.below(90_000) + 100;
        let invoice =
            made(client, "/v1/invoices", json!({"customer": customer, "total": total})).await?;
        client.get(&format!("/v1/invoices/{invoice}")).await?;
        let payment =
            made(client, "/v1/payments", json!({"invoice": invoice, "amount": total})).await?;
        client.get(&format!("/v1/payments/{payment}")).await?;
        requests += 6;
        if round == leaving {
            let path = format!("/v1/customers/{customer}");
            client.call(Method::PATCH, &path, Some(json!({"name": name(dice)}))).await?;
            client.call(Method::DELETE, &path, None).await?;
            requests += 2;
        }
    }
    for collection in ["customers", "invoices", "payments"] {
        client.get(&format!("/v1/{collection}")).await?;
        requests += 1;
    }
    if release == Release::Second {
        client.get("/v1/disputes").await?;
        requests += 1;
    }
    Ok(requests)
}

/// Asks until the vendor has refused a few times.
async fn exhaust(client: &Client, release: Release) -> anyhow::Result<u64> {
    let requests = u64::from(release.limit()) + 5;
    for _ in 0..requests {
        client.get("/v1/customers").await?;
    }
    Ok(requests)
}

/// Creates an object; its id.
async fn made(client: &Client, path: &str, body: Value) -> anyhow::Result<String> {
    let answer = client.post(path, body).await?;
    let id = answer.body["id"].as_str().map(str::to_owned);
    id.with_context(|| format!("POST {path}: status {} and no id", answer.status))
}

fn customer(dice: &mut Dice) -> Value {
    let name = name(dice);
    let email = format!("{}@{}.example", name.to_lowercase().replace(' ', "."), dice.text(6));
    json!({"name": name, "email": email})
}

fn name(dice: &mut Dice) -> String {
    let first = dice.one_of(&["Ada", "Bela", "Chidi", "Dara", "Emre", "Fumiko", "Goran", "Hana"]);
    let last = dice.one_of(&["Okoye", "Lindqvist", "Marino", "Novak", "Pereira", "Quist", "Sato"]);
    format!("{first} {last}")
}
