//! From the start of a process to the first 200: Stripe alone, and the six of the catalog together.
//!
//! Promise: one twin with the full Stripe model in under 50 ms, all six in under 150 ms and 120 MB. Each run is a
//! new process, this one started again; memory is what the kernel counts as resident (Linux only).

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot run has nothing to say")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use models::Model;
use models::behaviour::Behaviour;
use twins::catalog::{CATALOG, Entry};
use twins::{Clock, Follow, TwinConfig, Universe, WebhookConfig, serve};

/// As `wt` has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const RUNS: usize = 15;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some((first, names)) = arguments.split_first()
        && first == "--serve"
    {
        return run(names);
    }
    let all: Vec<&str> = CATALOG.iter().map(|entry| entry.name).collect();
    let mut out = std::io::stdout().lock();
    for (what, names) in [("stripe", vec!["stripe"]), ("all six", all)] {
        let mut runs: Vec<_> = (0..RUNS).map(|_| measure(&names)).collect();
        runs.sort();
        let (median, worst) = (runs[RUNS / 2].0, runs[RUNS - 1].0);
        let kilobytes = runs.iter().map(|(_, kilobytes)| kilobytes).max().unwrap();
        writeln!(
            out,
            "{what}: ready in {median:?} (median of {RUNS}, worst {worst:?}), {} MB resident",
            kilobytes / 1024
        )
        .unwrap();
    }
}

/// How long until every twin has answered with a 200, and the process' resident memory then, kB.
fn measure(names: &[&str]) -> (Duration, u64) {
    let began = Instant::now();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .arg("--serve")
        .args(names)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for line in lines.take(names.len()) {
        let line = line.unwrap();
        let (name, port) = line.split_once(' ').unwrap();
        let (path, key) = match name {
            "stripe" => ("/v1/customers", "sk_test_1"),
            _ => ("/__wt/status", "x"),
        };
        let mut stream =
            TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port.parse().unwrap())))
                .unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\nhost: x\r\nauthorization: Bearer {key}\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.contains(" 200 "), "{name}: {answer}");
    }
    let took = began.elapsed();
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kilobytes = resident.trim().trim_end_matches(" kB").parse().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    (took, kilobytes)
}

/// Serves twins, and says where each is as soon as it is.
fn run(names: &[String]) {
    let loaded: Vec<(Model, Behaviour)> = std::thread::scope(|scope| {
        let load = |name: &String| {
            let entry = Entry::named(name).unwrap();
            (entry.model().unwrap(), entry.behaviour().unwrap())
        };
        let all: Vec<_> = names.iter().map(|name| scope.spawn(move || load(name))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (universe, clock) = (Universe::new(), Clock::real());
        let mut starting = Vec::new();
        for (name, (model, behaviour)) in names.iter().zip(loaded) {
            let declared = behaviour.document.webhooks.clone();
            let config = TwinConfig {
                document: behaviour.document,
                routes: behaviour.routes,
                machines: behaviour.machines,
                scripts: behaviour.scripts,
                chaos: behaviour.chaos,
                webhooks: WebhookConfig { declared, ..WebhookConfig::default() },
                universe: universe.clone(),
                clock: clock.clone(),
                ..TwinConfig::new(name.clone())
            };
            let started = serve(model, Follow::Frozen, config, std::future::pending());
            starting.push((name, tokio::spawn(started)));
        }
        let mut handles = Vec::new();
        for (name, started) in starting {
            let running = started.await.unwrap().unwrap();
            let mut out = std::io::stdout().lock();
            writeln!(out, "{name} {}", running.addr.port()).unwrap();
            out.flush().unwrap();
            handles.push(running.handle);
        }
        for handle in handles {
            handle.await.unwrap();
        }
    });
}
