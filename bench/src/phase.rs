//! The phases, each run in a process of its own so that peaks of memory stay apart.

use std::collections::BTreeMap;
use std::fs::File;
use std::hint::black_box;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use arrow::array::{ArrayRef, RecordBatch, StringArray};
use calibrator::reading::Reading;
use calibrator::{Known, evidence_file};
use models::Model;
use observer::import::{Strictness, import};
use observer::intake::{Disclosure, Intake};
use observer::key::LakeKey;
use observer::lake::Lake;
use observer::sources::Limits;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde::{Deserialize, Serialize};
use simd_json::prelude::*;

use crate::log::{self, BASE_URL, Headers};
use crate::meter::{Cost, thread_time};

const TWIN: &str = "bench";
/// Lines parsed together: what stays in the second-level cache.
const BLOCK: usize = 256;
const PARSE_ROUNDS: usize = 3;

/// One phase, as the bench calls itself.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Phase {
    /// Write a log
    Generate {
        #[arg(long)]
        exchanges: u64,
        #[arg(long)]
        routes: u64,
        #[arg(long)]
        headers: Headers,
        /// Days after the first
        #[arg(long, default_value_t = 0)]
        day: u64,
        #[arg(long)]
        log: PathBuf,
    },
    /// Parse the first lines of a log, and the bodies in them, with simd-json
    Parse {
        #[arg(long)]
        log: PathBuf,
        #[arg(long)]
        exchanges: usize,
    },
    /// Write the first exchanges of a log as zstd Parquet, whole
    Raw {
        #[arg(long)]
        log: PathBuf,
        #[arg(long)]
        exchanges: usize,
    },
    /// Make a model and its evidence of a log
    Synth {
        #[arg(long)]
        log: PathBuf,
        #[arg(long)]
        twin: PathBuf,
    },
    /// Import a log into a lake
    Import {
        #[arg(long)]
        log: PathBuf,
        #[arg(long)]
        twin: PathBuf,
        #[arg(long)]
        lake: PathBuf,
    },
    /// Compare a lake with the model
    Calibrate {
        #[arg(long)]
        twin: PathBuf,
        #[arg(long)]
        lake: PathBuf,
        /// Only what was seen from this day on
        #[arg(long)]
        since_day: Option<u64>,
    },
}

/// What a phase found, on its standard output.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) cost: Cost,
    /// Exchanges the phase went over.
    pub(crate) exchanges: u64,
    /// Bytes it read.
    pub(crate) bytes: u64,
    /// Bytes it wrote, by table.
    pub(crate) written: BTreeMap<String, u64>,
    /// CPU time of parsing the bodies alone; `cost` is of the lines.
    pub(crate) bodies_cpu: Duration,
    pub(crate) bodies_bytes: u64,
    /// What calibration had to say, by kind.
    pub(crate) said: BTreeMap<String, u64>,
}

impl Phase {
    pub(crate) fn run(&self) -> anyhow::Result<Outcome> {
        match self {
            Self::Generate { exchanges, routes, headers, day, log } => {
                let write =
                    |out: &mut dyn Write| Ok(log::write(*exchanges, *routes, *headers, *day, out)?);
                generate(*exchanges, log, write)
            }
            Self::Parse { log, exchanges } => parse(log, *exchanges),
            Self::Raw { log, exchanges } => raw(log, *exchanges),
            Self::Synth { log, twin } => synth(log, twin),
            Self::Import { log, twin, lake } => import_log(log, twin, lake),
            Self::Calibrate { twin, lake, since_day } => calibrate(twin, lake, *since_day),
        }
    }
}

fn generate(
    exchanges: u64,
    log: &Path,
    write: impl Fn(&mut dyn Write) -> anyhow::Result<()>,
) -> anyhow::Result<Outcome> {
    let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let mut out = BufWriter::with_capacity(1 << 20, file);
    let (cost, ()) = Cost::of(|| write(&mut out))?;
    out.flush()?;
    Ok(Outcome { cost, exchanges, bytes: log.metadata()?.len(), ..Outcome::default() })
}

/// Making the fresh copy that simd-json overwrites is not measured.
fn parse(log: &Path, exchanges: usize) -> anyhow::Result<Outcome> {
    let mut lines =
        BufReader::with_capacity(1 << 20, File::open(log)?).split(b'\n').take(exchanges);
    let mut outcome = Outcome::default();
    let mut best = [Duration::ZERO; 2];
    loop {
        let block: Vec<Vec<u8>> = lines.by_ref().take(BLOCK).collect::<Result<_, _>>()?;
        if block.is_empty() {
            break;
        }
        let bodies: Vec<Vec<u8>> =
            block.iter().map(|line| bodies(line)).collect::<Result<Vec<_>, _>>()?.concat();
        let size = |texts: &[Vec<u8>]| texts.iter().map(|text| text.len() as u64).sum::<u64>();
        outcome.exchanges += block.len() as u64;
        outcome.bytes += size(&block);
        outcome.bodies_bytes += size(&bodies);
        for (best, texts) in best.iter_mut().zip([&block, &bodies]) {
            let rounds = (0..PARSE_ROUNDS).map(|_| {
                let mut copies = texts.clone();
                thread_time(|| parse_all(&mut copies))
            });
            *best += rounds.min().unwrap_or_default();
        }
    }
    let (peak, ()) = Cost::of(|| Ok(()))?;
    outcome.cost = Cost { cpu: best[0], wall: best[0], peak_bytes: peak.peak_bytes };
    outcome.bodies_cpu = best[1];
    Ok(outcome)
}

fn parse_all(texts: &mut [Vec<u8>]) {
    let mut buffers = simd_json::Buffers::default();
    for text in texts {
        black_box(simd_json::to_borrowed_value_with_buffers(text, &mut buffers))
            .expect("generated as JSON");
    }
}

/// The texts of the answer's body and of the request's, where it has one.
fn bodies(line: &[u8]) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut copy = line.to_vec();
    let entry = simd_json::to_borrowed_value(&mut copy)?;
    let answer = entry["response"]["content"].get_str("text");
    let input = entry["request"].get("postData").and_then(|data| data.get_str("text"));
    Ok([answer, input].into_iter().flatten().map(|text| text.as_bytes().to_vec()).collect())
}

/// The exchanges themselves as a table of texts, which is what the lake is compared with.
fn raw(log: &Path, exchanges: usize) -> anyhow::Result<Outcome> {
    const COLUMNS: [&str; 9] = [
        "seen_at",
        "latency",
        "method",
        "url",
        "request_headers",
        "request_body",
        "status",
        "response_headers",
        "response_body",
    ];
    let mut lines = BufReader::with_capacity(1 << 20, File::open(log)?).lines().take(exchanges);
    let mut writer: Option<ArrowWriter<Vec<u8>>> = None;
    let mut outcome = Outcome::default();
    loop {
        let block: Vec<String> = lines.by_ref().take(20_000).collect::<Result<_, _>>()?;
        if block.is_empty() {
            break;
        }
        let mut columns = vec![Vec::new(); COLUMNS.len()];
        for line in &block {
            let entry: serde_json::Value = serde_json::from_str(line)?;
            let (request, response) = (&entry["request"], &entry["response"]);
            let cells = [
                &entry["startedDateTime"],
                &entry["time"],
                &request["method"],
                &request["url"],
                &request["headers"],
                &request["postData"]["text"],
                &response["status"],
                &response["headers"],
                &response["content"]["text"],
            ];
            for (column, cell) in columns.iter_mut().zip(cells) {
                column.push(cell.as_str().map_or_else(|| cell.to_string(), str::to_owned));
            }
        }
        outcome.exchanges += block.len() as u64;
        outcome.bytes += block.iter().map(|line| line.len() as u64 + 1).sum::<u64>();
        let arrays =
            columns.into_iter().map(|column| Arc::new(StringArray::from(column)) as ArrayRef);
        let batch = RecordBatch::try_from_iter(COLUMNS.into_iter().zip(arrays))?;
        if writer.is_none() {
            let zstd = Compression::ZSTD(ZstdLevel::try_new(3)?);
            let properties = WriterProperties::builder().set_compression(zstd).build();
            writer = Some(ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties))?);
        }
        if let Some(writer) = &mut writer {
            writer.write(&batch)?;
        }
    }
    let size = writer.map(ArrowWriter::into_inner).transpose()?.unwrap_or_default().len();
    outcome.written.insert("raw".to_owned(), size as u64);
    Ok(outcome)
}

fn synth(log: &Path, twin: &Path) -> anyhow::Result<Outcome> {
    std::fs::create_dir_all(twin)?;
    let lake = Lake::open(&twin.join("lake"))?;
    let base = Model::empty(TWIN, BASE_URL);
    let (cost, (model, evidence)) = Cost::of(|| {
        let mut intake = Intake::new(Arc::new(base.clone()), key(), Disclosure::RECORDING);
        import(&lake, TWIN, &mut intake, log, Strictness::Strict, &Limits::default(), &mut |_| ())?;
        Ok(runtime()?.block_on(calibrator::synthesise(&lake, TWIN, base))?)
    })?;
    std::fs::write(model_file(twin), model.canonical())?;
    evidence_file::write(&evidence, &twin.join("evidence.parquet"))?;
    let said = BTreeMap::from([("routes".to_owned(), model.routes.len() as u64)]);
    Ok(Outcome { cost, said, ..Outcome::default() })
}

fn import_log(log: &Path, twin: &Path, lake: &Path) -> anyhow::Result<Outcome> {
    let model = read_model(twin)?;
    let lake = Lake::open(lake)?;
    let (cost, imported) = Cost::of(|| {
        let mut intake = Intake::new(Arc::new(model), key(), Disclosure::PRODUCTION);
        Ok(import(
            &lake,
            TWIN,
            &mut intake,
            log,
            Strictness::Strict,
            &Limits::default(),
            &mut |_| (),
        )?)
    })?;
    let mut written = BTreeMap::new();
    for file in imported.segment.files {
        *written.entry(file.table).or_default() += file.bytes;
    }
    let exchanges = imported.segment.exchanges;
    Ok(Outcome { cost, exchanges, bytes: log.metadata()?.len(), written, ..Outcome::default() })
}

fn calibrate(twin: &Path, lake: &Path, since_day: Option<u64>) -> anyhow::Result<Outcome> {
    let model = read_model(twin)?;
    let evidence = evidence_file::read(&twin.join("evidence.parquet"))?;
    let lake = Lake::open(lake)?;
    let runtime = runtime()?;
    let since_us = since_day.map_or(i64::MIN, log::day_us);
    let policy = calibrator::policy::Policy::default();
    let memory = calibrator::memory::Memory::default();
    let (cost, analysis) = Cost::of(|| {
        let known =
            Known { model: &model, before: evidence.as_ref(), policy: &policy, memory: &memory };
        runtime.block_on(async {
            let mut reading = Reading::new(TWIN, since_us);
            reading.advance(&lake).await?;
            Ok(calibrator::analyse(&lake, &reading, &known).await?)
        })
    })?;
    let mut said = BTreeMap::new();
    for finding in &analysis.drift.findings {
        *said.entry(finding.kind.name().to_owned()).or_default() += 1;
    }
    Ok(Outcome { cost, exchanges: analysis.drift.exchanges, said, ..Outcome::default() })
}

fn read_model(twin: &Path) -> anyhow::Result<Model> {
    Ok(serde_json::from_slice(&std::fs::read(model_file(twin))?)?)
}

fn model_file(twin: &Path) -> PathBuf {
    twin.join("model.json")
}

fn key() -> LakeKey {
    LakeKey::new([7; 16])
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}
