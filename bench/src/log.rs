//! The generated log: one HAR entry a line, by seed.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write;

use crate::api::{self, ROUTES_PER_RESOURCE, Resource};
use crate::random::Random;

/// Where the generated calls go.
pub(crate) const BASE_URL: &str = "https://api.example.com";

const API_KEYS: u64 = 300;
/// Objects of each resource, any of which a call may show.
const OBJECTS: u64 = 20_000;
/// Mean time between two calls.
const GAP_MS: f64 = 36.0;
/// 2026-03-02, midnight: two million calls stay within the day.
const START_MS: u64 = 1_772_409_600_000;
const DAY_MS: u64 = 86_400_000;
/// Calls of one key in a window; the busiest few keys run into it.
const LIMIT: u64 = 40;
const WINDOW_MS: u64 = 60_000;

/// Whether answers state the rate limit that all of them are under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Headers {
    Stated,
    Absent,
}

/// 2026-03-02 and the days after it: midnight of a day, microseconds since the epoch.
pub(crate) fn day_us(day: u64) -> i64 {
    i64::try_from((START_MS + day * DAY_MS) * 1000).expect("a day of this century")
}

/// Writes so many exchanges of a day as NDJSON.
pub(crate) fn write(
    exchanges: u64,
    routes: u64,
    headers: Headers,
    day: u64,
    out: &mut dyn Write,
) -> std::io::Result<()> {
    let mut log = Log::new(routes.div_ceil(ROUTES_PER_RESOURCE), headers, day);
    let mut line = String::new();
    for index in 0..exchanges {
        line.clear();
        log.exchange(index, &mut line);
        out.write_all(line.as_bytes())?;
    }
    out.flush()
}

struct Log {
    resources: Vec<String>,
    keys: Vec<String>,
    headers: Headers,
    day: u64,
    now_ms: f64,
    /// By key: the window, and the calls in it.
    windows: HashMap<u64, (u64, u64)>,
    /// Body as it travels, before it is escaped into the entry.
    answer: String,
    input: String,
}

/// One call, before its answer.
struct Call {
    method: &'static str,
    path: String,
    query: String,
    status: u16,
}

impl Log {
    fn new(resources: u64, headers: Headers, day: u64) -> Self {
        let keys = (0..API_KEYS).map(|key| {
            let mut text = String::new();
            api::id("sk_live_", &mut Random::of(&[1, key]), &mut text);
            text
        });
        Self {
            resources: (0..resources).map(api::resource_name).collect(),
            keys: keys.collect(),
            headers,
            day,
            now_ms: 0.0,
            windows: HashMap::new(),
            answer: String::new(),
            input: String::new(),
        }
    }

    fn exchange(&mut self, index: u64, line: &mut String) {
        // The first day is what it was before there were others.
        let mut random = match self.day {
            0 => Random::of(&[2, index]),
            day => Random::of(&[2, day, index]),
        };
        self.now_ms += -GAP_MS * (1.0 - random.fraction()).ln();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a time of day"
        )]
        let at_ms = START_MS + self.day * DAY_MS + self.now_ms as u64;
        let key = self.key(&mut random);
        let (window, calls) = self.windows.entry(key).or_default();
        if *window != at_ms / WINDOW_MS {
            (*window, *calls) = (at_ms / WINDOW_MS, 0);
        }
        *calls += 1;
        let calls = *calls;
        let call = self.call(&mut random, LIMIT < calls);
        self.entry(&call, key, at_ms, calls, &mut random, line);
    }

    /// A few keys make most of the calls.
    fn key(&self, random: &mut Random) -> u64 {
        let skewed = random.fraction().powi(2);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a small index"
        )]
        let key = (skewed * self.keys.len() as f64) as u64;
        key
    }

    /// Draws a call and writes its bodies.
    fn call(&mut self, random: &mut Random, refused: bool) -> Call {
        let kind = random.below(self.resources.len() as u64);
        let name = &self.resources[usize::try_from(kind).unwrap_or(0)];
        let number = random.below(OBJECTS);
        let id = object_id(name, kind, number);
        let resource = Resource { name, id: &id };
        // The object as it stands: it changes now and then, and not from call to call.
        let revision = random.below(4);
        let mut own = Random::of(&[3, kind, number, revision]);
        self.answer.clear();
        self.input.clear();
        let base = format!("/v1/{name}s");
        let share = random.below(100);
        let (method, path, query, status) = match share {
            0..25 => ("GET", base, list_query(random), 200),
            25..35 => ("POST", base, String::new(), 201),
            35..80 => ("GET", format!("{base}/{id}"), String::new(), 200),
            80..90 => ("PATCH", format!("{base}/{id}"), String::new(), 200),
            _ => ("GET", format!("{base}/{id}/events"), String::new(), 200),
        };
        if matches!(method, "POST" | "PATCH") {
            resource.input(random, &mut self.input);
        }
        if refused || random.chance(3) {
            api::error(random, &mut self.answer);
            let status = match (refused, method) {
                (true, _) => 429,
                (false, "POST" | "PATCH") => 422,
                (false, _) => 404,
            };
            return Call { method, path, query, status };
        }
        match share {
            0..25 => {
                let has_more = random.chance(50);
                let _ =
                    write!(self.answer, "{{\"object\":\"list\",\"has_more\":{has_more},\"data\":");
                api::list(6, random, &mut self.answer, |random, out| {
                    let number = random.below(OBJECTS);
                    let id = object_id(name, kind, number);
                    let mut own = Random::of(&[4, kind, number]);
                    Resource { name, id: &id }.summary(&mut own, out);
                });
                self.answer.push('}');
            }
            90.. => {
                self.answer.push_str("{\"object\":\"list\",\"data\":");
                api::list(8, random, &mut self.answer, |random, out| resource.event(random, out));
                self.answer.push('}');
            }
            _ => resource.object(&mut own, &mut self.answer),
        }
        Call { method, path, query, status }
    }

    fn entry(
        &self,
        call: &Call,
        key: u64,
        at_ms: u64,
        calls: u64,
        random: &mut Random,
        line: &mut String,
    ) {
        let wait = 20.0 + 60.0 * -(1.0 - random.fraction()).ln();
        line.push_str("{\"startedDateTime\":\"");
        api::time(at_ms, line);
        let Call { method, path, query, status } = call;
        let _ = write!(
            line,
            "\",\"time\":{wait:.1},\"request\":{{\"method\":\"{method}\",\"url\":\"{BASE_URL}{path}{query}\",\
             \"httpVersion\":\"HTTP/1.1\",\"cookies\":[],\"headers\":[\
             {{\"name\":\"Host\",\"value\":\"api.example.com\"}},\
             {{\"name\":\"Accept\",\"value\":\"application/json\"}},\
             {{\"name\":\"Authorization\",\"value\":\"Bearer {}\"}},\
             {{\"name\":\"User-Agent\",\"value\":\"acme-sdk/2.3\"}}],\"queryString\":[],\"headersSize\":-1",
            self.keys[usize::try_from(key).unwrap_or(0)],
        );
        if !self.input.is_empty() {
            line.push_str(",\"postData\":{\"mimeType\":\"application/json\",\"text\":\"");
            escaped(&self.input, line);
            line.push_str("\"}");
        }
        let _ = write!(
            line,
            ",\"bodySize\":{}}},\"response\":{{\"status\":{status},\"statusText\":\"\",\
             \"httpVersion\":\"HTTP/1.1\",\"cookies\":[],\"headers\":[\
             {{\"name\":\"Content-Type\",\"value\":\"application/json\"}},{{\"name\":\"X-Request-Id\",\"value\":\"",
            self.input.len(),
        );
        api::uuid(random, line);
        line.push_str("\"}");
        if self.headers == Headers::Stated {
            let reset = (WINDOW_MS - at_ms % WINDOW_MS).div_ceil(1000);
            let _ = write!(
                line,
                ",{{\"name\":\"RateLimit-Limit\",\"value\":\"{LIMIT}\"}},\
                 {{\"name\":\"RateLimit-Remaining\",\"value\":\"{}\"}},\
                 {{\"name\":\"RateLimit-Reset\",\"value\":\"{reset}\"}}",
                LIMIT.saturating_sub(calls),
            );
        }
        let size = self.answer.len();
        let _ = write!(
            line,
            "],\"content\":{{\"size\":{size},\"mimeType\":\"application/json\",\"text\":\""
        );
        escaped(&self.answer, line);
        let _ = writeln!(
            line,
            "\"}},\"redirectURL\":\"\",\"headersSize\":-1,\"bodySize\":{size}}},\"cache\":{{}},\
             \"timings\":{{\"send\":0,\"wait\":{wait:.1},\"receive\":0}}}}",
        );
    }
}

fn object_id(name: &str, kind: u64, number: u64) -> String {
    let mut id = String::new();
    api::id(&format!("{}_", &name[..3]), &mut Random::of(&[5, kind, number]), &mut id);
    id
}

fn list_query(random: &mut Random) -> String {
    let mut query = format!("?limit={}", 4 + random.below(4));
    if random.chance(30) {
        query.push_str("&status=open");
    }
    query
}

/// JSON text within a JSON string; generated bodies hold nothing else to escape.
fn escaped(body: &str, out: &mut String) {
    for (index, part) in body.split('"').enumerate() {
        if index > 0 {
            out.push_str("\\\"");
        }
        out.push_str(part);
    }
}
