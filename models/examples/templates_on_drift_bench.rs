//! What [`models::templates`] makes of the paths of each case of drift-bench, beside the truth, and
//! of the real log of GitHub.
//!
//! `cargo run --release -p wondertwin-models --example templates_on_drift_bench [folder [log]]`; the
//! folder is `../shared/drift-bench/cases` unless given, the log
//! `../shared/real-traffic/github-2013-2024.ndjson.gz`. In mode traffic all templates are inferred
//! from `baseline.ndjson.gz` and compared with the model's routes that were answered with success; in
//! mode spec the model's routes are known, and what is inferred for the other paths of
//! `observed.ndjson.gz` is compared with the routes that `truth.json` has as added. Names of
//! parameters do not count. `SHOW=1` lists what differs.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program that reports to a person")]

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs::{self, File},
    hash::{DefaultHasher, Hash, Hasher},
    io::{BufRead, BufReader},
    path::Path,
};

use flate2::read::GzDecoder;
use models::{
    RouteKey,
    templates::{ObservedPath, Segment, infer, lex, split_suffix},
};
use serde_json::Value;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| "../shared/drift-bench/cases".to_owned());
    let real = arguments
        .next()
        .unwrap_or_else(|| "../shared/real-traffic/github-2013-2024.ndjson.gz".to_owned());
    let mut cases: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    for case in cases {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        let model: Value = serde_json::from_reader(BufReader::new(
            File::open(case.join("model.openapi.json")).unwrap(),
        ))
        .unwrap();
        let routes = Routes::of(&model);
        if routes.keys.is_empty() {
            continue;
        }
        report(&name, "traffic", &in_traffic(&case, &routes));
        report(&name, "spec", &in_spec(&case, &routes));
    }
    println!("\n{real}");
    let log = Log::read(Path::new(&real));
    for (route, members) in log.templates(&[], "") {
        println!("{:5} {route}", members.len());
    }
}

/// Templates found and those there are, without names of parameters.
struct Outcome {
    found: BTreeSet<String>,
    truth: BTreeSet<String>,
}

fn report(case: &str, mode: &str, outcome: &Outcome) {
    let both = outcome.found.intersection(&outcome.truth).count();
    #[expect(clippy::cast_precision_loss, reason = "small")]
    let share = |of: usize| if of == 0 { 1.0 } else { both as f64 / of as f64 };
    println!(
        "{case:28} {mode:8} {:4} routes  precision {:.3}  recall {:.3}",
        outcome.truth.len(),
        share(outcome.found.len()),
        share(outcome.truth.len()),
    );
    if std::env::var("SHOW").is_ok() {
        outcome.found.difference(&outcome.truth).for_each(|route| println!("    wrong  {route}"));
        outcome.truth.difference(&outcome.found).for_each(|route| println!("    missed {route}"));
    }
}

fn in_traffic(case: &Path, routes: &Routes) -> Outcome {
    let log = Log::read(&case.join("baseline.ndjson.gz"));
    let truth = log
        .paths
        .iter()
        .filter_map(|(method, path)| routes.of_path(method, path))
        .map(|route| nameless(&route.to_string()))
        .collect();
    let found =
        log.templates(&[], "").into_keys().map(|route| routes.without_base(&route)).collect();
    Outcome { found, truth }
}

fn in_spec(case: &Path, routes: &Routes) -> Outcome {
    let mut log = Log::read(&case.join("observed.ndjson.gz"));
    log.forget(routes);
    let truth: Value =
        serde_json::from_reader(BufReader::new(File::open(case.join("truth.json")).unwrap()))
            .unwrap();
    let added =
        truth["findings"].as_array().unwrap().iter().filter(|finding| {
            finding["kind"] == "route_added" && finding["observable_spec"] == true
        });
    let truth = added.map(|finding| nameless(finding["route"].as_str().unwrap())).collect();
    // Values of a known parameter that are words lead back to the known route.
    let known: BTreeSet<String> = routes.keys.iter().map(|key| nameless(key.as_str())).collect();
    let found = log.templates(&routes.keys, &routes.base).into_keys();
    let found =
        found.map(|route| routes.without_base(&route)).filter(|route| !known.contains(route));
    Outcome { found: found.collect(), truth }
}

/// A model's routes.
struct Routes {
    keys: Vec<RouteKey>,
    /// The path of the server's URL.
    base: String,
}

impl Routes {
    fn of(model: &Value) -> Self {
        let url = model["servers"][0]["url"].as_str().unwrap_or_default();
        let base = url.splitn(4, '/').nth(3).map_or_else(String::new, |path| format!("/{path}"));
        let mut keys = Vec::new();
        for (path, operations) in model["paths"].as_object().into_iter().flatten() {
            let methods = operations.as_object().into_iter().flatten().map(|(method, _)| method);
            keys.extend(methods.filter_map(|method| RouteKey::new(method, path).ok()));
        }
        Self { keys, base: base.trim_end_matches('/').to_owned() }
    }

    /// The route of a path, the one with most literals first.
    fn of_path(&self, method: &str, path: &str) -> Option<&RouteKey> {
        let path = path.strip_prefix(&self.base)?;
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let fits = |key: &&RouteKey| {
            let template: Vec<&str> = key.segments().collect();
            key.method() == method
                && template.len() == segments.len()
                && template.iter().zip(&segments).all(|(known, seen)| fits(known, seen))
        };
        let literal = |key: &&RouteKey| key.segments().map(|s| s.contains('{')).collect::<Vec<_>>();
        self.keys.iter().filter(fits).min_by_key(literal)
    }

    fn without_base(&self, route: &RouteKey) -> String {
        let path = route.path().strip_prefix(&self.base).unwrap_or(route.path());
        nameless(&format!("{} {path}", route.method()))
    }
}

/// Whether a segment is what a template's segment stands for; `{sid}.json` has a suffix.
fn fits(known: &str, seen: &str) -> bool {
    match known.split_once('{') {
        None => known == seen,
        Some((before, rest)) => {
            let after = rest.split_once('}').map_or("", |(_, after)| after);
            seen.len() > before.len() + after.len()
                && seen.starts_with(before)
                && seen.ends_with(after)
        }
    }
}

fn nameless(route: &str) -> String {
    let mut out = String::new();
    for (index, part) in route.split('{').enumerate() {
        match (index, part.split_once('}')) {
            (0, _) | (_, None) => out.push_str(part),
            (_, Some((_, after))) => {
                out.push_str("{}");
                out.push_str(after);
            }
        }
    }
    out
}

/// The distinct paths of a log that were answered with success, and what its bodies name.
struct Log {
    paths: BTreeSet<(String, String)>,
    /// The fields of the answers, by path.
    fields: HashMap<(String, String), BTreeSet<String>>,
    identifiers: BTreeSet<String>,
    /// Last segments that are the identity of the object their answer shows.
    own: BTreeSet<String>,
}

impl Log {
    fn read(path: &Path) -> Self {
        let lines = BufReader::new(GzDecoder::new(File::open(path).unwrap())).lines();
        let entries: Vec<Value> =
            lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
        let mut hosts: HashMap<&str, usize> = HashMap::new();
        entries.iter().filter_map(host).for_each(|host| *hosts.entry(host).or_default() += 1);
        let main = hosts.iter().max_by_key(|(_, count)| **count).map(|(host, _)| *host);
        let mut log = Self {
            paths: BTreeSet::new(),
            fields: HashMap::new(),
            identifiers: BTreeSet::new(),
            own: BTreeSet::new(),
        };
        for entry in entries.iter().filter(|entry| host(entry) == main) {
            log.take(entry);
        }
        log
    }

    fn take(&mut self, entry: &Value) {
        let body = |message: &Value| -> Option<Value> {
            serde_json::from_str(message["text"].as_str()?).ok()
        };
        let answer = body(&entry["response"]["content"]);
        let question = body(&entry["request"]["postData"]);
        answer.iter().chain(&question).for_each(|body| self.name(body, ""));
        let status = entry["response"]["status"].as_u64().unwrap_or(0);
        let method = entry["request"]["method"].as_str().unwrap_or_default();
        let url = entry["request"]["url"].as_str().unwrap_or_default();
        let path = url
            .splitn(4, '/')
            .nth(3)
            .unwrap_or_default()
            .split(['?', '#'])
            .next()
            .unwrap_or_default();
        if !(200..300).contains(&status) || method == "OPTIONS" {
            return;
        }
        let key = (method.to_owned(), format!("/{}", path.trim_end_matches('/')));
        if let Some(Value::Object(fields)) = &answer {
            let last = path.trim_end_matches('/').rsplit('/').next();
            let own =
                ["id", "sid", "key", "name"].iter().find_map(|key| fields.get(*key)?.as_str());
            self.own.extend(own.filter(|own| last == Some(*own)).map(str::to_owned));
            self.fields.entry(key.clone()).or_default().extend(fields.keys().cloned());
        }
        self.paths.insert(key);
    }

    /// Leaves out the paths of known routes, but not those which a parameter only hides: a word where
    /// the route has ids, answered by other fields than theirs.
    fn forget(&mut self, routes: &Routes) {
        let mut usual: HashMap<&RouteKey, BTreeSet<String>> = HashMap::new();
        let mut hidden = BTreeSet::new();
        for pass in [false, true] {
            for key in &self.paths {
                let Some(route) = routes.of_path(&key.0, &key.1) else { continue };
                let path = key.1.strip_prefix(&routes.base).unwrap_or(&key.1);
                let has_word = route.segments().zip(segments(path)).any(|(known, (at, seen))| {
                    known.starts_with('{') && lex(seen, at).is_literal()
                });
                let Some(fields) = self.fields.get(key) else { continue };
                if !pass && !has_word {
                    usual.entry(route).or_default().extend(fields.iter().cloned());
                }
                let differs = |usual: &BTreeSet<String>| {
                    fields.intersection(usual).count() * 3 < fields.union(usual).count()
                };
                if pass && has_word && usual.get(route).is_none_or(differs) {
                    hidden.insert(key.clone());
                }
            }
        }
        self.paths.retain(|key| hidden.contains(key) || routes.of_path(&key.0, &key.1).is_none());
    }

    /// Remembers the scalars of a body that stand under id-like keys.
    fn name(&mut self, value: &Value, key: &str) {
        match value {
            Value::Object(fields) => fields.iter().for_each(|(key, value)| self.name(value, key)),
            Value::Array(items) => items.iter().for_each(|item| self.name(item, key)),
            Value::String(text) if key == "full_name" => {
                self.identifiers.extend(text.split('/').map(str::to_owned));
            }
            Value::String(text) if is_id_like(key) => {
                self.identifiers.insert(text.clone());
            }
            Value::Number(number) if is_id_like(key) => {
                self.identifiers.insert(number.to_string());
            }
            _ => {}
        }
    }

    /// The templates of the paths, given as the lake holds them.
    fn templates(&self, known: &[RouteKey], base: &str) -> BTreeMap<RouteKey, Vec<usize>> {
        let known: Vec<RouteKey> = known
            .iter()
            .filter_map(|key| RouteKey::new(key.method(), &format!("{base}{}", key.path())).ok())
            .collect();
        let names = self.names();
        let paths: Vec<ObservedPath> =
            self.paths.iter().map(|(method, path)| self.observed(method, path, &names)).collect();
        let templates = infer(&paths, &known);
        templates.into_iter().map(|template| (template.route, template.members)).collect()
    }

    /// The prefixes after which words are names: at least two that bodies hold under id-like keys,
    /// and no fewer than those they do not hold. So the observer decides.
    fn names(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        let depths = self.paths.iter().map(|(_, path)| path.split('/').count()).max().unwrap_or(0);
        for depth in 0..depths {
            let mut siblings: BTreeMap<String, BTreeMap<&str, bool>> = BTreeMap::new();
            for (_, path) in &self.paths {
                let mut prefix = String::new();
                for (position, text) in segments(path) {
                    let is_word = lex(text, position).is_literal();
                    if position == depth && is_word {
                        let is_held = self.identifiers.contains(text);
                        siblings.entry(prefix).or_default().insert(text, is_held);
                        break;
                    }
                    let is_value = !is_word || names.contains(&prefix);
                    push(&mut prefix, text, is_value);
                }
            }
            names.extend(siblings.into_iter().filter_map(|(prefix, words)| {
                let held = words.values().filter(|is_held| **is_held).count();
                (held >= 2 && held * 2 >= words.len()).then_some(prefix)
            }));
        }
        names
    }

    /// A path as the lake holds it: in clear what is a word and no name.
    fn observed(&self, method: &str, path: &str, names: &BTreeSet<String>) -> ObservedPath {
        let mut prefix = String::new();
        let mut seen = Vec::new();
        for (position, text) in segments(path) {
            let class = lex(text, position);
            let is_name = names.contains(&prefix) || self.own.contains(text);
            let clear = class.is_literal() && !is_name;
            let (stem, suffix) = split_suffix(text);
            seen.push(if clear {
                Segment::Clear(text.to_owned())
            } else {
                let mut hasher = DefaultHasher::new();
                stem.hash(&mut hasher);
                Segment::Withheld(class, suffix.to_owned(), hasher.finish())
            });
            push(&mut prefix, text, !clear);
        }
        ObservedPath { method: method.to_owned(), segments: seen }
    }
}

fn segments(path: &str) -> impl Iterator<Item = (usize, &str)> {
    path.split('/').filter(|segment| !segment.is_empty()).enumerate()
}

fn push(prefix: &mut String, segment: &str, is_value: bool) {
    prefix.push('/');
    prefix.push_str(if is_value { "{}" } else { segment });
}

fn host(entry: &Value) -> Option<&str> {
    entry["request"]["url"].as_str()?.split('/').nth(2)
}

fn is_id_like(key: &str) -> bool {
    let lower = key.to_ascii_lowercase();
    let names = ["id", "sid", "login", "name", "slug", "key", "number"];
    names.contains(&lower.as_str())
        || lower.ends_with("_id")
        || lower.ends_with("sid")
        || key.ends_with("Id")
        || lower.ends_with("_name")
}
