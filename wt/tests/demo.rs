//! `wt demo`, as a newcomer runs it.

mod support;

use support::Folder;

#[test]
fn the_demo_finds_every_change_and_the_twin_follows() {
    let folder = Folder::new();
    let said = folder.wt(&["demo", "--dir", "shown"]);
    assert!(said.starts_with("exit 0"), "{said}");
    assert_eq!(said.matches("  ✓ ").count() - said.matches("  ✓ billing").count(), 7, "{said}");
    assert!(!said.contains('✗'), "{said}");
    assert!(
        said.contains(
            "1 twin running · drift-aligned · 0 errors\n✓ billing v0.1.0 · calibrated just now"
        ),
        "{said}"
    );
    let report = folder.read("shown/reports/billing/000002.md");
    assert!(report.contains("loyalty_tier"), "{report}");
    let status = folder.wt(&["--project", "shown", "status"]);
    assert!(status.contains("0 twins running"), "the demo leaves a twin behind: {status}");
}

#[test]
fn a_demo_does_not_use_a_folder_that_holds_something() {
    let folder = Folder::new();
    folder.write("mine/notes.txt", "keep");
    let said = folder.wt(&["demo", "--dir", "mine"]);
    assert!(said.starts_with("exit 2") && said.contains("is not empty"), "{said}");
    assert_eq!(folder.files("mine"), ["mine/notes.txt"]);
}
