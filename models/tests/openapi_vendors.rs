//! Vendors' own descriptions import and come back from an export with the same digest.
//!
//! They stand in `shared` beside the repository; where that is absent these tests say so and pass.

#![expect(clippy::unwrap_used, reason = "a test fails where it panics")]

use std::path::{Path, PathBuf};

use models::{Digest, openapi};

/// `shared`, or `None` with a message where it is absent.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn shared(within: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared").join(within);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {} is not there", path.display());
    None
}

/// Imports a file, and again what was exported of it.
fn round_trip(path: &Path) -> openapi::Imported {
    let file = path.display().to_string();
    let first = openapi::import("vendor", &std::fs::read(path).unwrap(), &file).unwrap();
    let text = openapi::export(&first.model).to_string();
    let again = openapi::import("vendor", text.as_bytes(), "exported").unwrap();
    assert!(first.model == again.model, "{file} does not come back as it was");
    assert_eq!(Digest::of(&first.model), Digest::of(&again.model));
    assert_eq!(again.notes, Vec::<String>::new(), "{file}: an export needs no notes");
    assert_eq!(first.model.problems(), Vec::new(), "{file}");
    first
}

#[test]
fn each_model_of_drift_bench_imports_and_comes_back() {
    let Some(cases) = shared("drift-bench/cases") else { return };
    for case in std::fs::read_dir(cases).unwrap() {
        let imported = round_trip(&case.unwrap().path().join("model.openapi.json"));
        assert!(!imported.model.routes.is_empty() || !imported.model.webhooks.is_empty());
    }
}

#[test]
fn stripe_imports_and_comes_back() {
    let Some(path) = shared("vendors/stripe/openapi-v525.yaml.gz") else { return };
    let model = round_trip(&path).model;
    assert_eq!(model.api_version.as_deref(), Some("2023-08-16"));
    assert_eq!(model.base_url, "https://api.stripe.com");
    // As the folder's README counts them.
    assert_eq!((model.routes.len(), model.entities.len()), (468, 819));
    let customer = &model.entities["charge"].properties["customer"];
    let names: Vec<_> = customer.any_of.keys().map(String::as_str).collect();
    assert_eq!(names, ["customer", "deleted_customer"]);
    assert!(customer.nullable && customer.types.contains(&models::JsonType::String));
}

#[test]
fn resend_imports_and_comes_back() {
    let Some(path) = shared("vendors/resend/openapi-2026-08-21.yaml.gz") else { return };
    assert!(round_trip(&path).model.routes.len() > 50);
}

#[test]
fn twilio_imports_and_comes_back() {
    for name in ["api_v2010", "verify_v2", "lookups_v2"] {
        let path = format!("vendors/twilio/twilio_{name}-2024-06-06.json.gz");
        let Some(path) = shared(&path) else { return };
        assert!(!round_trip(&path).model.routes.is_empty());
    }
}

#[test]
fn slacks_swagger_2_is_refused_with_what_to_do() {
    let Some(path) = shared("vendors/slack/web-swagger2-2021-09-03.json.gz") else { return };
    let error = openapi::import("slack", &std::fs::read(path).unwrap(), "web.json.gz").unwrap_err();
    assert_eq!(
        error.to_string(),
        "web.json.gz is an OpenAPI 2.0 (Swagger) document; WonderTwin reads OpenAPI 3.0 and 3.1 \
         — convert it first, for example with swagger2openapi"
    );
    let Some(path) = shared("vendors/slack/events-asyncapi1-2021-09-03.json.gz") else { return };
    let error = openapi::import("slack", &std::fs::read(path).unwrap(), "events.json.gz");
    assert!(error.unwrap_err().to_string().contains("an AsyncAPI 1"));
}
