//! The whole run: sizes one after the other, each phase in a process, then the table.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context as _;

use crate::phase::Outcome;

/// Exchanges the model is made from.
const SAMPLE: u64 = 20_000;
/// Lines that simd-json parses, and that are written raw: a rate does not need more.
const COMPARED: u64 = 200_000;
/// Days of the long lake, and exchanges of each, where one day is calibrated.
const DAYS: u64 = 10;
const OF_A_DAY: u64 = 50_000;
/// Bytes of a generated entry, rounded up, for the message about a full disk.
const ENTRY_BYTES: u64 = 3_000;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Sizes of the generated logs, exchanges
    #[arg(long, value_delimiter = ',', default_values_t = [200_000, 2_000_000])]
    exchanges: Vec<u64>,
    /// Routes of the generated API, five a resource
    #[arg(long, default_value_t = 50)]
    routes: u64,
    /// Times import and calibration are repeated; the cheapest counts
    #[arg(long, default_value_t = 2)]
    repeats: u64,
    /// Where the logs and lakes go for the time of the run
    #[arg(long, value_name = "DIR")]
    temp: Option<PathBuf>,
}

/// What was measured of one log.
struct Measured {
    import: Outcome,
    calibrate: Outcome,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let mut folder = tempfile::Builder::new();
    folder.prefix("wondertwin-bench-");
    let folder = match &args.temp {
        Some(temp) => folder.tempdir_in(temp)?,
        None => folder.tempdir()?,
    };
    println!(
        "{} routes, cheapest of {} runs, CPU time (user and system, all threads)\n",
        args.routes, args.repeats
    );
    let mut by_headers = Vec::new();
    for headers in ["stated", "absent"] {
        let bench = Bench { args, folder: folder.path(), headers };
        let sample = bench.generate(SAMPLE)?;
        let twin = folder.path().join(format!("twin-{headers}"));
        child(&["synth", "--log", text(&sample)?, "--twin", text(&twin)?])?;
        println!("rate-limit headers {headers}");
        println!(
            "{:>10} {:<10} {:>8} {:>9} {:>11} {:>8} {:>9}  ",
            "exchanges", "phase", "CPU s", "µs/exch.", "exchanges/s", "MB/s", "peak MB"
        );
        let mut sizes = Vec::new();
        for &exchanges in &args.exchanges {
            sizes.push(bench.size(exchanges, &twin)?);
        }
        println!();
        by_headers.push((headers, sizes));
        let (short, long) = (bench.last_day(&twin, 1)?, bench.last_day(&twin, DAYS)?);
        println!(
            "the last day ({OF_A_DAY} exchanges) of a lake of 1 day {short:.2} s, of {DAYS} days {long:.2} s: {:.2}x\n",
            ratio(long, short)
        );
    }
    for (headers, sizes) in &by_headers {
        if let [first, .., last] = sizes.as_slice() {
            let times = last.import.exchanges / first.import.exchanges.max(1);
            let ratio = ratio(
                last.calibrate.cost.cpu.as_secs_f64(),
                first.calibrate.cost.cpu.as_secs_f64(),
            );
            println!(
                "calibration of {times}x the exchanges, headers {headers}: {ratio:.2}x the CPU"
            );
        }
    }
    Ok(())
}

struct Bench<'a> {
    args: &'a Args,
    folder: &'a Path,
    headers: &'static str,
}

impl Bench<'_> {
    fn size(&self, exchanges: u64, twin: &Path) -> anyhow::Result<Measured> {
        let log = self.generate(exchanges)?;
        let compared = exchanges.min(COMPARED).to_string();
        let parse = child(&["parse", "--log", text(&log)?, "--exchanges", &compared])?;
        let lines_us = micros(parse.cost.cpu.as_secs_f64(), parse.exchanges);
        let bodies_us = micros(parse.bodies_cpu.as_secs_f64(), parse.exchanges);
        row("simd-json", exchanges, lines_us, &parse);
        let mut import: Option<Outcome> = None;
        let lake = self.folder.join("lake");
        for _ in 0..self.args.repeats {
            remove(&lake)?;
            let run = child(&[
                "import",
                "--log",
                text(&log)?,
                "--twin",
                text(twin)?,
                "--lake",
                text(&lake)?,
            ])?;
            import = Some(cheaper(import, run));
        }
        let import = import.context("--repeats is at least 1")?;
        let import_us = micros(import.cost.cpu.as_secs_f64(), import.exchanges);
        row("import", exchanges, import_us, &import);
        let raw = child(&["raw", "--log", text(&log)?, "--exchanges", &compared])?;
        std::fs::remove_file(&log)?;
        let mut calibrate: Option<Outcome> = None;
        for _ in 0..self.args.repeats {
            let run = child(&["calibrate", "--twin", text(twin)?, "--lake", text(&lake)?])?;
            calibrate = Some(cheaper(calibrate, run));
        }
        let calibrate = calibrate.context("--repeats is at least 1")?;
        row(
            "calibrate",
            exchanges,
            micros(calibrate.cost.cpu.as_secs_f64(), exchanges),
            &calibrate,
        );
        remove(&lake)?;
        println!(
            "{:>10} simd-json {lines_us:.2} µs for the lines ({} bytes), {bodies_us:.2} for the bodies in them ({} bytes); \
             import is {:.2}x the lines, {:.2}x lines and bodies",
            "",
            parse.bytes / parse.exchanges.max(1),
            parse.bodies_bytes / parse.exchanges.max(1),
            import_us / lines_us,
            import_us / (lines_us + bodies_us),
        );
        let written: Vec<String> = import
            .written
            .iter()
            .map(|(table, bytes)| format!("{table} {:.2}", per(*bytes, exchanges)))
            .collect();
        println!(
            "{:>10} lake {:.1} bytes an exchange ({}); the exchanges themselves as zstd Parquet {:.0}",
            "",
            per(import.written.values().sum(), exchanges),
            written.join(", "),
            per(raw.written.values().sum(), raw.exchanges),
        );
        if !calibrate.said.is_empty() {
            println!("{:>10} findings, of which there should be none: {:?}", "", calibrate.said);
        }
        Ok(Measured { import, calibrate })
    }

    /// CPU seconds of calibrating the last day of a lake of so many.
    fn last_day(&self, twin: &Path, days: u64) -> anyhow::Result<f64> {
        let lake = self.folder.join("days");
        remove(&lake)?;
        for day in DAYS - days..DAYS {
            let log = self.generate_day(OF_A_DAY, day)?;
            let (twin, at) = (text(twin)?, text(&lake)?);
            child(&["import", "--log", text(&log)?, "--twin", twin, "--lake", at])?;
            std::fs::remove_file(&log)?;
        }
        let since = (DAYS - 1).to_string();
        let args =
            ["calibrate", "--twin", text(twin)?, "--lake", text(&lake)?, "--since-day", &since];
        let mut best = f64::INFINITY;
        for _ in 0..self.args.repeats {
            let run = child(&args)?;
            anyhow::ensure!(run.exchanges == OF_A_DAY, "{} exchanges in a day", run.exchanges);
            best = best.min(run.cost.cpu.as_secs_f64());
        }
        remove(&lake)?;
        Ok(best)
    }

    fn generate(&self, exchanges: u64) -> anyhow::Result<PathBuf> {
        self.generate_day(exchanges, 0)
    }

    fn generate_day(&self, exchanges: u64, day: u64) -> anyhow::Result<PathBuf> {
        let needed = exchanges * ENTRY_BYTES;
        let log = self.folder.join(format!("{}-{exchanges}.ndjson", self.headers));
        let (size, routes) = (exchanges.to_string(), self.args.routes.to_string());
        let day = day.to_string();
        let args = [
            "generate",
            "--exchanges",
            &size,
            "--routes",
            &routes,
            "--headers",
            self.headers,
            "--day",
            &day,
            "--log",
            text(&log)?,
        ];
        child(&args).with_context(|| {
            format!("a log of {exchanges} exchanges needs up to {} MB", needed / 1_000_000)
        })?;
        Ok(log)
    }
}

fn cheaper(best: Option<Outcome>, run: Outcome) -> Outcome {
    match best {
        Some(best) => Outcome { cost: best.cost.cheaper(run.cost), ..run },
        None => run,
    }
}

fn row(phase: &str, exchanges: u64, cpu_us: f64, outcome: &Outcome) {
    let wall = outcome.cost.wall.as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "sizes for people to read")]
    let (rate, bandwidth) = (outcome.exchanges as f64 / wall, outcome.bytes as f64 / 1e6 / wall);
    let bandwidth = if outcome.bytes == 0 { "-".to_owned() } else { format!("{bandwidth:.0}") };
    println!(
        "{exchanges:>10} {phase:<10} {:>8.2} {cpu_us:>9.2} {rate:>11.0} {bandwidth:>8} {:>9}",
        outcome.cost.cpu.as_secs_f64(),
        outcome.cost.peak_bytes / 1_000_000,
    );
}

/// Runs one phase in a process of its own.
fn child(args: &[&str]) -> anyhow::Result<Outcome> {
    let bench = std::env::current_exe()?;
    let done = Command::new(bench).args(args).stderr(Stdio::inherit()).output()?;
    anyhow::ensure!(done.status.success(), "the phase `{}` failed", args.join(" "));
    Ok(serde_json::from_slice(&done.stdout)?)
}

fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().context("the temporary folder's name is not UTF-8")
}

fn remove(lake: &Path) -> std::io::Result<()> {
    if lake.exists() { std::fs::remove_dir_all(lake) } else { Ok(()) }
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn micros(seconds: f64, exchanges: u64) -> f64 {
    seconds * 1e6 / exchanges.max(1) as f64
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn per(bytes: u64, exchanges: u64) -> f64 {
    bytes as f64 / exchanges.max(1) as f64
}

fn ratio(one: f64, other: f64) -> f64 {
    one / other.max(f64::MIN_POSITIVE)
}
