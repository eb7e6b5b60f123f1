//! `wt init`, `wt export` and what is said of a project that is not as it should be.

mod support;

use support::{Folder, fixture};

#[test]
fn help_groups_the_commands() {
    snapshot!("help", Folder::new().wt(&["--help"]));
}

#[test]
fn init_makes_a_twin_from_an_openapi_file() {
    let folder = Folder::new();
    snapshot!("init", folder.wt(&["init", "emails", "--openapi", &fixture("emails.yaml")]));
    snapshot!("init_config", folder.read("wondertwin.json"));
    let keys = [".wt/keys/lake.key", ".wt/keys/ledger.key"];
    assert_eq!(folder.files(".wt"), keys);
    assert_eq!(
        folder.files("twins"),
        ["twins/emails/model/symbols.json", "twins/emails/twin.json"]
    );
    assert_eq!(folder.read(".gitignore"), "/.wt/\n");
    assert_eq!(
        folder.json("twins/emails/model/symbols.json")["base_url"],
        "https://api.emails.test"
    );
    #[cfg(unix)]
    for key in keys {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(folder.path(key)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{key}");
    }
}

#[test]
fn init_adds_to_a_project_and_keeps_what_its_file_says() {
    let folder = Folder::new();
    folder.write("wondertwin.json", r#"{"twins": {"stripe": {"port": 4200}}}"#);
    folder.write(".gitignore", "target");
    let made = folder.wt_json(&[
        "init",
        "stripe",
        "--base-url",
        "https://api.stripe.test/",
        "--format",
        "json",
    ]);
    assert_eq!(made["base_url"], "https://api.stripe.test");
    assert_eq!(made["routes"], 0);
    folder.run(&["init", "slack"]);
    let config = folder.json("wondertwin.json");
    assert_eq!(config["twins"]["stripe"]["port"], 4200);
    assert_eq!(config["twins"]["slack"]["calibrations"], "follow");
    assert_eq!(config["trusted_keys"].as_array().unwrap().len(), 1, "one key a project");
    assert_eq!(folder.json("twins/slack/twin.json")["default_port"], 4118);
    assert_eq!(folder.read(".gitignore"), "target\n/.wt/\n");
}

#[test]
fn init_replaces_a_twin_only_when_told_to() {
    let folder = Folder::with_emails();
    let before = folder.read("twins/emails/model/symbols.json");
    snapshot!("init_existing", folder.wt(&["init", "emails"]));
    assert_eq!(folder.read("twins/emails/model/symbols.json"), before);
    assert!(folder.wt(&["init", "emails", "--force"]).starts_with("exit 0"));
    assert_ne!(folder.read("twins/emails/model/symbols.json"), before);
}

#[test]
fn init_refuses_what_it_cannot_use_and_makes_nothing() {
    let folder = Folder::new();
    let broken = folder.write("broken.yaml", "openapi: 3.1.0\npaths: [\n");
    let all = [
        folder.wt(&["init", "Emails"]),
        folder.wt(&["init", "emails", "--base-url", "api.emails.test"]),
        folder.wt(&["init", "emails", "--openapi", "absent.yaml"]),
        folder.wt(&["init", "emails", "--openapi", &broken]),
        folder.wt(&["init"]),
    ];
    snapshot!("init_refusals", all.join("\n"));
    assert_eq!(folder.files(""), ["broken.yaml"]);
}

#[test]
fn a_command_outside_a_project_or_for_an_unknown_twin_says_what_to_do() {
    let empty = Folder::new();
    let folder = Folder::with_emails();
    let all = [
        empty.wt(&["export", "emails", "--openapi", "-"]),
        empty.wt(&["up"]),
        empty.wt(&["--project", "nowhere", "status"]),
        folder.wt(&["export", "emials", "--openapi", "-"]),
        folder.wt(&["export", "plaid", "--openapi", "-"]),
        folder.wt(&["down", "plaid"]),
    ];
    snapshot!("no_such_twin", all.join("\n"));
}

#[test]
fn a_project_file_that_cannot_be_read_is_told_by_line_and_column() {
    let folder = Folder::with_emails();
    let texts = [
        "{\n  \"twins\": {\n    \"emails\": {\"prot\": 4111}\n  }\n}",
        "{\n  \"twins\": {,\n",
        r#"{"twins": {"a": {"port": 4111}, "b": {"port": 4111}}}"#,
        r#"{"twins": {"A b": {}}}"#,
        r#"{"trusted_keys": ["abc"]}"#,
    ];
    let all: Vec<_> = texts
        .iter()
        .map(|text| {
            folder.write("wondertwin.json", text);
            folder.wt(&["status"])
        })
        .collect();
    snapshot!("bad_project_file", all.join("\n"));
}

#[test]
fn a_model_that_cannot_be_read_is_told_by_line_and_column() {
    let folder = Folder::with_emails();
    folder.write("twins/emails/model/symbols.json", "{\n  \"format\": \"wondertwin.model/9\"}");
    snapshot!("bad_model", folder.wt(&["export", "emails", "--openapi", "-"]));
}

#[test]
fn what_is_exported_makes_the_same_twin() {
    let folder = Folder::with_emails();
    snapshot!("export", folder.wt(&["export", "emails", "--openapi", "out.json"]));
    let other = Folder::new();
    let file = folder.path("out.json");
    other.run(&["init", "emails", "--openapi", file.to_str().unwrap()]);
    let model = "twins/emails/model/symbols.json";
    assert_eq!(other.json(model), folder.json(model));
}

#[test]
fn a_project_is_found_from_a_folder_below() {
    let folder = Folder::with_emails();
    std::fs::create_dir_all(folder.path("src/deep")).unwrap();
    let status = folder
        .command(&["status", "--format", "json"])
        .current_dir(folder.path("src/deep"))
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&status.stdout).contains("emails"), "{status:?}");
}
