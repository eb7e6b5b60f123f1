//! The same request over and over, from so many connections.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// One request, as it is sent.
pub(crate) struct Load {
    request: Vec<u8>,
}

/// What a run took.
pub(crate) struct Ran {
    /// Of the server, a request.
    pub(crate) cpu: Duration,
    /// Requests a second.
    pub(crate) rate: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

impl Load {
    pub(crate) fn new(method: &str, path: &str, body: &str) -> Self {
        let length = body.len();
        let head =
            format!("{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sk_test\r\n");
        let of_body = format!("content-type: application/json\r\ncontent-length: {length}\r\n");
        let of_body = if body.is_empty() { "" } else { &of_body };
        Self { request: format!("{head}{of_body}\r\n{body}").into_bytes() }
    }

    /// Sends so many requests in all to the server whose thread has the name.
    pub(crate) fn run(
        &self,
        name: &str,
        addr: SocketAddr,
        connections: usize,
        requests: usize,
    ) -> Ran {
        let (before, began) = (cpu(name), Instant::now());
        let mut latencies: Vec<Duration> = std::thread::scope(|scope| {
            let send = || self.send(addr, requests / connections);
            let callers: Vec<_> = (0..connections).map(|_| scope.spawn(send)).collect();
            callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect()
        });
        let (took, spent) = (began.elapsed(), cpu(name).saturating_sub(before));
        latencies.sort_unstable();
        let at = |percent: usize| latencies[(latencies.len() - 1) * percent / 100];
        let count = u32::try_from(latencies.len()).unwrap();
        let rate = f64::from(count) / took.as_secs_f64();
        Ran { cpu: spent / count, rate, p50: at(50), p99: at(99) }
    }

    fn send(&self, addr: SocketAddr, times: usize) -> Vec<Duration> {
        let mut stream = TcpStream::connect(addr).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let (mut line, mut body) = (String::new(), Vec::new());
        let mut latencies = Vec::with_capacity(times);
        for _ in 0..times {
            let began = Instant::now();
            stream.write_all(&self.request).unwrap();
            let mut length = 0;
            line.clear();
            reader.read_line(&mut line).unwrap();
            assert!(line.starts_with("HTTP/1.1 20"), "{line}");
            while line != "\r\n" {
                line.clear();
                reader.read_line(&mut line).unwrap();
                if let Some(text) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
                    length = text.trim().parse().unwrap();
                }
            }
            body.resize(length, 0);
            reader.read_exact(&mut body).unwrap();
            latencies.push(began.elapsed());
        }
        latencies
    }
}

/// Runs a server on a thread of its own.
pub(crate) fn on_thread(name: &str, server: impl Future<Output = ()> + Send + 'static) {
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(server);
    };
    std::thread::Builder::new().name(name.to_owned()).spawn(run).unwrap();
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
