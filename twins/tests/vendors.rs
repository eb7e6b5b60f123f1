//! Every answer of every route of real vendors' models is what the model says.

#![allow(clippy::print_stderr, reason = "what was checked and what was skipped is said by name")]

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{Request, StatusCode};
use models::{Model, Route, RouteKey, Variant, openapi};
use serde_json::Value;
use twins::{Missing, Program, Requests, Twin, TwinConfig, validate};

/// The models at hand: descriptions beside the repository, skipped by name where they are not.
fn models() -> Vec<(String, Model)> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let mut files: Vec<PathBuf> = ["stripe", "resend", "twilio"]
        .iter()
        .flat_map(|vendor| std::fs::read_dir(shared.join("vendors").join(vendor)))
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| !path.to_string_lossy().contains("fixtures"))
        .collect();
    let cases = std::fs::read_dir(shared.join("drift-bench/cases")).into_iter().flatten().flatten();
    files.extend(cases.map(|case| case.path().join("model.openapi.json")));
    files.sort();
    let mut models = Vec::new();
    for file in files {
        let name = file.strip_prefix(&shared).unwrap_or(&file).display().to_string();
        match std::fs::read(&file) {
            Ok(bytes) => {
                let imported = openapi::import("vendor", &bytes, &name);
                models.push((name, imported.expect("a vendor's description is read").model));
            }
            Err(error) => eprintln!("skipped {name}: {error}"),
        }
    }
    if models.is_empty() {
        eprintln!("skipped: no descriptions in {}", shared.display());
    }
    models.push(("shop".to_owned(), support::fixture("shop.json")));
    models
}

/// Paths with something plausible for each parameter.
fn filled(key: &RouteKey, route: &Route) -> String {
    let mut path = key.path().to_owned();
    for name in key.parameters() {
        let schema = route.path.get(name).map(|parameter| &parameter.schema);
        let integer = schema.is_some_and(|schema| {
            schema
                .types
                .iter()
                .all(|one| matches!(one, models::JsonType::Integer | models::JsonType::Number))
                && !schema.types.is_empty()
        });
        let format = schema.and_then(|schema| schema.format.as_deref());
        let least = schema.and_then(|schema| schema.bounds.as_ref()?.min_length).unwrap_or(0);
        let value = match (integer, format) {
            (true, _) => "17".to_owned(),
            (_, Some("uuid")) => "5e0b4b54-7a0e-4a7e-9b62-4f54f3a1d2c1".to_owned(),
            _ => format!("{:0<width$}", "abc123", width = usize::try_from(least).unwrap_or(0)),
        };
        path = path.replace(&format!("{{{name}}}"), &value);
    }
    path
}

/// The answer a status is one of.
fn variant(route: &Route, status: StatusCode) -> Option<&Variant> {
    let class = format!("{}XX", status.as_u16() / 100);
    let named = [status.as_str(), &class, "default"];
    named.iter().find_map(|name| route.variants.get(*name))
}

fn problems(model: &Model, variant: &Variant, body: &Value) -> Vec<String> {
    let schema = variant.body.as_ref();
    let problems = schema.map(|schema| validate(model, schema, body)).unwrap_or_default();
    // An id of ours that is answered is as long as we wrote it, whatever the answer's schema says.
    let ours =
        |problem: &String| problem.contains("\"abc123") && problem.contains("characters long");
    problems.iter().map(ToString::to_string).filter(|problem| !ours(problem)).collect()
}

fn assert_none(failures: &[String], checked: usize) {
    eprintln!("{checked} answers checked");
    let first = failures[..failures.len().min(40)].join("\n");
    assert!(failures.is_empty(), "{} failures:\n{first}", failures.len());
}

#[test]
fn an_example_of_every_answer_is_valid() {
    let (mut failures, mut checked) = (Vec::new(), 0);
    for (name, model) in models() {
        let program = Program::compile(Arc::new(model.clone()));
        for (key, route) in &model.routes {
            for (status, variant) in &route.variants {
                for seed in 0..3 {
                    let Some(body) = program.example(key, status, seed) else { continue };
                    checked += 1;
                    let problems = problems(&model, variant, &body);
                    failures
                        .extend(problems.iter().map(|one| format!("{name} {key} {status}: {one}")));
                }
            }
        }
    }
    assert_none(&failures, checked);
}

#[test]
fn every_route_answers_what_its_model_says() {
    let (mut failures, mut checked) = (Vec::new(), 0);
    for (name, model) in models() {
        let config = TwinConfig { missing: Missing::Materialize, ..support::config() };
        let model = Model { limits: BTreeMap::new(), ..model };
        let twin = Twin::frozen(model.clone(), config);
        for (key, route) in &model.routes {
            let request = Request::builder().method(key.method()).uri(filled(key, route));
            twin.reset();
            let answer = twin.call(&request.body(Bytes::new()).unwrap());
            let Some(variant) = variant(route, answer.status()) else {
                // A body that must be there and is not, where the model has no word for it.
                if answer.status() != StatusCode::BAD_REQUEST && !route.variants.is_empty() {
                    failures.push(format!("{name} {key}: {} is not in the model", answer.status()));
                }
                continue;
            };
            let is_json = variant.media_type.as_deref().is_none_or(|media| media.contains("json"));
            if !is_json || variant.body.is_none() || answer.status() == StatusCode::NO_CONTENT {
                continue;
            }
            checked += 1;
            match serde_json::from_slice(answer.body()) {
                Ok(body) => {
                    let problems = problems(&model, variant, &body);
                    let status = answer.status();
                    failures
                        .extend(problems.iter().map(|one| format!("{name} {key} {status}: {one}")));
                }
                Err(error) => failures.push(format!("{name} {key}: {error}")),
            }
        }
    }
    assert_none(&failures, checked);
}

#[test]
fn what_is_created_with_nothing_is_valid_and_is_read_back() {
    let (mut failures, mut read_back) = (Vec::new(), 0);
    for (name, model) in models() {
        let twin = Twin::frozen(
            model.clone(),
            TwinConfig { requests: Requests::Lenient, ..support::config() },
        );
        for (key, route) in model.routes.iter().filter(|(key, _)| key.method() == "GET") {
            let Some((collection, parameter)) = key.path().rsplit_once("/{") else { continue };
            let (parameter, ending) = parameter.split_once('}').unwrap_or((parameter, ""));
            let post = format!("POST {collection}{ending}");
            let Ok(post) = RouteKey::parse(&post) else { continue };
            if key.parameters().count() > 1 || !model.routes.contains_key(&post) {
                continue;
            }
            let request = Request::builder().method("POST").uri(post.path());
            let made = twin.call(&request.body(Bytes::new()).unwrap());
            let dump: Value = serde_json::to_value(twin.state()).unwrap();
            let Some(id) = dump[collection].as_object().and_then(|all| all.keys().next_back())
            else {
                failures.push(format!("{name} {post}: {} made nothing", made.status()));
                continue;
            };
            let path = format!("{collection}/{id}{ending}");
            let request = Request::builder().uri(&path);
            let read = twin.call(&request.body(Bytes::new()).unwrap());
            if !read.status().is_success() {
                failures.push(format!("{name} {path} ({parameter}): {}", read.status()));
                continue;
            }
            read_back += 1;
            if let (Some(variant), Ok(body)) =
                (variant(route, read.status()), serde_json::from_slice(read.body()))
            {
                failures.extend(
                    problems(&model, variant, &body)
                        .iter()
                        .map(|one| format!("{name} {path}: {one}")),
                );
            }
        }
    }
    assert_none(&failures, read_back);
}

#[test]
fn a_model_of_stripes_size_is_ready_in_milliseconds() {
    for (name, model) in models() {
        let model = Arc::new(model);
        let routes = model.routes.len();
        let began = Instant::now();
        let program = Program::compile(model);
        let took = began.elapsed();
        eprintln!("{name}: {routes} routes in {took:?}");
        // Ten times as much unoptimised, and with other tests beside it.
        assert!(took.as_millis() < if cfg!(debug_assertions) { 500 } else { 50 }, "{took:?}");
        drop(program);
    }
}
