//! A twin beside a bare axum server that answers the same bytes: a read by id, a create and a list of ten, over 1, 16 and 64
//! kept connections; and what a stored object takes.
//!
//! Promise: CPU a request at most 1.6 times the bare server's for the read, 2.5 times for the others; at most 2 KB of memory
//! a stored object of 700 bytes. Each server runs on a thread of its own whose time on the CPU the kernel counts
//! (`/proc/self/task/*/schedstat`, Linux only); callers are threads of the same process, so requests a second and
//! percentiles are of the two together. Rounds alternate, ratios are medians of rounds.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot run has nothing to say")]

#[path = "side_by_side/axum_server.rs"]
mod axum_server;
#[path = "side_by_side/load.rs"]
mod load;
#[path = "../tests/support/mod.rs"]
mod support;

use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use load::{Load, Ran};
use serde_json::{Value, json};
use support::{Client, config, fixture};
use twins::{Follow, StateLimits, TwinConfig, serve};

/// As `wt` has it, for both servers.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CONNECTIONS: [usize; 3] = [1, 16, 64];
const REQUESTS: usize = 9_600;
const ROUNDS: usize = 5;
/// Objects there are before a round, so that lists are full.
const OBJECTS: usize = 10;
/// Objects whose memory is measured, and those before them that fill what is bounded (the capture of requests).
const STORED: usize = 16_000;
const BEFORE: usize = 2_000;

fn main() {
    let twin = Twin::start();
    let mut out = std::io::stdout().lock();
    writeln!(out, "one object answers {} bytes, ten {}", twin.one.len(), twin.ten.len()).unwrap();
    let bytes = twin.memory_of_one();
    writeln!(out, "memory of a stored object: {bytes} bytes").unwrap();
    let axum = axum_server::start(twin.one.clone(), twin.ten.clone());
    let create = object(0).to_string();
    let loads = [
        ("GET by id", Load::new("GET", &twin.path, "")),
        ("POST create", Load::new("POST", "/customers", &create)),
        ("list of 10", Load::new("GET", "/customers?limit=10", "")),
    ];
    // What is named on the command line alone, to profile it.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|one| one != "--bench").collect();
    let is_wanted =
        |name: &str| wanted.is_empty() || wanted.iter().any(|one| name.contains(&**one));
    for (name, load) in loads.iter().filter(|(name, _)| is_wanted(name)) {
        for connections in CONNECTIONS {
            let rounds = (0..ROUNDS).map(|_| {
                twin.fill();
                let ours = load.run("twin", twin.addr, connections, REQUESTS);
                (ours, load.run("axum", axum, connections, REQUESTS))
            });
            writeln!(
                out,
                "{name}, {connections} connections: {}",
                told(&rounds.collect::<Vec<_>>())
            )
            .unwrap();
        }
    }
}

/// The medians of rounds, the twin's and the bare server's.
fn told(rounds: &[(Ran, Ran)]) -> String {
    let of = |value: &dyn Fn(&(Ran, Ran)) -> f64| {
        let mut values: Vec<f64> = rounds.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let micros = |duration: Duration| duration.as_secs_f64() * 1e6;
    let line = |which: &dyn Fn(&(Ran, Ran)) -> &Ran| {
        format!(
            "{:.1} µs CPU, {:.0}/s, p50 {:.0} µs, p99 {:.0} µs",
            of(&|round| micros(which(round).cpu)),
            of(&|round| which(round).rate),
            of(&|round| micros(which(round).p50)),
            of(&|round| micros(which(round).p99)),
        )
    };
    let ratio = of(&|(ours, theirs)| ours.cpu.as_secs_f64() / theirs.cpu.as_secs_f64());
    format!("ratio {ratio:.2}; twin {}; axum {}", line(&|round| &round.0), line(&|round| &round.1))
}

/// What a create sends; the answer is of about 700 bytes.
fn object(number: usize) -> Value {
    let text = |key: usize| {
        format!("{key} an ordinary remark of some sixty characters in all, no. {number}")
    };
    let metadata = (0..6).map(|key| (format!("remark_{key}"), text(key).into()));
    json!({"email": format!("user{number}@example.com"), "name": format!("User {number}"), "balance": number,
        "metadata": Value::Object(metadata.collect())})
}

/// A twin on a thread of its own.
struct Twin {
    addr: SocketAddr,
    client: Client,
    runtime: tokio::runtime::Runtime,
    /// Of the first object.
    path: String,
    /// What a read answers.
    one: String,
    /// What a list answers.
    ten: String,
}

impl Twin {
    fn start() -> Self {
        let (tell, told) = std::sync::mpsc::channel();
        load::on_thread("twin", async move {
            let state =
                StateLimits { entities_per_collection_max: 100_000, ..StateLimits::default() };
            let config = TwinConfig { state, ..config() };
            let served =
                serve(fixture("shop.json"), Follow::Frozen, config, std::future::pending());
            let running = served.await.unwrap();
            tell.send((running.addr, Client::of(&running))).unwrap();
            running.handle.await.unwrap();
        });
        let (addr, client) = told.recv().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let none = String::new;
        let mut twin = Self { addr, client, runtime, path: none(), one: none(), ten: none() };
        twin.path = twin.fill();
        twin.one = twin.get(&twin.path);
        twin.ten = twin.get("/customers?limit=10");
        twin
    }

    fn get(&self, path: &str) -> String {
        String::from_utf8(self.runtime.block_on(self.client.get(path)).body.to_vec()).unwrap()
    }

    /// Begins anew with a few objects; the path of the first.
    fn fill(&self) -> String {
        self.runtime.block_on(async {
            self.client.post("/admin/reset", json!({})).await;
            let first = self.client.post("/customers", object(0)).await;
            for number in 1..OBJECTS {
                self.client.post("/customers", object(number)).await;
            }
            format!("/customers/{}", first.text("id"))
        })
    }

    /// What an object takes of resident memory.
    fn memory_of_one(&self) -> u64 {
        let create = |from: usize, count: usize| {
            self.runtime.block_on(async {
                for number in from..from + count {
                    self.client.post("/customers", object(number)).await;
                }
            });
        };
        create(0, BEFORE);
        let before = resident();
        create(BEFORE, STORED);
        (resident() - before) / STORED as u64
    }
}

/// Resident memory of this process.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    resident.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}
