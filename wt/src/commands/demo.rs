//! `wt demo`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use models::{Drift, Finding, Kind};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::{count, status};
use crate::demo::Release;
use crate::demo::capture::Capture;
use crate::demo::client::{Answer, Client};
use crate::demo::traffic;
use crate::demo::vendor::Vendor;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::processes;
use crate::project::Project;

/// The demo's twin.
const TWIN: &str = "billing";
/// What the vendor's objects are made from.
const SEED: u64 = 42;
/// Between the last exchange before the release and the first after it: windows are told in seconds.
const QUIET: Duration = Duration::from_secs(2);
/// In which a twin serves what was published; the product promises 2 s.
const SERVED_WITHIN: Duration = Duration::from_secs(5);

/// Watch the whole loop: a vendor changes, its twin follows.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where the demo's project goes, a folder that is empty or not there [default: a new one among
    /// the system's temporary files]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(crate) fn run(
    args: &Args,
    project: Option<&Path>,
    out: &mut Output,
) -> anyhow::Result<Outcome> {
    ensure!(project.is_none(), "wt demo makes a project of its own: --dir says where");
    let began = Instant::now();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the system gave no threads")?;
    let vendor = runtime.block_on(Vendor::start(SEED))?;
    let stage = Stage { runtime, vendor, folder: folder(args)?, exe: std::env::current_exe()? };
    let played = stage.play(out);
    // Whatever happened, no process stays behind.
    let stopped = stage.wt(&["down"]);
    let outcome = played?;
    stopped?;
    let seconds = began.elapsed().as_secs_f64();
    out.say(&format!("\nThat took {seconds:.1} s. The twin is stopped; its project stays:"));
    out.say(&format!("  cd {} && wt up", stage.folder.display()));
    Ok(outcome)
}

fn folder(args: &Args) -> anyhow::Result<PathBuf> {
    let folder = args.dir.clone().unwrap_or_else(|| {
        let stamp = chrono::Utc::now().format("%Y%m%dT%H%M%S");
        std::env::temp_dir().join(format!("wt-demo-{stamp}-{}", std::process::id()))
    });
    let cannot = || format!("cannot make the demo's folder {}", folder.display());
    fs::create_dir_all(&folder).with_context(cannot)?;
    let mut entries = fs::read_dir(&folder).with_context(cannot)?;
    ensure!(entries.next().is_none(), "{} is not empty: name a new folder", folder.display());
    folder.canonicalize().with_context(cannot)
}

/// The vendor, and the project that follows it.
struct Stage {
    runtime: Runtime,
    vendor: Vendor,
    folder: PathBuf,
    exe: PathBuf,
}

impl Stage {
    fn play(&self, out: &mut Output) -> anyhow::Result<Outcome> {
        self.build(out)?;
        let twin = self.twin_client()?;
        let ada = json!({"name": "Ada Lovelace", "email": "ada@analytical.example"});
        let written = self.runtime.block_on(twin.post("/v1/customers", ada))?;
        ensure!(written.status == 201, "the twin answers a new customer with {}", written.status);
        let path = format!("/v1/customers/{}", written.body["id"].as_str().unwrap_or_default());
        let before = self.runtime.block_on(twin.get(&path))?;
        ensure!(before == Answer { status: 200, ..written }, "the twin forgot a customer");
        out.say(&format!("  a customer is written to the twin and read back: {}", before.body));

        step(out, 4, "Production is observed: shapes alone go to the lake, no payload.");
        self.observe(2, Release::First, out)?;
        let drift = self.calibrate(&[], out)?;
        ensure!(
            drift.findings.is_empty(),
            "drift was found where nothing changed: {}",
            list(&drift)
        );

        step(out, 5, "The vendor ships a release, and tells nobody. Production is observed on.");
        std::thread::sleep(QUIET);
        self.vendor.ship(Release::Second);
        let shipped = Instant::now();
        self.observe(3, Release::Second, out)?;
        let since = format!("{}s", shipped.elapsed().as_secs() + 1);

        step(out, 6, "What is different since then?");
        let drift = self.calibrate(&["--since", &since], out)?;
        if !tell_found(&drift, out) {
            return Ok(Outcome::No);
        }
        self.approve(&drift, out)?;

        step(out, 7, "The running twin answers in the new shape, without a restart.");
        self.watch_twin(&twin, &path, &before, out)?;
        self.end(out)
    }

    /// From nothing to a running twin.
    fn build(&self, out: &mut Output) -> anyhow::Result<()> {
        let url = self.vendor.url();
        step(
            out,
            1,
            &format!("A vendor's billing API runs at {url}, simulated. Its twin begins empty."),
        );
        self.tell(&["init", TWIN, "--base-url", &url], out)?;

        step(out, 2, "Applications call the vendor through the recording proxy.");
        let (requests, kept) = self.runtime.block_on(async {
            let capture = Capture::record(&self.project()?, TWIN, &self.vendor).await?;
            let requests = traffic::drive(&capture.url, 1, Release::First).await?;
            Ok::<_, anyhow::Error>((requests, capture.finish().await?))
        })?;
        ensure!(requests == kept, "{requests} requests were made and {kept} recorded");
        out.say(&format!("  {kept} exchanges recorded, scrubbed of secrets and personal data"));

        step(out, 3, "The recordings become the twin's model, and the twin runs.");
        self.tell(&["synth", TWIN], out)?;
        self.tell(&["up", TWIN], out)
    }

    fn project(&self) -> anyhow::Result<Project> {
        Project::open(Some(&self.folder))
    }

    /// An application that takes the twin for the vendor.
    fn twin_client(&self) -> anyhow::Result<Client> {
        let pids = processes::read_pids(&self.project()?)?;
        let port = pids.get(TWIN).context("the twin does not run")?.port;
        Ok(Client::new(&format!("http://127.0.0.1:{port}"), "sk_demo_twin".to_owned()))
    }

    fn observe(&self, stretch: u64, release: Release, out: &mut Output) -> anyhow::Result<()> {
        let project = self.project()?;
        let model = project.twin(TWIN)?.current(out)?.model;
        let (requests, kept) = self.runtime.block_on(async {
            let capture = Capture::observe(&project, TWIN, model, &self.vendor).await?;
            let requests = traffic::drive(&capture.url, stretch, release).await?;
            Ok::<_, anyhow::Error>((requests, capture.finish().await?))
        })?;
        ensure!(requests == kept, "{requests} requests were made and {kept} observed");
        out.say(&format!("  {kept} exchanges observed"));
        Ok(())
    }

    fn calibrate(&self, window: &[&str], out: &mut Output) -> anyhow::Result<Drift> {
        let command = [&["calibrate", TWIN], window].concat();
        out.say(&format!("  $ wt {}", command.join(" ")));
        let text = self.wt(&[&command, ["--format", "json"].as_slice()].concat())?;
        let drift: Drift = serde_json::from_str(&text).context("`wt calibrate`")?;
        let (found, seen) = (drift.findings.len(), drift.exchanges);
        out.say(&format!("  {} in {seen} exchanges", count(found, "finding")));
        Ok(drift)
    }

    /// Publishes what policy left to a maintainer.
    fn approve(&self, drift: &Drift, out: &mut Output) -> anyhow::Result<()> {
        let [additive, rest] = drift.calibrations.as_slice() else {
            bail!("{} were made, expected two", count(drift.calibrations.len(), "calibration"));
        };
        let changes = |number| count(number, "finding");
        out.say(&format!(
            "  calibration {} ({}) can break nobody: policy publishes it by itself",
            additive.number,
            changes(additive.findings.len())
        ));
        let (number, findings) = (rest.number, changes(rest.findings.len()));
        out.say(&format!(
            "  calibration {number} ({findings}) waits for a maintainer, who approves:"
        ));
        self.tell(&["calibrations", "approve", TWIN, &number.to_string(), "--by", "demo"], out)
    }

    /// Waits until the twin shows the release, and sees that it kept what was written.
    fn watch_twin(
        &self,
        twin: &Client,
        path: &str,
        before: &Answer,
        out: &mut Output,
    ) -> anyhow::Result<()> {
        let published = Instant::now();
        let after = loop {
            let now = self.runtime.block_on(twin.get(path))?;
            if now.body.get("loyalty_tier").is_some() && now.body.get("fax").is_none() {
                break now;
            }
            let waited = published.elapsed();
            ensure!(waited < SERVED_WITHIN, "after {waited:?} the twin still answers {}", now.body);
            std::thread::sleep(Duration::from_millis(50));
        };
        for kept in ["id", "name", "email"] {
            ensure!(after.body[kept] == before.body[kept], "the twin lost a customer's {kept}");
        }
        out.say(&format!(
            "  the same customer, {} ms later: {}",
            published.elapsed().as_millis(),
            after.body
        ));
        let disputes = self.runtime.block_on(twin.get("/v1/disputes"))?;
        ensure!(disputes.status == 200, "the twin answers /v1/disputes with {}", disputes.status);
        out.say("  and GET /v1/disputes, which it did not know, is answered with 200");
        let limit = Release::Second.limit();
        let stated = disputes.limit.unwrap_or_default();
        ensure!(stated == u64::from(limit), "the twin still states a limit of {stated} requests");
        out.say(&format!("  and its limit is {limit} requests a minute now"));
        Ok(())
    }

    fn end(&self, out: &mut Output) -> anyhow::Result<Outcome> {
        out.say("\n$ wt status");
        let project = self.project()?;
        let status = status::gather(&project)?;
        let (number, _) = project.twin(TWIN)?.report(None)?;
        let report = project.reports_dir(TWIN).join(format!("{number:06}.md"));
        fs::write(&report, self.wt(&["report", TWIN, "--format", "md"])?)
            .with_context(|| format!("cannot write {}", report.display()))?;
        let document = json!({"status": status, "report": report, "project": self.folder});
        out.result(|| format!("{status}\nreport: {}", report.display()), &document)?;
        Ok(Outcome::Done)
    }

    /// Runs a command as a user would, and shows both.
    fn tell(&self, args: &[&str], out: &mut Output) -> anyhow::Result<()> {
        out.say(&format!("  $ wt {}", args.join(" ")));
        let said = self.wt(args)?;
        for line in said.lines() {
            out.say(&format!("  {line}"));
        }
        Ok(())
    }

    /// What a command prints.
    fn wt(&self, args: &[&str]) -> anyhow::Result<String> {
        let run = std::process::Command::new(&self.exe)
            .arg("--project")
            .arg(&self.folder)
            .args(args)
            .output()
            .with_context(|| format!("cannot run {}", self.exe.display()))?;
        let said = String::from_utf8_lossy(&run.stderr);
        ensure!(run.status.success(), "`wt {}` failed: {}", args.join(" "), said.trim());
        Ok(String::from_utf8_lossy(&run.stdout).into_owned())
    }
}

fn step(out: &mut Output, number: u32, text: &str) {
    out.say(&format!("\n{number}. {text}"));
}

/// A change in words, its kind, and whether a finding of that kind is it.
type Change = (&'static str, Kind, fn(&Finding) -> bool);

/// What the release changed, and the finding that says so.
const CHANGES: [Change; 6] = [
    ("customers have a loyalty tier", Kind::FieldAdded, |finding| {
        finding.path.ends_with("loyalty_tier")
    }),
    ("a payment's amount is text", Kind::TypeChanged, |finding| finding.path.ends_with("amount")),
    ("an invoice can be disputed", Kind::EnumValueAdded, |finding| {
        finding.path.ends_with("status") && finding.after == json!(["disputed"])
    }),
    ("customers have no fax any more", Kind::FieldRemoved, |finding| finding.path.ends_with("fax")),
    ("there is a list of disputes", Kind::RouteAdded, |finding| {
        finding.route.as_deref() == Some("GET /v1/disputes")
    }),
    ("30 requests a minute, not 60", Kind::RateLimitChanged, |finding| {
        finding.after["limit"] == json!(Release::Second.limit())
    }),
];

/// Names each change with what was found of it; whether none was missed.
fn tell_found(drift: &Drift, out: &mut Output) -> bool {
    let mut is_complete = true;
    for (what, kind, is_it) in CHANGES {
        let found: Vec<_> =
            drift.findings.iter().filter(|one| one.kind == kind && is_it(one)).collect();
        let Some(first) = found.first() else {
            out.say(&format!("  ✗ {what}: missed"));
            is_complete = false;
            continue;
        };
        let place = match (&first.route, first.path.as_str()) {
            (None, "") => "of every key".to_owned(),
            (None, scope) => scope.to_owned(),
            (Some(route), "") => route.clone(),
            (Some(route), path) => format!("{route} · {path}"),
        };
        let more =
            if found.len() > 1 { format!(" and {} more", found.len() - 1) } else { String::new() };
        out.say(&format!("  ✓ {what:32} {kind}: {place}{more}"));
    }
    is_complete
}

fn list(drift: &Drift) -> Value {
    let name = |finding: &Finding| {
        json!([finding.kind.name(), finding.route, finding.path, finding.after])
    };
    drift.findings.iter().map(name).collect()
}
