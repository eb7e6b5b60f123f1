//! The report as SARIF, for code scanning and editors.

use models::{Drift, Finding, Kind};
use serde_json::{Value, json};

use crate::audience::Audience;
use crate::report::Report;
use crate::{outline, words};

/// SARIF's `$schema`, by which readers know the format.
const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// Every kind of finding, which are SARIF's rules.
const KINDS: [Kind; 13] = [
    Kind::RouteAdded,
    Kind::RouteRemoved,
    Kind::StatusAdded,
    Kind::FieldAdded,
    Kind::FieldRemoved,
    Kind::TypeChanged,
    Kind::NullabilityChanged,
    Kind::RequirednessChanged,
    Kind::EnumValueAdded,
    Kind::EnumValueRemoved,
    Kind::FormatChanged,
    Kind::RateLimitChanged,
    Kind::WebhookEventAdded,
];

/// One run as a SARIF 2.1.0 log.
///
/// A finding is a result: `error` where a client may break, else `note`; what is undecided has the
/// kind `open`. Its place is a logical location (route, status and path) in the twin's model, its
/// fingerprint stays from run to run, and evidence and confidence stand in `properties` and `rank`.
/// What was not seen is a notification of the invocation, so that no result is not read as health.
///
/// # Source
///
/// Static Analysis Results Interchange Format (SARIF) Version 2.1.0, OASIS Standard.
pub fn sarif(report: &Report) -> Value {
    let drift = &report.drift;
    let settled = drift.findings.iter().map(|finding| result(drift, finding, true));
    let open = drift.undecided.iter().map(|finding| result(drift, finding, false));
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "wondertwin",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": KINDS.map(rule),
            }},
            "automationDetails": {"id": format!("{}/{}", drift.twin, report.number)},
            "columnKind": "unicodeCodePoints",
            "invocations": [invocation(drift)],
            "results": settled.chain(open).collect::<Vec<_>>(),
            "properties": {
                "twin": drift.twin,
                "window": drift.window,
                "exchanges": drift.exchanges,
                "coverage": drift.coverage,
            },
        }],
    })
}

fn rule(kind: Kind) -> Value {
    let (text, level) = match kind {
        Kind::RouteAdded => ("The vendor answers a route that the twin does not have.", "note"),
        Kind::RouteRemoved => ("The vendor no longer answers a route.", "error"),
        Kind::StatusAdded => ("A route answers with a status it did not have.", "note"),
        Kind::FieldAdded => ("A body has a field it did not have.", "note"),
        Kind::FieldRemoved => ("A body no longer has a field.", "error"),
        Kind::TypeChanged => ("A field has another type.", "error"),
        Kind::NullabilityChanged => ("A field may be null, or may no longer be.", "error"),
        Kind::RequirednessChanged => ("A field may be missing, or has to be there.", "error"),
        Kind::EnumValueAdded => ("A field has a value it did not have.", "note"),
        Kind::EnumValueRemoved => ("A field no longer has a value.", "note"),
        Kind::FormatChanged => ("A field's text has another format.", "error"),
        Kind::RateLimitChanged => ("The vendor allows more or fewer requests.", "error"),
        Kind::WebhookEventAdded => ("The vendor delivers an event it did not have.", "note"),
    };
    json!({
        "id": kind.name(),
        "name": pascal(kind.name()),
        "shortDescription": {"text": text},
        "defaultConfiguration": {"level": level},
    })
}

/// `field_added` as `FieldAdded`.
fn pascal(name: &str) -> String {
    let capital = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
    name.split('_').map(capital).collect()
}

fn result(drift: &Drift, finding: &Finding, settled: bool) -> Value {
    let index = KINDS.iter().position(|kind| *kind == finding.kind);
    // SARIF wants `none` of a result that is no failure.
    let (kind, level) = match (settled, finding.breaking) {
        (true, true) => ("fail", "error"),
        (true, false) => ("fail", "note"),
        (false, _) => ("open", "none"),
    };
    json!({
        "ruleId": finding.kind.name(),
        "ruleIndex": index,
        "kind": kind,
        "level": level,
        "rank": finding.confidence.clamp(0.0, 1.0) * 100.0,
        "message": {"text": message(finding)},
        "locations": [location(drift, finding)],
        "partialFingerprints": {"wondertwin/v1": finding.fingerprint},
        "properties": {
            "concerns": Audience::of(finding).name(),
            "breaking": finding.breaking,
            "confidence": finding.confidence,
            "evidence": finding.evidence,
            "before": finding.before,
            "after": finding.after,
        },
    })
}

fn message(finding: &Finding) -> String {
    let mut text = format!("{}: {}", outline::spot(finding), words::change(finding));
    for attribute in outline::attributes(finding) {
        text = format!("{text}; {attribute}");
    }
    format!("{text}. Seen: {}.", words::evidence(finding))
}

fn location(drift: &Drift, finding: &Finding) -> Value {
    let name = outline::spot(finding);
    json!({
        // A reader that shows files shows the model; where in it is the logical location's.
        "physicalLocation": {
            "artifactLocation": {"uri": model_uri(&drift.twin), "uriBaseId": "%SRCROOT%"},
            "region": {"startLine": 1},
        },
        "logicalLocations": [{"name": name, "fullyQualifiedName": format!("{}: {name}", drift.twin)}],
    })
}

/// Names of twins are path segments (`check_name`), so nothing has to be escaped.
fn model_uri(twin: &str) -> String {
    format!("twins/{twin}/model/symbols.json")
}

fn invocation(drift: &Drift) -> Value {
    let mut notes = Vec::new();
    let unseen = outline::unseen(drift).into_iter().map(|text| ("warning", text));
    let said = drift.notes.iter().map(|text| ("note", text.clone()));
    for (level, text) in unseen.chain(said) {
        notes.push(json!({"level": level, "message": {"text": text}}));
    }
    let mut invocation = json!({"executionSuccessful": true, "toolExecutionNotifications": notes});
    for (key, time) in [("startTimeUtc", drift.window.from), ("endTimeUtc", drift.window.to)] {
        if let Some(time) = time {
            // The stretch of data time looked at: a drift does not say when it was computed.
            invocation["properties"]["data"][key] = json!(time);
        }
    }
    invocation
}
