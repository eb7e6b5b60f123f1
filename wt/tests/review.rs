//! `wt calibrations` and `wt report`.

mod support;

use models::Drift;
use support::{DRIFT, Folder, drift, propose};

#[test]
fn a_calibration_is_listed_shown_approved_and_rolled_back() {
    let folder = Folder::with_emails();
    snapshot!("list_none", folder.wt(&["calibrations", "list", "emails"]));
    propose(&folder, 100);
    snapshot!("list_proposed", folder.wt(&["calibrations", "list", "emails"]));
    snapshot!("show", folder.wt(&["calibrations", "show", "emails"]));
    let approve =
        ["calibrations", "approve", "emails", "--comment", "as announced", "--by", "alice"];
    snapshot!("approve", folder.wt(&approve));
    snapshot!(
        "approve_again",
        [folder.wt(&approve), folder.wt(&["calibrations", "approve", "emails", "1"])].join("\n")
    );
    propose(&folder, 50);
    snapshot!(
        "reject",
        folder.wt(&["calibrations", "reject", "emails", "2", "--comment", "an outage"])
    );
    snapshot!("rollback", folder.wt(&["calibrations", "rollback", "emails", "--by", "bob"]));
    snapshot!("list_all", folder.wt(&["calibrations", "list", "emails"]));
    let all = folder.wt_json(&["calibrations", "list", "emails", "--format", "json"]);
    let states: Vec<_> =
        all["calibrations"].as_array().unwrap().iter().map(|one| one["state"].clone()).collect();
    assert_eq!(states, ["published", "rejected", "published"]);
    assert_eq!(all["calibrations"][0]["comment"], "as announced");
    assert_eq!(all["calibrations"][2]["rolls_back"], 1);
}

#[test]
fn what_cannot_be_decided_is_refused_with_what_can() {
    let folder = Folder::with_emails();
    let nothing = folder.wt(&["calibrations", "rollback", "emails"]);
    let none = folder.wt(&["calibrations", "show", "emails"]);
    propose(&folder, 100);
    let all = [
        nothing,
        none,
        folder.wt(&["calibrations", "show", "emails", "7"]),
        folder.wt(&["calibrations", "approve", "emails", "7"]),
        folder.wt(&["calibrations", "approve", "emails", "--finding", "0123456789abcdef"]),
        folder.wt(&["calibrations", "rollback", "emails", "1"]),
    ];
    snapshot!("undecidable", all.join("\n"));
}

#[test]
fn a_ledger_that_was_tampered_with_is_told() {
    let folder = Folder::with_emails();
    propose(&folder, 100);
    let text = folder.read("calibrations/emails/000001.json").replace("100", "999");
    folder.write("calibrations/emails/000001.json", &text);
    snapshot!("tampered", folder.wt(&["calibrations", "list", "emails"]));
    for decision in ["approve", "reject", "rollback"] {
        let refused = folder.wt(&["calibrations", decision, "emails"]);
        assert!(refused.starts_with("exit 2\n"), "{refused}");
        assert!(refused.contains("error: the ledger of emails does not verify"), "{refused}");
        assert!(refused.contains("000001.json"), "{refused}");
    }
}

#[test]
fn a_decision_that_was_cut_off_is_told_and_kept() {
    let folder = Folder::with_emails();
    propose(&folder, 100);
    folder.run(&["calibrations", "approve", "emails"]);
    let whole = folder.read("calibrations/emails/decisions.jsonl");
    let torn = &whole[..whole.len() / 2];
    folder.write("calibrations/emails/decisions.jsonl", torn);

    let warning = "decisions.jsonl, line 1 is cut off and counts for nothing";
    let listed = folder.wt(&["calibrations", "list", "emails"]);
    assert!(listed.starts_with("exit 0\n") && listed.contains(warning), "{listed}");
    let approved = folder.wt(&["calibrations", "approve", "emails"]);
    assert!(approved.starts_with("exit 0\n") && approved.contains(warning), "{approved}");
    assert_eq!(folder.read("calibrations/emails/decisions.jsonl.torn"), format!("{torn}\n"));
    let listed = folder.wt(&["calibrations", "list", "emails"]);
    assert!(listed.contains("published") && !listed.contains("cut off"), "{listed}");
}

#[test]
fn a_twin_with_calibrations_is_not_replaced() {
    let folder = Folder::with_emails();
    propose(&folder, 100);
    snapshot!("init_over_ledger", folder.wt(&["init", "emails", "--force"]));
}

#[test]
fn a_report_is_printed_or_written_in_each_format() {
    let folder = Folder::with_emails();
    snapshot!("report_none", folder.wt(&["report", "emails"]));
    let old = DRIFT.replace("15123", "1");
    folder.write("reports/emails/000001.json", &old);
    folder.write("reports/emails/000002.json", DRIFT);
    folder.write("reports/emails/notes.txt", "no report");
    snapshot!("report_text", folder.wt(&["report", "emails"]));
    assert!(folder.wt(&["report", "emails", "1"]).contains("1 exchange,"));
    let json = folder.wt_json(&["report", "emails", "--format", "json"]);
    assert_eq!(serde_json::from_value::<Drift>(json).unwrap(), drift());
    snapshot!(
        "report_file",
        folder.wt(&["report", "emails", "--format", "md", "-o", "out/drift.md"])
    );
    assert!(folder.read("out/drift.md").starts_with("# emails: 12 findings, 6 breaking\n"));
    let html = folder.run(&["report", "emails", "--format", "html"]);
    assert!(String::from_utf8(html.stdout).unwrap().starts_with("<!DOCTYPE html>"));
    let sarif = folder.wt_json(&["report", "emails", "--format", "sarif"]);
    assert_eq!(sarif["runs"][0]["automationDetails"]["id"], "emails/2");
    snapshot!(
        "report_refusals",
        [
            folder.wt(&["report", "emails", "9"]),
            folder.wt(&["report", "emails", "--format", "pdf"]),
            folder.wt(&["report", "emails", "--format", "overlay"]),
        ]
        .join("\n")
    );
}
