//! CPU of a read by id, against a bare axum server that answers the same bytes.
//!
//! Promise: at most 1.6 times as much a request. Each server runs on a thread of its own whose
//! time on the CPU the kernel counts (`/proc/self/task/*/schedstat`, Linux only); 8 kept
//! connections.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot run has nothing to say")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use serde_json::json;
use support::{Client, config, fixture};
use twins::{Follow, serve};

const CONNECTIONS: usize = 8;
const REQUESTS: usize = 20_000;

fn main() {
    let (twin, path, body) = twin();
    let axum = axum(body);
    let mut out = std::io::stdout().lock();
    let mut ratios = Vec::new();
    for round in 1..=5 {
        let (twin, axum) = (measure("twin", twin, &path), measure("axum", axum, &path));
        let ratio = twin.as_secs_f64() / axum.as_secs_f64();
        ratios.push(ratio);
        writeln!(out, "round {round}: twin {twin:?} a request, axum {axum:?}, ratio {ratio:.2}")
            .unwrap();
    }
    ratios.sort_by(f64::total_cmp);
    writeln!(out, "median ratio {:.2}", ratios[ratios.len() / 2]).unwrap();
}

/// A twin with one customer; where it is, the customer's path and the answer.
fn twin() -> (SocketAddr, String, String) {
    let (tell, told) = std::sync::mpsc::channel();
    on_thread("twin", async move {
        let running = serve(fixture("shop.json"), Follow::Frozen, config(), std::future::pending())
            .await
            .unwrap();
        let created =
            Client::of(&running).post("/customers", json!({"email": "a@example.com"})).await;
        let path = format!("/customers/{}", created.text("id"));
        let body = String::from_utf8(created.body.to_vec()).unwrap();
        tell.send((running.addr, path, body)).unwrap();
        running.handle.await.unwrap();
    });
    told.recv().unwrap()
}

fn axum(body: String) -> SocketAddr {
    let (tell, told) = std::sync::mpsc::channel();
    on_thread("axum", async move {
        let answer =
            |Path(_): Path<String>| async move { ([("content-type", "application/json")], body) };
        let router = Router::new().route("/customers/{customer}", get(answer));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        tell.send(listener.local_addr().unwrap()).unwrap();
        let service = hyper_util::service::TowerToHyperService::new(router);
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(hyper_util::rt::TokioIo::new(stream), service.clone());
            tokio::spawn(connection);
        }
    });
    told.recv().unwrap()
}

fn on_thread(name: &str, server: impl Future<Output = ()> + Send + 'static) {
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(server);
    };
    std::thread::Builder::new().name(name.to_owned()).spawn(run).unwrap();
}

/// Time on the CPU a request takes a server.
fn measure(name: &str, addr: SocketAddr, path: &str) -> Duration {
    let before = cpu(name);
    std::thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| read_often(addr, path, REQUESTS / CONNECTIONS));
        }
    });
    cpu(name).saturating_sub(before) / u32::try_from(REQUESTS).unwrap()
}

fn read_often(addr: SocketAddr, path: &str, times: usize) {
    let stream = TcpStream::connect(addr).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sk_test\r\n\r\n");
    let (mut line, mut body) = (String::new(), Vec::new());
    for _ in 0..times {
        stream.write_all(request.as_bytes()).unwrap();
        let mut length = 0;
        loop {
            line.clear();
            reader.read_line(&mut line).unwrap();
            if let Some(text) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
                length = text.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        body.resize(length, 0);
        reader.read_exact(&mut body).unwrap();
    }
}

/// Time the threads of a name have been on a CPU.
fn cpu(name: &str) -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let named = tasks.filter(|task| {
        std::fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.trim() == name)
    });
    let nanos = named.map(|task| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).unwrap();
        text.split(' ').next().and_then(|nanos| nanos.parse::<u64>().ok()).unwrap()
    });
    Duration::from_nanos(nanos.sum())
}
